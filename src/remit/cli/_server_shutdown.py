"""`remit server shutdown`."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._exit import PARTLY, told
from remit.cli._main import Settings
from remit.cli._server_ask import admin_key, ask_console, ask_control, ensemble_options
from remit.cli._show import say
from remit.ensemble import Console, ServerId
from remit.ensemble.admin import AdminKey
from remit.errors import Broken, Refused

__all__ = ["shutdown"]

REGISTRY = "registry"  # the role of what is shut down last


@click.command()
@click.argument("id", required=False)
@click.argument("actor", required=False)
@click.option(
    "-f", "--force", is_flag=True, help="Do not ask; of an actor, take its name away even if it does not answer."
)
@ensemble_options
@click.pass_context
def shutdown(
    ctx: click.Context, id: str | None, actor: str | None, force: bool, home: str | None, reference: str | None
) -> None:
    """Shut down ACTOR of server ID, server ID, or all servers and then the registry."""
    settings: Settings = ctx.obj
    if id is not None or reference is not None:

        async def one(control: Any) -> None:
            await (await control.part("shutdown")).shutdown(actor, force)

        ask_control(settings, home, reference, id, one, ["shutdown"])
        say(f"... shutting down {f'{actor} of ' if actor else ''}{id or reference}")
        return
    found = ask_console(settings, home, _names)
    if not force:
        click.confirm(f"Shut down {', '.join(found)}?", abort=True, err=True)
    if not _all(settings, home, found):
        ctx.exit(PARTLY)


async def _names(console: Console) -> list[str]:
    """All servers, in the order in which they end: the registry last."""
    ordered = sorted(await console.directory.entries(), key=lambda each: (REGISTRY in each.roles, each.id))
    return [ServerId.parse(each.id).shown(console.home.domain()) for each in ordered]


def _all(settings: Settings, home: str | None, names: list[str]) -> bool:
    """Shut these down, one by one; whether all of them could be. Where one needs an unlock, the passphrase is asked for once."""
    key: AdminKey | None = None
    well = True
    for name in names:
        try:
            try:
                _end(settings, home, name, key)
            except Refused:
                key = key or admin_key(settings, home)
                if key is None:
                    raise
                _end(settings, home, name, key)
            say(f"... shutting down {name}")
        except Broken as error:
            well = False
            say(f"{name} was not shut down: {told(error)}")
    return well


def _end(settings: Settings, home: str | None, name: str, key: AdminKey | None) -> None:
    async def end(console: Console) -> None:
        control = await console.control(name, ["shutdown"], unlock=key)
        await (await control.part("shutdown")).shutdown()

    ask_console(settings, home, end)
