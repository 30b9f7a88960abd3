"""`remit server turns` and `look`: time travel."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, Final

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_console, home_option
from remit.cli._show import as_json_option, document, say, show_json, table, tell
from remit.cli._times import span

__all__ = ["look", "turns"]

FORMATS: Final = ("text", "svg", "dot", "mermaid", "json")


def _span(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    return None if value is None else span(ctx, param, value)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option(
    "--keep",
    metavar="TIME",
    callback=_span,
    help="Begin to keep turns, for so long: 30s, 10m, 2h. It empties what was kept before.",
)
@click.option("--stop", is_flag=True, help="Keep turns no longer; those that are there can still be looked at.")
@click.option(
    "--room", type=click.IntRange(1, 100_000), metavar="N", help="With --keep: the last N turns [default: 2000]."
)
@click.option(
    "--spill", is_flag=True, help="With --keep: write each turn to turns.jsonl in the server's directory, too."
)
@click.option(
    "--last",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="Show the last N of each server.",
)
@click.option(
    "--of",
    "actor",
    metavar="ACTOR",
    default="",
    help="Only those of an object: its name in the server, or what it is called in the list.",
)
@click.option(
    "--at", "number", type=int, metavar="TURN", help="Show one turn: what it changed, who caused it, what it led to."
)
@click.option(
    "--graph",
    "form",
    is_flag=False,
    flag_value="text",
    type=click.Choice(FORMATS),
    help="Draw who called whom, in a format (text).",
)
@home_option
@as_json_option
@click.pass_obj
def turns(settings: Settings, /, ids: tuple[str, ...], home: str | None, as_json: bool, **how: Any) -> None:
    """Show recent turns of server ID, and who caused them: of several servers, put together across them.

    Turns are kept from --keep on, for that long, in the server's memory. States of objects are shown by: remit server look. Needs the part inspect.
    """
    if how["number"] is not None and len(ids) > 1:
        raise click.UsageError("--at shows a turn of one server")
    found = ask_console(settings, home, lambda console: _asked(console, ids, how))
    if how["keep"] is not None or how["stop"]:
        _say_state(found, how, as_json)
    elif how["number"] is not None:
        _show_one(found[0], as_json)
    else:
        _show_all(found, ids, how, as_json)


async def _asked(console: Any, ids: tuple[str, ...], how: dict[str, Any]) -> list[Any]:
    parts = [await (await console.control(id, ["inspect"])).part("inspect") for id in ids]
    if how["keep"] is not None:
        return [await part.keep_turns(how["keep"], how["room"] or 0, 0, how["spill"]) for part in parts]
    if how["stop"]:
        return [await part.keep_turns(0.0) for part in parts]
    if how["number"] is not None:
        return [await parts[0].turn(how["number"])]
    found = [turn for part in parts for turn in await part.turns(how["last"], how["actor"])]
    traces = sorted({turn["trace"] for turn in found if turn["trace"]})
    steps = [step for part in parts for step in await part.steps(traces)] if len(parts) > 1 and traces else []
    from remit.ensemble import joined  # for this command only

    return joined(found, steps)


def _say_state(found: list[dict[str, Any]], how: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(found)
    elif how["stop"]:
        say("turns are kept no longer; those that are there can still be looked at")
    else:
        say(f"turns are kept for {how['keep']:g} s from now on")


def _show_all(found: list[dict[str, Any]], ids: tuple[str, ...], how: dict[str, Any], as_json: bool) -> None:
    if how["form"] is not None:
        document(_drawn(found, " ".join(ids), how["form"]))
    elif as_json:
        show_json(found)
    else:
        heads = (
            *(("SERVER",) if len(ids) > 1 else ()),
            "TURN",
            "AT",
            "OBJECT",
            "METHOD",
            "BY",
            "CHANGED",
            "SENT",
            "ERROR",
        )
        table(heads, [_row(turn, several=len(ids) > 1) for turn in found], "no turn is there yet")


def _row(turn: dict[str, Any], *, several: bool) -> tuple[Any, ...]:
    by = (
        "-"
        if turn["by"] is None
        else str(turn["by"][1])
        if turn["by"][0] == turn["node"]
        else f"{turn['by'][0]} {turn['by'][1]}"
    )
    sent = len(turn["sent"]) + turn["more"]
    time = datetime.fromtimestamp(turn["at"]).astimezone().strftime("%H:%M:%S.%f")[:-3]
    row = (
        str(turn["turn"]),
        time,
        turn["actor"],
        turn["method"],
        by,
        str(len(turn["changed"]) or "-"),
        str(sent or "-"),
        turn["error"] or "-",
    )
    return (turn["node"], *row) if several else row


def _drawn(found: list[dict[str, Any]], title: str, form: str) -> str:
    from remit.ensemble import calls_picture
    from remit.graph.picture import as_data, dot, mermaid, svg, text

    picture = calls_picture(found, title)
    if form == "json":
        import json

        return json.dumps(as_data(picture), indent=2) + "\n"
    if form == "text":
        return text(picture, 100 if sys.stdout.isatty() else 80)
    drawn: str = {"svg": svg, "dot": dot, "mermaid": mermaid}[form](picture)
    return drawn


def _show_one(turn: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(turn)
        return
    failed = f", failed [{turn['error']}]" if turn["error"] else ""
    tell(f"turn {turn['turn']}: {turn['method']} of {turn['actor'] or 'the vat'}{failed}")
    if turn["cause"] is not None:
        tell(f"  caused by turn {turn['cause']}")
    if turn["began"] is not None:
        tell(f"  goes on from turn {turn['began']}")
    for change in turn["changes"]:
        tell(f"  {change['actor']}.{change['field']}: {change['before']} -> {change['after']}")
    for sent in turn["sent"]:
        tell(f"  sent {sent['method']} to {sent['actor']}")
    if turn["more"]:
        tell(f"  and sent {turn['more']} more")
    if turn["led_to"]:
        tell(f"  led to {', '.join(map(str, turn['led_to']))}")


@click.command()
@click.argument("id")
@click.argument("actor")
@click.option(
    "--at",
    "number",
    type=int,
    metavar="TURN",
    help="As it was after this turn (one less: before it) [default: as it is now].",
)
@home_option
@as_json_option
@click.pass_obj
def look(settings: Settings, id: str, actor: str, number: int | None, home: str | None, as_json: bool) -> None:
    """Show the fields of ACTOR in server ID, as they are or as they were. What is secret is not shown. Needs the part inspect; for --at, turns have to be kept."""

    async def question(console: Any) -> Any:
        part = await (await console.control(id, ["inspect"])).part("inspect")
        return await part.object_at(actor, number)

    found = ask_console(settings, home, question)
    if as_json:
        show_json(found)
        return
    tell(f"{found['actor']} after turn {found['turn']}")
    for name, value in found["fields"].items():
        tell(f"  {name} = {value}")
