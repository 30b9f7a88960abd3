"""Looking at what there really is: what a boss knows, what its providers see, what machines find inside. Nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final, NamedTuple

from remit.errors import Broken, NoSuchMethod
from remit.graph import Actual, Finding, Link, Seen, finding
from remit.vat import Ref

__all__ = ["INSIDE", "Inside", "look_inside"]

SECONDS: Final = 10.0  # for one machine to look inside
AT_ONCE: Final = 50  # machines that are asked at the same time
INSIDE: Final = frozenset({"account", "power", "files"})
"""The findings that are about the inside of an edge, which is in `at`."""


class Inside(NamedTuple):
    """What was found, accounts of ours that no edge accounts for (dicts of machine, offer, edge, since), and what could not be looked at, for people."""

    findings: list[Finding]
    strays: list[dict[str, Any]]
    notes: list[str]


class _Machine(NamedTuple):
    """One machine: what its provider sees, and what it finds inside (None: not looked into)."""

    row: dict[str, str]
    state: str
    found: dict[str, Any] | None
    notes: list[str]


async def look_inside(boss: Ref[Any], actual: Actual, only: Collection[str] = (), seconds: float = SECONDS) -> Inside:
    """Ask providers about machines, and machines about themselves, all of them or `only` these; each has so many seconds."""
    inspector = await boss.inspector()
    rows = [row for row in await inspector.machines() if not only or row["name"] in only]
    gate = asyncio.Semaphore(AT_ONCE)
    looked = await asyncio.gather(*(_look(inspector, row, gate, seconds) for row in rows))
    links = {seen.name: seen for seen in actual.things if isinstance(seen.what, Link)}
    found = [each for machine in looked for each in _of_machine(machine)]
    found += [each for machine in looked for each in _of_accounts(machine, links)]
    found += list(_of_files(looked, links))
    strays = [
        {"machine": machine.row["name"], "offer": each["offer"], "edge": each["edge"], "since": each["since"]}
        for machine in looked
        for each in (machine.found or {}).get("accounts", ())
        if each["what"] == "stray"
    ]
    return Inside(
        sorted(found, key=lambda each: (each.key, each.what)), strays, [note for each in looked for note in each.notes]
    )


async def _look(inspector: Ref[Any], row: dict[str, str], gate: asyncio.Semaphore, seconds: float) -> _Machine:
    name, notes = row["name"], []
    if row["state"] != "active":
        return _Machine(row, "", None, [])
    state, found = "", None
    async with gate:
        try:
            async with asyncio.timeout(seconds):
                state = (await inspector.observed(name))["state"]
        except (Broken, TimeoutError) as error:
            notes.append(f"provider {row['provider']} could not be asked about machine {name}: {_why(error, seconds)}")
        if state in ("", "running"):
            try:
                async with asyncio.timeout(seconds):
                    found = await inspector.inspect(name)
            except (Broken, TimeoutError) as error:
                notes.append(f"machine {name} could not be looked into: {_why(error, seconds)}")
    failures = (found or {}).get("failures", ())
    notes += [f"{name}.{each['where']} could not be looked into: {each['error']}" for each in failures]
    return _Machine(row, state, found, notes)


def _why(error: Exception, seconds: float) -> str:
    if isinstance(error, NoSuchMethod):
        return "its agent is of an earlier version"
    return error.message if isinstance(error, Broken) else f"no answer within {seconds:g} s"


def _of_machine(machine: _Machine) -> Iterator[Finding]:
    name, provider = machine.row["name"], machine.row["provider"]
    if machine.state == "made":
        yield finding(
            f"machine {name}",
            "stopped",
            f"provider {provider} has it, and it does not run",
            restore="start it",
            adopt=f"take machine {name} out of remit.toml, and run remit up",
            can=["restore"],
            at=machine.row["id"],
        )
    if machine.state == "absent":
        yield finding(
            f"machine {name}",
            "gone",
            f"provider {provider} has it no more",
            restore="make it again, with all that is declared of it; what it kept is lost",
            adopt="forget it, with all its edges, and take it out of remit.toml",
            can=["restore", "adopt"],
            at=machine.row["id"],
        )


def _of_accounts(machine: _Machine, links: dict[str, Seen]) -> Iterator[Finding]:
    for each in (machine.found or {}).get("accounts", ()):
        key, service = _key(each["edge"], links), f"{machine.row['name']}.{each['offer']}"
        more: dict[str, Any] = {"at": each["edge"], "since": each["since"]}
        if each["what"] == "missing":
            yield finding(
                key,
                "account",
                f"its account at {service} is gone",
                restore="make it again, with the same credential",
                adopt="take the binding back, and out of remit.toml",
                can=["restore", "adopt"],
                **more,
            )
        elif each["what"] == "changed":
            yield finding(
                key,
                "power",
                f"its account at {service}: {each['text']}",
                restore="make it as it was granted; its open sessions end",
                adopt="change its attenuation in remit.toml to that, and run remit up",
                can=["restore"],
                **more,
            )


def _of_files(looked: Iterable[_Machine], links: dict[str, Seen]) -> Iterator[Finding]:
    machines = {each.row["name"]: each for each in looked if each.found is not None}
    wrong = {
        each["edge"]: (name, each["text"])
        for name, machine in machines.items()
        for each in (machine.found or {})["files"]
    }
    for machine in machines.values():
        for edge in (machine.found or {})["leases"]:
            seen = links.get(edge)
            holder = machines.get(seen.what.grantee) if seen is not None and isinstance(seen.what, Link) else None
            if (
                holder is not None
                and seen is not None
                and seen.state == "up"
                and edge not in (holder.found or {})["laid"].values()
            ):
                wrong[edge] = (holder.row["name"], "is not laid out")
    for edge, (name, text) in wrong.items():
        yield finding(
            _key(edge, links),
            "files",
            f"its credential on {name} {text}",
            restore="lay it out anew",
            adopt="take the binding out of remit.toml, and run remit up; or: remit unbind",
            can=["restore"],
            at=edge,
        )


def _key(edge: str, links: dict[str, Seen]) -> str:
    return links[edge].key if edge in links else f"edge {edge}"
