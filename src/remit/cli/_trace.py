"""`remit trace`: who called whom, from machine to machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click

from remit.cli._connect import ask_boss
from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import ago, span
from remit.vat import Ref

__all__ = ["trace"]

DEEPEST: Final = 40
"""Levels of the tree that are indented; deeper ones stay under the last."""


@click.command()
@click.argument("what", metavar="ID|on|off|list")
@click.argument("machine", required=False)
@click.option(
    "--for", "seconds", metavar="TIME", default="10m", show_default=True, callback=span, help="With 'on': for how long."
)
@as_json_option
@click.pass_obj
def trace(settings: Settings, what: str, machine: str | None, seconds: float, as_json: bool) -> int:
    """Show who called whom: the calls of the trace with this ID (or its first letters), or those that led to the error with this ID.

    'on' has all machines and the boss, or one MACHINE, follow every call that comes in; 'off' ends it; 'list' says which traces there are. One call
    alone is followed by: remit call --trace. Names are recorded, never the values of arguments. What went wrong stands in
    failures.jsonl on the machine where it did.
    """
    if what in ("on", "off"):
        return _watch(settings, machine, seconds if what == "on" else 0.0, as_json)
    if machine is not None:
        raise click.UsageError(f"only 'remit trace on' and 'off' take a machine; {machine!r} is one word too many")
    if what == "list":
        return _list(settings, as_json)
    found = ask_boss(settings, lambda boss: boss.recall(what))
    if as_json:
        show_json(found)
    else:
        _show(found)
    return _missing(found)


def _watch(settings: Settings, machine: str | None, seconds: float, as_json: bool) -> int:
    def question(boss: Ref[Any]) -> Any:
        return boss.watch(None, seconds, machine)

    done = ask_boss(settings, question)
    if as_json:
        show_json(done)
    elif done["watching"]:
        names = ", ".join(done["watching"])
        say(
            f"every call is followed on {names} for {seconds:g} s"
            if seconds
            else f"no call is followed any more on {names}"
        )
    return _missing(done)


def _list(settings: Settings, as_json: bool) -> int:
    found = ask_boss(settings, lambda boss: boss.recall(""))
    if as_json:
        show_json(found["recent"])
    else:
        table(("TRACE OR ERROR",), [(id,) for id in found["recent"]], "nothing was traced; see: remit trace --help")
    return _missing(found)


def _missing(answer: dict[str, Any]) -> int:
    """The exit code; machines that could not be asked are named."""
    for absent in answer["missing"]:
        say(f"machine {absent['machine']} could not be asked: {absent['error']}")
    return PARTLY if answer["missing"] else 0


def _show(found: dict[str, Any]) -> None:
    for failure in found["failures"]:
        tell(f"{failure['kind']} on {failure['machine']} {ago(failure['at'])}: {failure['message']} [{failure['id']}]")
        tell(f"  in {failure['where']}; its traceback is in failures.jsonl of {failure['machine']}")
    steps = found["steps"]
    for id in dict.fromkeys(step["trace"] for step in steps):
        mine = [step for step in steps if step["trace"] == id]
        machines = len({step["machine"] for step in mine})
        tell(f"trace {id}: {len(mine)} messages on {machines} node{'s' if machines > 1 else ''}")
        begun = min(step["at"] for step in mine)
        rows = [_row(depth, step, begun) for depth, step in tree(mine)]
        table(("AFTER", "WHERE", "WHAT", "RESULT", "TOOK"), rows)


def _row(depth: int, step: dict[str, Any], begun: float) -> tuple[str, ...]:
    indent = "  " * min(depth, DEEPEST)
    result = step["result"]
    if step["error"]:
        result += f" [{step['error']}]"
    if step["to"]:
        result += f" to {step['to']}"
    return (
        f"{(step['at'] - begun) * 1e3:.1f} ms",
        f"{indent}{step['machine']}",
        f"{indent}{step['method']} of {step['kind']}",
        result,
        f"{step['took'] * 1e3:.1f} ms" if step["result"] != "under way" else "",
    )


def tree(steps: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The steps with their depths, each after the one that caused it; those whose cause is not known begin a tree of their own."""
    known = {step["id"] for step in steps}
    caused: dict[str | None, list[dict[str, Any]]] = {}
    for step in steps:
        cause = step["cause"] if step["cause"] in known and step["cause"] != step["id"] else None
        caused.setdefault(cause, []).append(step)
    waiting = [(0, step) for step in reversed(caused.pop(None, []))]
    while waiting:
        depth, step = waiting.pop()
        yield depth, step
        waiting += [(depth + 1, each) for each in reversed(caused.pop(step["id"], []))]
    for rest in caused.values():  # in a circle, which only a machine that lies can make
        yield from ((0, step) for step in rest)
