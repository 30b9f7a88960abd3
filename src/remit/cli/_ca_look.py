"""`remit ca list` and `request`: what needs no passphrase."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from remit.cli._server_ask import home_option
from remit.cli._show import as_json_option, document, say, show_json, table
from remit.cli._times import at
from remit.ensemble import Home
from remit.ensemble.ca import read_issued, request_of

__all__ = ["list_command", "request"]


@click.command("list")
@home_option
@as_json_option
def list_command(home: str | None, as_json: bool) -> None:
    """List the certificates that this authority has issued."""
    place = Home.find(home)
    issued = read_issued(place.path)
    if as_json:
        show_json([asdict(each) for each in issued])
        return
    rows = [
        (
            each.id,
            " ".join(each.parts) or "-",
            at(each.ends),
            f"revoked {at(each.revoked)}" + (f": {each.why}" if each.why else "")
            if each.revoked is not None
            else "good",
            each.serial,
        )
        for each in sorted(issued, key=lambda each: (each.id, each.ends))
    ]
    table(("ID", "PARTS", "UNTIL", "STATE", "SERIAL"), rows, "no certificate was issued here")


@click.command()
@click.argument("id")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it here [default: standard output]."
)
@home_option
def request(id: str, out: Path | None, home: str | None) -> None:
    """Make a request for server ID of this host, which `remit ca issue --request FILE` answers. There is no secret in it."""
    place = Home.find(home)
    whole = place.id_of(id)
    pem = request_of(place.server(whole), whole.text)
    if out is None:
        document(pem)
        if sys.stdout.isatty():
            say("where the authority is: remit ca issue --request FILE")
    else:
        out.write_bytes(pem)
        say(f"where the authority is: remit ca issue --request {out.name}")
