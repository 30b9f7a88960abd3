"""What waits at each node, as the boss puts it together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import BadArgument
from remit.machines import service_families
from remit.machines._burdens import burden_families, burden_view
from remit.net import exposition
from tests.machines.town import Town, in_town

SESSION = {"peer": "abc", "transport": "tls", "messages": 3, "bytes": 7, "unread": 0, "paused": True}
WAITS = {"peer": "xyz", "messages": 2, "bytes": 90, "why": "it cannot be reached"}


def test_every_machine_is_asked_what_waits_there_and_who_is_away_says_so() -> None:
    """The boss's own and each machine's, with machines by their names; one that is away or does not answer has an error, in bounded time."""

    async def work(town: Town) -> None:
        await town.machines("db", "app", "web")
        db = town.boxes["db"].network
        peers: Any = {"peer": town.network.designator}, {"peer": town.boxes["app"].network.designator}
        db.burden = lambda: {"sessions": [SESSION | peers[0]], "waiting": [WAITS | peers[1]]}  # type: ignore[method-assign]
        town.cut("app")

        async def never() -> None:
            await asyncio.Event().wait()

        town.boxes["web"].network.burden = never  # type: ignore[method-assign, assignment]
        found = {each.pop("node"): each for each in await town.boss.burdens(seconds=0.1)}
        assert list(found) == ["boss", "app", "db", "web"]
        assert found["boss"] == {"sessions": [], "waiting": [], "error": ""}
        assert found["db"] == {
            "sessions": [{"machine": "boss"} | SESSION | peers[0]],
            "waiting": [{"machine": "app"} | WAITS | peers[1]],
            "error": "",
        }
        assert "link is down" in found["app"]["error"] and "not answered within 0.1 s" in found["web"]["error"]
        assert [each["node"] for each in await town.boss.burdens("db")] == ["db"]
        for wrong in (0, -1, 61, "1"):
            with pytest.raises(BadArgument):
                await town.boss.burdens(seconds=wrong)

    in_town(work)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        {"sessions": 5, "waiting": [None, 3]},
        {
            "sessions": [{"peer": 5, "messages": -1, "bytes": 1 << 70, "unread": True, "paused": 1}] * 2000,
            "waiting": None,
        },
        {"sessions": [], "waiting": [{"peer": "x" * 10_000, "why": "\x1b[2J" * 1000}]},
    ],
)
def test_what_a_machine_says_of_itself_is_taken_apart(answer: Any) -> None:
    """Whatever it answers, what the boss shows has its form, its bounds and no control characters."""
    view = burden_view("m", answer, {})
    assert set(view) == {"node", "sessions", "waiting", "error"}
    assert len(view["sessions"]) <= 1000
    for row in (*view["sessions"], *view["waiting"]):
        assert all(type(row[name]) is int and 0 <= row[name] < 1 << 62 for name in ("messages", "bytes"))
        assert all(len(text) < 2000 and text.isprintable() for text in row.values() if isinstance(text, str))
    assert exposition(burden_families([view])).endswith(f'remit_node_answers{{node="m"}} {0 if view["error"] else 1}\n')


def test_what_waits_is_summed_up_for_metrics() -> None:
    """For each node and peer; peers that are no machines together."""
    rows = [{"machine": "a"} | SESSION, {"machine": ""} | SESSION, {"machine": ""} | SESSION | {"paused": False}]
    text = exposition(
        burden_families([{"node": "boss", "sessions": rows, "waiting": [{"machine": "a"} | WAITS], "error": ""}])
    )
    for line in (
        'remit_peer_messages{node="boss",peer="a"} 3',
        'remit_peer_messages{node="boss",peer="other"} 6',
        'remit_peer_sessions{node="boss",peer="other"} 2',
        'remit_peer_sessions_paused{node="boss",peer="other"} 1',
        'remit_outbox_bytes{node="boss",peer="a"} 90',
        'remit_node_answers{node="boss"} 1',
    ):
        assert line in text.splitlines()


def test_services_are_metrics() -> None:
    """Each state of each service is 0 or 1; files that are not in force are counted."""
    row = {
        "name": "<daemon db>",
        "states": ["ready", "started", "up"],
        "wanted": True,
        "held": False,
        "problem": "",
        "processes": [{"pid": 5}, {"pid": 0}],
    }
    text = exposition(service_families({"services": [row], "faults": ["a.pr: wrong"]}))
    for line in (
        'remit_service_state{service="<daemon db>",state="ready"} 1',
        'remit_service_state{service="<daemon db>",state="failed"} 0',
        'remit_service_processes{service="<daemon db>"} 1',
        "remit_service_faults 1",
    ):
        assert line in text.splitlines()
