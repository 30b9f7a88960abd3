"""`remit admin cookie` and `key`: what an ensemble and its administrators begin with."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options, read_passphrase
from remit.cli._server_ask import ask_control, home_option
from remit.cli._show import say, tell
from remit.ensemble import Home, make_cookie
from remit.ensemble.admin import AdminKey, admin_public
from remit.errors import Conflict, Missing, StoreLocked
from remit.net import designator_of

__all__ = ["cookie", "key"]


@click.command()
@click.option("--force", is_flag=True, help="Make another one: the old one admits nobody any more.")
@home_option
@passphrase_options
@click.pass_obj
def cookie(settings: Settings, force: bool, home: str | None) -> None:
    """Make the cookie of a new ensemble, and the registry's key, which it names. What there is is left as it is, without --force.

    With --force, members that are there stay until their sessions end: expel those that are to go (remit admin expel ID).
    """
    place = Home.find(home)
    try:
        make_cookie(place, force=force)
    except StoreLocked:
        if not force:
            raise Conflict(f"{place.cookie_file} exists already and was left as it is; another one: --force") from None

        async def question(control: Any) -> None:
            await (await control.part("registry")).renew_cookie()

        ask_control(settings, home, None, "registry", question, ["registry"])
    say(
        f"{place.cookie_file} is the way into this ensemble: whoever has it is a member. To take another host in, copy it there, to the "
        f"same place, and let nobody else read it:\n"
        f"  ssh HOST 'umask 077; mkdir -p DIR; cat > DIR/cookie' < {place.cookie_file}\n"
        "Its servers find the registry where it listens: remit registry --listen HOST:PORT"
    )


@click.command()
@click.option("--force", is_flag=True, help="Make another one: what the old one could unlock it unlocks no longer.")
@click.option("--view", is_flag=True, help="Make nothing; print the public key.")
@home_option
@passphrase_options
@click.pass_obj
def key(settings: Settings, force: bool, view: bool, home: str | None) -> None:
    """Make the administrators' key, under a passphrase. From then on sensitive parts of this home's servers need it, running ones' too."""
    place = Home.find(home).make()
    found = admin_public(place.path)
    if view:
        if found is None:
            raise Missing(f"{place.path} has no administrators' key; make one with: remit admin key")
        tell(designator_of(found))
        return
    if not force and (found is not None or (place.path / "admin.key").exists()):
        raise Conflict(
            f"{place.path} has an administrators' key already, and it was left as it is; --view shows it, --force makes another one"
        )
    words = read_passphrase(settings, "the administrators' new key", new=True)
    made = AdminKey.make(place.path, words, force=force)
    tell(made.designator)
    say(
        f"{place.path}/admin.pub goes to every host with servers of this ensemble, into its home; admin.key only to where orders are given. "
        "Who knows the passphrase and has that file can do everything: keep a copy of it, and forget the passphrase never."
    )
