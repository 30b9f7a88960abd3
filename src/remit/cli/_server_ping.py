"""`remit server ping`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask import ask_control, ensemble_options

__all__ = ["ping"]


@click.command()
@click.argument("id", required=False)
@click.argument("actor", required=False)
@ensemble_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def ping(
    settings: Settings, id: str | None, actor: str | None, home: str | None, reference: str | None, as_json: bool
) -> None:
    """Ask server ID, or ACTOR in it, whether it is alive. Needs no grant."""

    async def question(control: Any) -> float:
        said: float = await control.ping(actor)
        return said

    time = ask_control(settings, home, reference, id, question)
    if as_json:
        from remit.cli._show import show_json

        show_json({"id": id, "actor": actor, "ok": True, "time": time})
    else:
        click.echo("OK")
