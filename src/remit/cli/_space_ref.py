"""`remit dataspace ref …`: sturdyrefs of a served dataspace, by the keys in its state directory or by narrowing one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from remit.cli._config import state_home
from remit.cli._main import Suggesting
from remit.cli._secret import read_secret
from remit.cli._show import as_json_option, document, say, show_json, table
from remit.cli._space_keys import MAIN, Keys
from remit.cli._space_values import read_value, shown
from remit.cli._times import moment
from remit.dataspace.syndicate import Route, SturdyRef, only, reject, until
from remit.durable import write_secret_file
from remit.errors import BadArgument, DecodeError
from remit.values import preserves

__all__ = ["ref", "state_option"]


@click.group(cls=Suggesting)
def ref() -> None:
    """Make, narrow, look at and take back the sturdyrefs by which others reach a dataspace."""


def state_option(command: Any) -> Any:
    """`--state`, as the argument `state`: a path."""
    return click.option(
        "--state",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: state_home() / "dataspace",
        help="The server's state directory [default: ~/.local/state/remit/dataspace].",
    )(command)


def caveat_options(command: Any) -> Any:
    """What narrows, as the arguments `labels`, `rejected`, `caveats` and `expires`."""
    for option in (
        click.option(
            "--until", "expires", metavar="TIME", callback=moment, help="It ends then: 90s, 10m, 2h, 7d or a date."
        ),
        click.option(
            "--caveat", "caveats", metavar="CAVEAT", multiple=True, help="<rewrite …>, <or […]>, <reject …> as data."
        ),
        click.option(
            "--reject", "rejected", metavar="PATTERN", multiple=True, help="Not what matches: a caveat's pattern."
        ),
        click.option(
            "--only",
            "labels",
            metavar="LABEL",
            multiple=True,
            help="Only records with this label, and interest in them.",
        ),
    ):
        command = option(command)
    return command


def out_option(command: Any) -> Any:
    """`--out`, as the argument `out`."""
    return click.option(
        "--out", metavar="FILE", help="Write it to a new file that only you can read, instead of stdout."
    )(command)


@ref.command()
@click.argument("name", default=MAIN)
@caveat_options
@click.option("--alone", is_flag=True, help="Only the sturdyref, without the addresses of the server.")
@out_option
@state_option
def mint(
    name: str,
    labels: tuple[str, ...],
    rejected: tuple[str, ...],
    caveats: tuple[str, ...],
    expires: float | None,
    alone: bool,
    out: str | None,
    state: Path,
) -> None:
    """Make a reference to the dataspace. NAME is that of its key, made at once where there is none: one for each holder can be taken back alone."""
    minted = Keys(state).mint(name, _caveats(labels, rejected, caveats, expires))
    _give(minted if alone else Route.of(_addresses(state), minted), out)


@ref.command()
@click.argument("file")
@caveat_options
@out_option
def attenuate(
    file: str,
    labels: tuple[str, ...],
    rejected: tuple[str, ...],
    caveats: tuple[str, ...],
    expires: float | None,
    out: str | None,
) -> None:
    """Narrow the reference in FILE ('-', fd:N): the route or sturdyref that comes out of it does less. Needs no key and no server."""
    more = _caveats(labels, rejected, caveats, expires)
    if not more:
        raise click.UsageError("say how to narrow it: --only, --reject, --caveat or --until")
    where, found = _read(file)
    if isinstance(found, SturdyRef):
        _give(found.attenuate(*more), out)
        return
    *before, last = found.steps
    _give(Route(found.transports, (*before, _sturdy(last, where).attenuate(*more).value())), out)


@ref.command()
@click.argument("file")
@as_json_option
def show(file: str, as_json: bool) -> None:
    """Show what the reference in FILE ('-', fd:N) is for, without its secret."""
    where, found = _read(file)
    sturdy = found if isinstance(found, SturdyRef) else _sturdy(found.steps[-1], where) if found.steps else None
    addresses = [] if isinstance(found, SturdyRef) else [str(address) for address in found.transports]
    oid = None if sturdy is None else shown(sturdy.oid)
    caveats = [] if sturdy is None else [shown(caveat) for caveat in sturdy.caveats]
    if as_json:
        show_json({"addresses": addresses, "name": oid, "caveats": caveats})
        return
    rows = [("address", each) for each in addresses] + [("name", oid or "")] + [("caveat", each) for each in caveats]
    table(("WHAT", "VALUE"), rows)


@ref.command("list")
@state_option
@as_json_option
def list_command(state: Path, as_json: bool) -> None:
    """List the names of the keys."""
    names = sorted(Keys(state).read())
    if as_json:
        show_json(names)
    else:
        table(("NAME",), [(name,) for name in names], "there are no keys; remit dataspace serve makes the first one")


@ref.command()
@click.argument("name")
@state_option
def revoke(name: str, state: Path) -> None:
    """Take back all references that were minted under NAME. A running server ends what they have asserted at once.

    For 'dataspace' and 'trace' it makes new keys, and writes its own files anew.
    """
    Keys(state).revoke(name)
    say(f"what was minted under {name} is taken back")


def _caveats(
    labels: tuple[str, ...], rejected: tuple[str, ...], caveats: tuple[str, ...], expires: float | None
) -> list[Any]:
    found = [read_value(each, "--caveat") for each in caveats]
    found += [reject(read_value(each, "--reject")) for each in rejected]
    if labels:
        found.append(only(*labels))
    if expires is not None:
        found.append(until(expires))
    return found


def _addresses(state: Path) -> Any:
    """The addresses of the server, as it has written them down."""
    route = state / "space.route"
    try:
        return Route(Route.of(read_secret(str(route), "--state")[1].strip()).transports)
    except BadArgument:
        raise click.ClickException(f"{route} holds no route: start the server once, or give --alone") from None


def _read(file: str) -> tuple[str, Route | SturdyRef]:
    where, text = read_secret(file, "FILE")
    try:
        return where, SturdyRef.parse(text) if text.lstrip().startswith("<ref") else Route.of(text.strip())
    except (BadArgument, DecodeError) as error:
        raise click.ClickException(f"{where} holds neither a route nor a sturdyref ({type(error).__name__})") from None


def _sturdy(step: Any, where: str) -> SturdyRef:
    try:
        return SturdyRef.of(step)
    except BadArgument:
        raise click.ClickException(f"the last step of the route in {where} is no sturdyref") from None


def _give(made: Route | SturdyRef, out: str | None) -> None:
    """To a private file, or to stdout: it is the secret itself."""
    text = made.text() if isinstance(made, SturdyRef) else preserves.text(made.value())
    if out is not None:
        write_secret_file(Path(out).expanduser(), (text + "\n").encode())
        return
    document(text + "\n")
