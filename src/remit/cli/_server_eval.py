"""`remit server eval`."""

from __future__ import annotations

import sys
from typing import Any

import click

from remit.cli._exit import FAILED
from remit.cli._main import Settings
from remit.cli._server_ask import admin_key, ask_console, ensemble_options, reference_of
from remit.cli._times import span

__all__ = ["eval_command"]


@click.command("eval")
@click.argument("id", required=False)
@click.argument("source", metavar="EXPR", required=False)
@click.option(
    "--for", "seconds", metavar="TIME", default="30s", show_default=True, callback=span, help="Interrupt it after this."
)
@ensemble_options
@click.pass_obj
def eval_command(
    settings: Settings, id: str | None, source: str | None, seconds: float, home: str | None, reference: str | None
) -> int:
    """Evaluate EXPR in server ID: an expression, whose value is shown, or statements. '-' reads them from standard input.

    `await` may stand anywhere. `server`, `vat`, `node` and `network` are the server's; its modules are there to import. Needs the part eval; the audit log
    of the server has what was evaluated. Exit code 1: it raised.
    """
    from remit.cli._repl_link import Screen, Terminal, reach, show
    from remit.ensemble.admin import LEASE
    from remit.errors import Refused

    if reference is not None and source is None:
        id, source = None, id
    if source is None:
        raise click.UsageError("say what to evaluate: EXPR, or '-' for standard input")
    if (id is None) == (reference is None):
        raise click.UsageError("name one server: its ID, or --server FILE")
    way = None if reference is None else reference_of(reference)
    text = sys.stdin.read() if source == "-" else source

    parts: list[Any] = []

    async def question(console: Any, key: Any = None) -> Any:
        control = await reach(console, id, way, ["eval"], key, None if key is None else seconds + LEASE)
        part = await control.part("eval")
        parts.append(part)
        vat = console.node.vat
        screen = vat.spawn(Screen, vat.device("terminal", Terminal(sys.stdout)))
        return await part.evaluate(text, seconds, screen)

    try:
        done = ask_console(settings, home, question, patient=True)
    except Refused:
        if parts or (opened := admin_key(settings, home)) is None:
            raise
        done = ask_console(settings, home, lambda console: question(console, opened), patient=True)
    show(done.output)
    if done.text:
        show(f"{done.text}\n")
    if done.error:
        show(done.error, err=True)
        return FAILED
    return 0
