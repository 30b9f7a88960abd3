"""Dataspaces and conversations in durable vats: they are part of its turns, and nothing of them is kept."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import KINDS, Dataspace, bind, during, publish
from remit.durable import DurableVat, MemoryStore
from remit.errors import Broken
from remit.vat import Ref, actor, resolved, spawn
from tests.dataspace.kit import Ear, Present


@actor(kind="tests.resident", version=1)
class Resident:
    """Converses, and keeps what it has heard."""

    space: Any
    met: list[str] = []

    def begin(self) -> None:
        publish(self.space, Present("resident"))
        during(self.space, Present(name=bind()), self._meet)

    def _meet(self, name: str) -> None:
        self.met.append(name)

    def fail(self) -> None:
        publish(self.space, Present("failed"))
        self.met.append("failed")
        raise ValueError("no")

    def read(self) -> list[str]:
        return self.met


@actor(kind="tests.house", version=1)
class House:
    space: Any = None
    resident: Any = None

    def furnish(self) -> Any:
        if self.space is None:
            self.space = spawn(Dataspace)
            self.resident = spawn(Resident, self.space)
        return [self.space, self.resident]


def opened(store: MemoryStore) -> DurableVat:
    return DurableVat.open(store, name="house", classes=[House, Resident, *KINDS], roots={"main": (House,)})


def now(durable: DurableVat, promise: Any) -> Any:
    durable.vat.run()
    return resolved(promise)


def test_a_durable_object_begins_its_conversations_again() -> None:
    """What an object has heard in its fields is kept; assertions, observations and facets are not, and it can begin them anew."""
    store = MemoryStore()
    for life in (1, 2):
        durable = opened(store)
        space, resident = now(durable, durable.root("main").furnish())
        assert now(durable, space.size()) == 0
        now(durable, resident.begin())
        assert now(durable, space.size()) == 2
        assert now(durable, resident.read()) == ["resident"] * life
        kinds = {row[1] for row in store.load().objects}
        assert kinds == {"tests.house", "tests.resident", "remit.dataspace"}
        durable.close()
        store = store.reopen()


def test_a_durable_turn_that_fails_says_nothing() -> None:
    """Fields, facets and assertions are undone together."""
    durable = opened(MemoryStore())
    space, resident = now(durable, durable.root("main").furnish())
    with pytest.raises(Broken, match="no"):
        now(durable, resident.fail())
    assert now(durable, space.size()) == 0 and now(durable, resident.read()) == []
    durable.close()


def test_what_serves_a_conversation_is_not_missed() -> None:
    """Ears, parties and owners that others hold are nothing that a root should hold."""
    durable = opened(MemoryStore())
    space, resident = now(durable, durable.root("main").furnish())
    now(durable, resident.begin())
    party = now(durable, space.open())
    held: list[tuple[str, Ref[Any]]] = [("peer", party), ("peer", durable.vat.spawn(Ear))]
    assert [loose.kind for loose in durable.loose(held)] == ["tests.ear"]
    durable.close()
