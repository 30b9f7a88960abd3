"""`remit bind`, `unbind`, `bindings`, `revoke`, `who-can`."""

from __future__ import annotations

import shlex
from typing import Any

import click

from remit.cli._connect import ask_boss
from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import ago, at, moment, rates, size
from remit.lib import make_attenuation

__all__ = ["bind", "bindings", "edge_table", "how_much", "revoke", "unbind", "who_can"]


@click.command()
@click.argument("target", metavar="MACHINE.NAME")
@click.argument("service", metavar="MACHINE.SERVICE")
@click.option("--read-only", is_flag=True, help="Only methods that change nothing.")
@click.option("--only", metavar="METHOD,…", help="Only these methods.")
@click.option("--prefix", metavar="TEXT", help="Only keys that begin so.")
@click.option("--count", type=click.IntRange(min=1), help="Only so many calls.")
@click.option(
    "--rate", callback=rates, multiple=True, metavar="N/TIME", help="Only so many calls in a time: 10/s, 100/m, 5/10m."
)
@click.option(
    "--bytes", "most", callback=size, metavar="SIZE", help="Of a tunnel: only so many bytes, both ways: 500k, 10M, 2G."
)
@click.option("--connections", type=click.IntRange(min=1), help="Of a tunnel: only so many at once.")
@click.option("--until", callback=moment, metavar="WHEN", help="Only until then: 10m, 2h, 7d, 2031-12-24T18:00.")
@click.option("--interface", default="", help="Refuse a service that keeps another interface.")
@click.option("--local", type=click.Choice(["socket", "port"]), default=None, help="What a tunnel is on the machine.")
@click.option(
    "--user", default="", help="Whose programs the credential is for, on the machine; its agent's user otherwise."
)
@click.option(
    "--reload",
    metavar="COMMAND",
    default="",
    help="Run there when the credential has changed; words as a shell has them.",
)
@click.option(
    "--signal", metavar="'SIGNAL SERVICE'", default="", help="Sent then to a service of the machine: 'HUP web'."
)
@click.option(
    "--template",
    "templates",
    nargs=2,
    multiple=True,
    metavar="TEMPLATE FILE",
    help="There, a file (mode 600) made of a template, with {name.entry} filled in.",
)
@as_json_option
@click.pass_obj
def bind(
    settings: Settings,
    target: str,
    service: str,
    read_only: bool,
    only: str | None,
    prefix: str | None,
    count: int | None,
    rate: list[list[float]] | None,
    most: int | None,
    connections: int | None,
    until: float | None,
    interface: str,
    local: str | None,
    user: str,
    reload: str,
    signal: str,
    templates: tuple[tuple[str, str], ...],
    as_json: bool,
) -> None:
    """Give a machine, under a name, what another machine offers. Where it cannot be reached it is done later, and says so."""
    narrowed = make_attenuation(
        methods=_methods(only),
        read_only=read_only,
        prefix=prefix,
        count=count,
        until=until,
        rate=rate,
        bytes=most,
        connections=connections,
    )
    more = _laying(local or "", user, reload, signal, templates)
    edge = ask_boss(settings, lambda boss: boss.bind(target, service, narrowed, interface, **more))
    if as_json:
        show_json(edge)
    else:
        say(f"{edge['target']} -> {edge['service']} ({how_much(edge)}): {edge['state']}")
    if edge["state"] != "active":
        say(f"not finished yet: {edge['error'] or 'a machine cannot be reached'}; it goes on when the machine is back")
        raise click.exceptions.Exit(PARTLY)


def _laying(local: str, user: str, reload: str, signal: str, templates: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """What is said of how a credential is laid out, as an argument for the boss; nothing where nothing is said."""
    if not (local or user or reload or signal or templates):
        return {}
    from remit.machines import Laying

    return {"laying": Laying(local, user, shlex.split(reload), signal, [list(pair) for pair in templates])}


def _methods(only: str | None) -> list[str] | None:
    if only is None:
        return None
    methods = [name.strip() for name in only.split(",") if name.strip()]
    if not methods:
        raise click.BadParameter("name at least one method, such as get,has", param_hint="--only")
    return methods


def how_much(edge: dict[str, Any]) -> str:
    """An edge's attenuation in words, with its end as a date and time of this place."""
    words: str = edge["attenuation"]
    if edge["until"] is None:
        return words
    return words.replace(f"until {edge['until']:.0f}", f"until {at(edge['until'])}")


@click.command()
@click.argument("target", metavar="MACHINE.NAME")
@as_json_option
@click.pass_obj
def unbind(settings: Settings, target: str, as_json: bool) -> None:
    """Take back what is bound under a name."""
    _ended(ask_boss(settings, lambda boss: boss.unbind(target)), as_json)


@click.command()
@click.argument("what", metavar="EDGE|MACHINE.NAME|MACHINE")
@as_json_option
@click.pass_obj
def revoke(settings: Settings, what: str, as_json: bool) -> None:
    """Take back one edge, or all that a machine holds: what it has in use breaks at once."""
    _ended(ask_boss(settings, lambda boss: boss.revoke(what)), as_json)


def _ended(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(outcome)
    else:
        say(f"revoked: {', '.join(outcome['revoked']) or 'nothing yet'}")
        for edge in outcome["unfinished"]:
            say(f"not yet: {edge['target']} -> {edge['service']}, waiting for {', '.join(edge['awaiting'])}")
    if outcome["unfinished"]:
        raise click.exceptions.Exit(PARTLY)


@click.command()
@click.argument("machine", required=False)
@as_json_option
@click.pass_obj
def bindings(settings: Settings, machine: str | None, as_json: bool) -> None:
    """List all bindings, or those of one MACHINE."""
    edges = ask_boss(settings, lambda boss: boss.bindings(machine))
    if as_json:
        show_json(edges)
    else:
        edge_table(edges)


def _note(edge: dict[str, Any]) -> str:
    """What an operator should know of an edge besides: what is wrong, and who relays it."""
    said = (edge["error"], edge.get("note", ""), f"relayed via {edge['via']}" if edge["via"] else "")
    return "; ".join(part for part in said if part)


def edge_table(edges: list[dict[str, Any]]) -> None:
    """Edges as a table."""
    rows = [(e["target"], e["service"], how_much(e), e["state"], ago(e["since"]), e["id"], _note(e)) for e in edges]
    table(
        ("BINDING", "SERVICE", "HOW MUCH", "STATE", "SINCE", "EDGE", "NOTE"),
        rows,
        "nothing is bound; see: remit bind --help",
    )


@click.command("who-can")
@click.argument("service", metavar="MACHINE[.SERVICE]")
@click.option(
    "--used", is_flag=True, help="Ask the machine when accounts at PostgreSQL, Redis, … were last seen in use."
)
@as_json_option
@click.pass_obj
def who_can(settings: Settings, service: str, used: bool, as_json: bool) -> None:
    """Say who can reach a service, and through whom."""
    found = ask_boss(settings, lambda boss: boss.who_can(service, True) if used else boss.who_can(service))
    if as_json:
        show_json(found)
        return
    rows: list[tuple[Any, ...]] = [
        (h["machine"], h["attenuation"], ", ".join(h["edges"]), " > ".join(h["through"]) or "directly", ago(h["since"]))
        for h in found
    ]
    names: tuple[str, ...] = ("MACHINE", "HOW MUCH", "EDGES", "THROUGH", "SINCE")
    if used:
        names = (*names, "LAST USED")
        rows = [(*row, ago(h["used"]) if h["used"] else "-") for row, h in zip(rows, found, strict=True)]
    table(names, rows, f"nobody can reach {service}")
