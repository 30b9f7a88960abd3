"""`remit machine adopt`: a host that is there already, with its services as they are."""

from __future__ import annotations

import re
import time
from ipaddress import ip_address
from typing import Any

import click

from remit.cli._coming import active
from remit.cli._connect import ask_boss
from remit.cli._main import Settings
from remit.cli._pages import every_machine
from remit.cli._secret import read_secret
from remit.cli._show import as_json_option, say, show_json, table
from remit.vat import Ref

__all__ = ["adopt"]

BRINGING = 600.0  # seconds for the agent to be copied to a host that is far away
ANY = ("", "0.0.0.0", "[::]")  # noqa: S104  # where others listen
WITH_OWNER = ("postgres", "redis")


class Wish:
    """One service that is to be offered: `NAME=PORT`, `NAME=HOST:PORT` or `NAME=/path/of/a.socket`."""

    def __init__(self, text: str) -> None:
        self.name, equals, self.where = text.partition("=")
        if not (equals and self.name and self.where):
            raise click.BadParameter(f"{text!r} is not NAME=PORT, such as db=5432", param_hint="--service")
        self.seen: dict[str, Any] | None = None

    @property
    def port(self) -> int:
        """The port, 0 of a path."""
        digits = "" if self.where.startswith("/") else self.where.rpartition(":")[2]
        return int(digits) if digits.isascii() and digits.isdigit() else 0

    @property
    def target(self) -> str:
        """Where the machine itself reaches it."""
        if ":" in self.where or self.where.startswith("/"):
            return self.where
        host = str((self.seen or {}).get("address", "")).rpartition(":")[0]
        return f"{'127.0.0.1' if host in ANY else host}:{self.where}"

    def find(self, listening: list[dict[str, Any]]) -> None:
        """Which of those that listen it is. Refused where nobody does."""
        self.seen = next((each for each in listening if self._is(each)), None)
        if self.seen is None and not self.where.startswith("/"):
            there = ", ".join(each["address"] for each in listening if each["kind"]) or "nothing"
            raise click.ClickException(f"nothing listens at {self.where} on the host; there is: {there}")

    def _is(self, one: dict[str, Any]) -> bool:
        return bool(one["address"] == self.where or (self.port and one["port"] == self.port))


@click.command()
@click.argument("host", metavar="[USER@]HOST[:PORT]")
@click.option("--name", help="The machine's name [default: the host's].")
@click.option(
    "--service",
    "services",
    multiple=True,
    metavar="NAME=PORT|PATH",
    help="Offer what listens there; as often as needed.",
)
@click.option(
    "--owner",
    "owners",
    multiple=True,
    metavar="NAME=FILE",
    help="The file (mode 600) with the connection of that service's owner (PostgreSQL, Redis): each binding then gets an account of its own.",
)
@click.option("--look", is_flag=True, help="Only say what listens there.")
@click.option("--provider", default="ssh", show_default=True, help="Who reaches the host.")
@click.option(
    "--option", "options", multiple=True, metavar="KEY=VALUE", help="For the provider or the agent: see machine create."
)
@as_json_option
@click.pass_obj
def adopt(
    settings: Settings,
    host: str,
    name: str | None,
    services: tuple[str, ...],
    owners: tuple[str, ...],
    look: bool,
    provider: str,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Take a running HOST into use as a machine, and offer what runs there.

    The agent is brought over ssh; nothing else on the host is changed, and its services go on as they are.
    """
    from remit.cli._arguments import pairs

    wishes = [Wish(text) for text in services]
    connections = _connections(owners, wishes)
    given = {**pairs(options), "host": host}
    patient = Settings(settings.config, settings.boss, max(settings.timeout, BRINGING), settings.debug)
    begun = time.monotonic()
    seen = ask_boss(patient, lambda boss: boss.look_at(provider, _for_provider(given), not look))
    if not as_json:
        say(
            f"{seen['host']} shows the key {seen['key']}, {'which is pinned now: compare it' if seen['fresh'] else 'as before'}"
        )
    for wish in wishes:
        wish.find(seen["listening"])
    if look:
        _show(seen, as_json, name or _name(host))
        return
    made = name or _name(host)
    offered = ask_boss(
        patient, lambda boss: _adopted(boss, made, provider, given, wishes, connections, patient.timeout)
    )
    if as_json:
        show_json({"machine": made, "host": seen["host"], "key": seen["key"], "offers": offered})
        return
    say(f"machine {made} is active, after {time.monotonic() - begun:.0f} s")
    for each in offered:
        say(
            f"{each['service']} is offered as {each['interface']}; next: remit bind MACHINE.{each['service'].partition('.')[2]} {each['service']}"
        )
    if not wishes:
        _show(seen, as_json, made)


def _for_provider(given: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in given.items()
        if key not in ("classes", "path", "listen", "published", "services", "facing")
    }


async def _adopted(
    boss: Ref[Any],
    name: str,
    provider: str,
    given: dict[str, Any],
    wishes: list[Wish],
    connections: dict[str, str],
    seconds: float,
) -> list[dict[str, Any]]:
    """Make the machine unless it is there already, then the offers; each may be asked for again."""
    from remit.credentials import Secret

    there = {each["name"]: each for each in await every_machine(boss)}
    if name not in there:
        await boss.create_machine(name, provider, given)
    elif (await boss.show(name))["options"].get("host") != given["host"]:
        raise click.ClickException(
            f"there is a machine {name!r} already, on another host: give this one another name with --name"
        )
    await active(boss, name, seconds)
    offers = []
    for wish in wishes:
        owned = wish.name in connections
        kind = str((wish.seen or {}).get("kind")) if owned else "tcp"
        text = Secret(connections[wish.name] if owned else wish.target)
        offers.append(dict(await boss.offer(f"{name}.{wish.name}", kind, "", "", [text])))
    return offers


def _connections(owners: tuple[str, ...], wishes: list[Wish]) -> dict[str, str]:
    """The owners' connections by service, read before anything is done."""
    found = {}
    for text in owners:
        name, equals, file = text.partition("=")
        if not equals or name not in {wish.name for wish in wishes}:
            raise click.BadParameter(f"{name!r} is none of the services that --service names", param_hint="--owner")
        found[name] = read_secret(file, "--owner")[1]
    return found


def _name(host: str) -> str:
    """A machine's name of a host's: its first label, or its address with dashes."""
    bare = host.rpartition("@")[2]
    bare = bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0]
    try:
        label = str(ip_address(bare))
    except ValueError:
        label = bare.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", label).strip("-") or "host"


def _show(seen: dict[str, Any], as_json: bool, name: str) -> None:
    if as_json:
        show_json(seen)
        return
    rows = [
        (each["address"], each["program"] or "?", each["kind"], _how(each, name))
        for each in seen["listening"]
        if each["kind"]
    ]
    table(("LISTENS AT", "PROGRAM", "LOOKS LIKE", "TO OFFER IT"), rows, "nothing listens there that could be offered")


def _how(one: dict[str, Any], name: str) -> str:
    kind, where = one["kind"], one["address"]
    local = where if where.startswith("/") else re.sub(r"^(0\.0\.0\.0|\[::\]):", "127.0.0.1:", where)
    if kind in WITH_OWNER:
        return f"remit offer {name}.{kind} --kind {kind} --owner FILE"
    return f"remit offer {name}.{kind}-{one['port']} --kind tcp --target {local}"
