"""`remit ca init`, `issue`, `renew` and `revoke`: what needs the authority's passphrase."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._passphrase import passphrase_options, read_passphrase
from remit.cli._server_ask import ask_console, home_option
from remit.cli._show import as_json_option, say, show_json
from remit.cli._times import at
from remit.ensemble import Console, Home, ServerId
from remit.ensemble.ca import Authority, Revocations, install_chain, read_request, request_of
from remit.errors import Missing, RemitError

__all__ = ["init", "issue", "renew", "revoke"]

OF = "the certificate authority"


@click.command()
@click.option(
    "--name", default="remit", show_default=True, metavar="NAME", help="The authority's name, in its certificates."
)
@click.option("--force", is_flag=True, help="Make another one: what the old one has issued is taken no more.")
@home_option
@passphrase_options
@click.pass_obj
def init(settings: Settings, name: str, force: bool, home: str | None) -> None:
    """Make an authority: a root, and an intermediate that signs for servers. Both keys are under a passphrase."""
    place = Home.find(home).make()
    if not force and (place.path / "ca" / "root.pem").exists():
        Authority.make(place.path, name, "not asked for", time.time())  # says that there is one
    words = read_passphrase(settings, OF, new=True)
    made = Authority.make(place.path, name, words, time.time(), force=force)
    directory = place.path / "ca"
    say(
        f"{directory}/root.pem is what other hosts get, in the ca/ of their homes; root.key is not needed to issue, and may be kept elsewhere"
    )
    _publish(settings, home, place, made, None)


@click.command()
@click.argument("id", required=False)
@click.option(
    "--request",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The request of a server on another host.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="PART",
    help="A part of every server's control object that it may use. Several times.",
)
@click.option(
    "--dns",
    multiple=True,
    metavar="NAME",
    help="A DNS name of the server's, for whoever else reads certificates. Several times.",
)
@click.option(
    "--days", type=click.FloatRange(0, 366, min_open=True), default=30, show_default=True, help="How long it is good."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the chain here, too.")
@home_option
@passphrase_options
@click.pass_obj
def issue(
    settings: Settings,
    id: str | None,
    file: Path | None,
    parts: tuple[str, ...],
    dns: tuple[str, ...],
    days: float,
    out: Path | None,
    home: str | None,
) -> None:
    """Certify server ID of this home, or who has made --request FILE: this id belongs to this key, which is a member by that."""
    if (id is None) == (file is None):
        raise click.UsageError("name one server: its ID, where it is of this home, or --request FILE")
    place = Home.find(home)
    request = file.read_bytes() if file is not None else _own_request(place, str(id))
    named, public = read_request(request)
    whole = ServerId.parse(named)
    authority = Authority.open(place.path, read_passphrase(settings, OF))
    chain = authority.issue(whole.text, public, list(parts), list(dns), time.time(), days)
    if out is not None:
        out.write_bytes(chain)
    _install(place, whole, chain)
    end = at(authority.issued[-1].ends)
    say(f"{whole} is certified until {end}; its chain is {_file(place, whole)}" + (f", and {out}" if out else ""))


@click.command()
@click.option("--all", "every", is_flag=True, help="Renew those that are not due yet, too.")
@as_json_option
@home_option
@passphrase_options
@click.pass_context
def renew(ctx: click.Context, every: bool, as_json: bool, home: str | None) -> int:
    """Renew certificates of which less than a third is left, and the revocation list. To be run each day, by a timer: servers take new files by themselves."""
    settings: Settings = ctx.obj
    place = Home.find(home)
    authority = Authority.open(place.path, read_passphrase(settings, OF))
    done = authority.renew(time.time(), every=every)
    for each in done:
        whole = ServerId.parse(each.id)
        _install(place, whole, _file(place, whole).read_bytes())
    told = _publish(settings, home, place, authority, None if as_json else f"{len(done)} renewed{_names(done)}")
    if as_json:
        show_json({"renewed": [each.id for each in done], "published": told})
    return 0 if told else PARTLY


@click.command()
@click.argument("which", metavar="ID|SERIAL")
@click.option("--reason", default="", metavar="TEXT", help="Why; it is kept with the certificate.")
@home_option
@passphrase_options
@click.pass_context
def revoke(ctx: click.Context, which: str, reason: str, home: str | None) -> int:
    """Revoke all certificates of server ID, or the one with this serial number. Servers hear of it from the registry, within 10 seconds."""
    settings: Settings = ctx.obj
    place = Home.find(home)
    authority = Authority.open(place.path, read_passphrase(settings, OF))
    named = which
    if not any(each.serial == which for each in authority.issued):
        named = place.id_of(which).text
    gone = authority.revoke(named, reason, time.time())
    told = _publish(settings, home, place, authority, f"{len(gone)} revoked{_names(gone)}")
    return 0 if told else PARTLY


def _own_request(place: Home, id: str) -> bytes:
    whole = place.id_of(id)
    return request_of(place.server(whole), whole.text)


def _install(place: Home, id: ServerId, chain: bytes) -> None:
    directory = place.server(id)
    if directory.exists():
        install_chain(directory, chain)


def _file(place: Home, id: ServerId) -> Path:
    from remit.ensemble.ca import file_of

    return place.path / "ca" / "servers" / file_of(id.text)


def _names(certificates: Any) -> str:
    names = sorted({each.id for each in certificates})
    return f": {', '.join(names)}" if names else ""


def _publish(settings: Settings, home: str | None, place: Home, authority: Authority, words: str | None) -> bool:
    """Give the registry the newest revocation list; whether it has taken it."""
    data, signer = authority.revocations(), authority.signer()
    ends = at(Revocations(data).ends)

    async def question(console: Console) -> None:
        membership = await console.membership()
        await membership.publish(data, signer)

    try:
        ask_console(settings, home, question)
    except (RemitError, click.ClickException) as error:
        why = "there is no cookie here" if isinstance(error, Missing) else str(error)
        say(
            f"{words or 'done'}; but the registry was not told: {why}. It takes no certificate without a list: remit ca renew, when it runs"
        )
        return False
    if words is not None:
        say(f"{words}; the revocation list is good until {ends}")
    return True
