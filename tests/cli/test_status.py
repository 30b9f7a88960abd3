"""What `remit status` says of peers that owe."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from unittest import mock

import pytest

from remit.cli import _status
from remit.cli._status import BUSY, MANY, _show_burden
from remit.errors import BadArgument
from tests.machines.town import Town, in_town

REST: dict[str, Any] = {
    "machine": "",
    "peer": "",
    "transport": "tls",
    "messages": 0,
    "bytes": 0,
    "unread": 0,
    "paused": False,
}


@pytest.mark.parametrize(
    ("debt", "words"),
    [
        ({"messages": BUSY}, ""),
        (
            {"messages": 2000, "machine": "web", "paused": True},
            "DEBT of machine web at machine m over tls: 2000 messages",
        ),
        (
            {"bytes": 70000, "peer": "abcdefghijk"},
            "DEBT of peer abcdefgh at machine m over tls: 0 messages and 70000 bytes",
        ),
        ({"unread": 5}, "DEBT of peer without a proved key at machine m over tls"),
    ],
)
def test_peers_that_owe_are_shown(debt: dict[str, Any], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is not read, or owes much, is in the status by the machine's name, or else its key; a peer at rest is not."""
    _show_burden({"node": "m", "sessions": [{**REST, **debt}], "waiting": [], "error": ""})
    shown = "".join(capsys.readouterr())
    assert words in shown and bool(words) == bool(shown)
    assert ("not read for now" in shown) == bool(debt.get("paused"))


def test_what_waits_durably_and_who_does_not_answer_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages that wait for a node are told with the reason; of a machine that is away it is said that nothing is known."""
    waiting = {"machine": "boss", "peer": "x", "messages": 3, "bytes": 400, "why": "it cannot be reached"}
    _show_burden({"node": "m", "sessions": [], "waiting": [waiting], "error": ""})
    _show_burden({"node": "n", "sessions": [], "waiting": [], "error": "it has not answered within 3 s"})
    assert capsys.readouterr().out == (
        "WAITING at machine m for the boss: 3 durable messages of 400 bytes: it cannot be reached\n"
        "UNKNOWN is what waits at machine n: it has not answered within 3 s\n"
    )


def fleet_of(count: int) -> list[str]:
    return [f"m{n:03}" for n in range(count)]


def shown(town: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `remit status` beside this town's boss; gives its lines."""

    async def run(*arguments: str) -> list[str]:
        seen: list[Any] = []
        wishes: list[Any] = []

        def ask(_: object, question: Any) -> Any:
            wishes.append(question)
            if not seen:
                raise Asked
            return seen[0]

        monkeypatch.setattr(_status, "ask_boss", ask)
        for _ in range(2):  # what is asked of the boss, then what is shown of its answer
            with suppress(Asked):
                _status.status.main(list(arguments), standalone_mode=False, obj=None)
                break
            seen.append(await wishes[0](town.boss))
        return capsys.readouterr().out.splitlines()

    return run


class Asked(Exception):  # no error
    """The command waits for the boss's answer."""


@pytest.mark.parametrize("count", [MANY, MANY + 1])
def test_of_many_machines_those_are_shown_that_have_something_to_say(
    count: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how many are in which state; with --all, and in a small fleet, all of them. JSON has all always."""

    async def work(town: Town) -> None:
        run = shown(town, capsys, monkeypatch)
        names = fleet_of(count)
        await town.machines(*names[1:])
        town.enrol = False
        await town.machines(names[0])
        lines = await run()
        if count > MANY:
            assert lines[0] == f"{count} machines: 1 pending, {MANY} active; 1 with something to say"
            assert [line.split()[0] for line in lines[1:3]] == ["MACHINE", "m000"]
            assert lines[3:] == [f"What waits at the machines themselves is asked where there are at most {MANY}."]
            lines = (await run("--all"))[:-1]
        assert [line.split()[0] for line in lines] == ["MACHINE", *names]
        seen = json.loads("\n".join(await run("--json")))
        assert [each["name"] for each in seen["machines"]] == names and set(seen) == {
            *("version", "alarms", "machines", "edges", "sessions", "burdens")
        }

    in_town(work)


@pytest.mark.parametrize("before", [False, True])
def test_json_is_printed_as_if_it_had_been_read(
    before: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, although nobody looks at what a boss tells as text; a boss of before, which tells none, is asked for data."""

    async def work(town: Town) -> None:
        await town.shop()
        await town.boss.withdraw("db.main")
        if before:
            monkeypatch.setattr(
                _status.StatusText, "fetch", mock.AsyncMock(side_effect=BadArgument("status takes one"))
            )
        lines = await shown(town, capsys, monkeypatch)("--json")
        seen = {**await _status.whole_status(town.boss), "burdens": await town.boss.burdens()}
        assert lines == json.dumps(seen, indent=2, sort_keys=True).splitlines()

    in_town(work)
