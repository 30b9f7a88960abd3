"""`remit dataspace parties|observers|debts|metrics`: how a dataspace is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import click

from remit.cli._exit import TimedOut
from remit.cli._main import Settings
from remit.cli._show import as_json_option, document, show_json, table
from remit.cli._space import At, at_options, default_file, linked
from remit.cli._space_glances import Glance, rows_of
from remit.cli._space_values import as_json as jsonable
from remit.cli._space_values import shown
from remit.dataspace import bind, on_asserted
from remit.net import Family, exposition
from remit.vat import Ref, actor, send
from remit.vat import tell as send_away

__all__ = ["debts", "metrics", "observers", "parties"]


class Catch:
    """Where a glance goes, a device."""

    def __init__(self) -> None:
        self.seen: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def take(self, seen: Any) -> None:
        """It is there."""
        if not self.seen.done():
            self.seen.set_result(seen)


@actor(kind="remit.cli.glancer", version=1)
class Glancer:
    """Looks once at what a server says of its dataspace."""

    catch: Any

    def look(self, space: Ref[Any], what: str) -> None:
        """Ask, and pass the first answer on."""
        catch = self.catch
        on_asserted(space, Glance(what, bind()), lambda seen: send_away(catch).take(seen))


async def _glances(settings: Settings, at: At, *names: str) -> list[list[Any]]:
    async with linked(settings, at) as link:
        try:
            async with asyncio.timeout(settings.timeout):
                if link.once:  # the dataspace itself
                    return [rows_of(await send(link.space, name)) for name in names if name != "peers"]
                return [await _glance(link.vat, link.space, name) for name in names]
        except TimeoutError:
            raise TimedOut(
                f"no answer within {settings.timeout:g} s: is this the file space.trace of a server, or one made by "
                "'remit dataspace ref mint trace'?"
            ) from None


async def _glance(vat: Any, space: Ref[Any], what: str) -> list[Any]:
    catch = Catch()
    send_away(vat.spawn(Glancer, vat.device(f"catch {what}", catch))).look(space, what)
    found: list[Any] = await catch.seen
    return found


def _command(look: Callable[..., Any]) -> Callable[..., Any]:
    return click.command()(as_json_option(at_options(click.pass_obj(look))))


def _at(space: str | None, address: str | None, cafile: str | None) -> At:
    return At(space or default_file("space.trace"), address, cafile)


@_command
def parties(settings: Settings, as_json: bool, space: str | None, address: str | None, cafile: str | None) -> None:
    """Show who takes part: how much of theirs stands, and whether their link is lost, so that it stands for its grace period only."""
    (rows,) = asyncio.run(_glances(settings, _at(space, address, cafile), "parties"))
    if as_json:
        show_json(rows)
        return
    lines = [(each["name"] or "-", each["assertions"], "lost" if each["lost"] else "") for each in rows]
    table(("PARTY", "ASSERTIONS", "LINK"), lines, "nobody takes part")


@_command
def observers(settings: Settings, as_json: bool, space: str | None, address: str | None, cafile: str | None) -> None:
    """Show who observes what, how many matches they were told of, and how far those keep up that have a policy for it."""
    (rows,) = asyncio.run(_glances(settings, _at(space, address, cafile), "observers"))
    if as_json:
        show_json(
            [{**each, "pattern": {"text": shown(each["pattern"]), "value": jsonable(each["pattern"])}} for each in rows]
        )
        return
    names = ("matches", "policy", "sent", "waiting", "dropped")
    lines = [
        (", ".join(each["parties"]) or "-", *(each[name] for name in names), shown(each["pattern"])) for each in rows
    ]
    table(("PARTY", *(name.upper() for name in names), "PATTERN"), lines, "nobody observes anything")


@_command
def debts(settings: Settings, as_json: bool, space: str | None, address: str | None, cafile: str | None) -> None:
    """Show what waits for slow observers, and who said it; and the connections, with what each causes now."""
    rows, *peers = asyncio.run(_glances(settings, _at(space, address, cafile), "debts", "peers"))
    if as_json:
        show_json({"debts": rows, "peers": peers[0] if peers else []})
        return
    lines = [(each["cause"], each["observer"], each["events"], each["bytes"]) for each in rows]
    table(("CAUSE", "OBSERVER", "EVENTS", "BYTES"), lines, "nothing waits for slow observers")
    busy = [
        each for found in peers for each in found if each["turns"] or each["held"] or each["unread"] or not each["read"]
    ]
    told = [
        (each["name"], each["turns"], each["held"], each["unread"], "" if each["read"] else "not read for now")
        for each in busy
    ]
    if told:
        click.echo()
        table(("PEER", "TURNS", "HELD", "UNREAD", "NOTE"), told)


@click.command()
@at_options
@click.pass_obj
def metrics(settings: Settings, space: str | None, address: str | None, cafile: str | None) -> None:
    """Show counts of the dataspace as Prometheus reads them, for a collector of text files or a program that serves them."""
    names = ("size", "parties", "observers", "debts", "peers")
    found = asyncio.run(_glances(settings, _at(space, address, cafile), *names))
    document(exposition(families(dict(zip(names, found, strict=False)))))


def families(found: dict[str, list[Any]]) -> list[Family]:
    """The metrics of one dataspace, of what it says of itself."""
    made = [
        _gauge("assertions", "Distinct assertions that stand.", found["size"][0]),
        _gauge("parties", "Parties that take part.", len(found["parties"])),
        _gauge(
            "parties_lost", "Parties whose link is lost, within their grace period.", _sum(found["parties"], "lost")
        ),
        _gauge("observers", "Observations.", len(found["observers"])),
        _gauge("waiting_events", "Events that wait for slow observers.", _sum(found["observers"], "waiting")),
        _gauge(
            "dropped_events",
            "Events that were dropped for the observers that there are now.",
            _sum(found["observers"], "dropped"),
        ),
        _gauge("debt_bytes", "About how many bytes wait for slow observers.", _sum(found["debts"], "bytes")),
    ]
    peers = found.get("peers")
    if peers is not None:
        made += [
            _gauge("connections", "Connections by the Syndicate protocol.", len(peers)),
            _gauge(
                "connections_paused", "Connections that are not read for now.", sum(not each["read"] for each in peers)
            ),
            _gauge("peer_turns", "Turns under way that peers have caused.", _sum(peers, "turns")),
            _gauge("peer_bytes", "Bytes of large turns under way that peers have caused.", _sum(peers, "held")),
            _gauge("peer_unread_bytes", "Bytes written to peers that they have not read.", _sum(peers, "unread")),
        ]
    return made


def _gauge(name: str, help: str, value: float) -> Family:
    return Family(f"remit_dataspace_{name}", "gauge", help).add(value)


def _sum(rows: list[Any], name: str) -> int:
    return sum(int(each[name]) for each in rows)
