"""`remit offer`, `remit withdraw` and `remit offers`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._arguments import argument
from remit.cli._connect import ask_boss
from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._secret import read_secret
from remit.cli._show import as_json_option, say, show_json, table

__all__ = ["offer", "offers", "withdraw"]


@click.command()
@click.argument("service", metavar="MACHINE.NAME")
@click.argument("arguments", nargs=-1)
@click.option(
    "--kind",
    required=True,
    help="The kind of object, as its @actor class names it; the machine's agent must know the class.",
)
@click.option(
    "--owner",
    metavar="FILE",
    help="The file (mode 600) with the connection of the owner of a service such as postgres or redis; '-' or fd:N.",
)
@click.option(
    "--target",
    metavar="HOST:PORT|PATH",
    help="Where the server is, on its machine, of a service of kind tcp: it needs no connection of an owner.",
)
@click.option("--interface", default="", help="The name of the interface that it keeps.")
@click.option("--description", default="", help="For people.")
@as_json_option
@click.pass_obj
def offer(
    settings: Settings,
    service: str,
    arguments: tuple[str, ...],
    kind: str,
    owner: str | None,
    target: str | None,
    interface: str,
    description: str,
    as_json: bool,
) -> None:
    """Have a machine make an object of a KIND from ARGUMENTS, keep it, and offer it as MACHINE.NAME.

    A KIND that speaks no CapTP (postgres, redis, tcp) takes the connection of its owner instead, by --owner, or where it is, by --target:
    docs/credentials.md.

    Each argument is JSON where it can be read as such, else text; '-' takes one from standard input, '@FILE' from a file.
    """
    given = [argument(text) for text in arguments]
    if owner is not None and target is not None:
        raise click.UsageError("--owner and --target are two ways to say the same: give one of them")
    where = target if owner is None else read_secret(owner, "--owner")[1]
    if where is not None:
        from remit.credentials import Secret

        given.append(Secret(where))
    made = ask_boss(settings, lambda boss: boss.offer(service, kind, interface, description, given))
    if as_json:
        show_json(made)
    else:
        say(f"{made['service']} is offered{' as ' + made['interface'] if made['interface'] else ''}")


@click.command()
@click.argument("service", metavar="MACHINE.NAME")
@as_json_option
@click.pass_obj
def withdraw(settings: Settings, service: str, as_json: bool) -> None:
    """Take an offer back and end its grants. An object that the machine kept for it is forgotten."""
    done = ask_boss(settings, lambda boss: boss.withdraw(service))
    if as_json:
        show_json({"service": service, "offered": False, **done})
    elif not done["unfinished"]:
        say(f"{service} is offered no longer")
    if done["unfinished"]:
        say(f"{service} has no edges any more; its machine cannot be reached, and takes it back when it is there again")
        raise click.exceptions.Exit(PARTLY)


@click.command()
@as_json_option
@click.pass_obj
def offers(settings: Settings, as_json: bool) -> None:
    """List what machines offer."""
    found: list[dict[str, Any]] = ask_boss(settings, lambda boss: boss.offers())
    if as_json:
        show_json(found)
        return
    rows = [
        (
            each["service"],
            each["interface"],
            each["kind"] or "a program's",
            "up" if each["up"] else "down",
            ", ".join(each["supports"]),
        )
        for each in found
    ]
    table(
        ("SERVICE", "INTERFACE", "KIND", "STATE", "CAN BE NARROWED BY"),
        rows,
        "no machine offers anything; see: remit offer --help",
    )
