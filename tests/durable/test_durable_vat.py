"""What a durable vat keeps and what it refuses to keep; devices, sturdyrefs and references that find their object again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.durable import DurableVat, MemoryStore
from remit.errors import Broken, Missing, Misuse, NotStorable, StoreError
from remit.lib import SwissEntry, SwissNumbers
from remit.net import Live, Network, Node, NodeKey
from remit.testing import World, run_virtual
from remit.values import NULL, Locator, SturdyRef, Symbol, Tagged, record
from remit.vat import Far, Vat, resolved
from tests.captp.objects import Counter
from tests.durable.vats import Box, Spy, Stone, do, opened, state
from tests.net.nodes import Place, offer


def refused(kept: DurableVat, ref: Any, *call: Any) -> Broken:
    """The error of a turn that wanted to keep what cannot be kept; nothing of the turn has happened."""
    before = state(kept, ref)
    commits = len(kept._keeper.store.commits)  # type: ignore[attr-defined]  # a Spy
    with pytest.raises(Broken) as caught:
        do(kept, ref, *call)
    assert state(kept, ref) == before
    assert len(kept._keeper.store.commits) == commits  # type: ignore[attr-defined]
    return caught.value


@record("test.point")
class Point:
    x: int
    y: Any


def test_every_kind_of_value_comes_back_as_it_was() -> None:
    """The whole model, alone and inside each container."""
    values = [
        None,
        NULL,
        True,
        0,
        -(10**30),
        1.5,
        -0.0,
        float("inf"),
        "té",
        b"\0",
        Symbol("s"),
        Tagged("t", [1]),
        Point(1, [2]),
    ]
    values += [
        Locator("remit", "x", {"tls": "h:1"}),
        SturdyRef(Locator("remit", "x"), b"s"),
        Broken("m", kind="K", id="i"),
    ]
    store = Spy()
    kept = opened(store)
    box = kept.root("main")
    do(kept, box, "edit", ["items"], "replace", values)
    do(kept, box, "set", {"all": values, "nested": [values, {"x": values}]})
    before = state(kept, box)
    kept.close()
    again = opened(store.reopen())
    assert state(again, again.root("main")) == before


def test_a_far_reference_is_refused_with_field_and_remedy() -> None:
    """It ends with its session: the turn fails, naming object and field, and what to keep instead."""
    world = World()
    b = world.node("b")
    store = Spy()
    kept = opened(store)
    a = world.node("a")
    a.vat = kept.vat
    b.objects[b"c"] = b.vat.spawn(Counter)
    session = world.open(a, b)
    world.settle()
    promise = a.remote(session, b"c")
    world.settle()
    error = refused(kept, kept.root("main"), "set", resolved(promise))
    assert error.kind == "NotStorable"
    assert "test.box.value" in error.message
    assert "ask its exporter for a sturdyref" in error.message


@pytest.mark.parametrize(
    ("call", "where"),
    [
        (["edit", ["table"], "set", "k"], "test.box.table['k']"),
        (["edit", ["items"], "append"], "test.box.items[0]"),
        (["edit", ["tags"], "add"], "test.box.tags"),
    ],
)
def test_the_refusal_names_the_place_inside_a_container(call: Any, where: str) -> None:
    """Which key, which index."""
    kept, other = opened(Spy()), Vat("other")
    error = refused(kept, kept.root("main"), *call, other.spawn(Stone, "x"))
    assert where in error.message
    assert "object of another vat (other): keep a sturdyref of it" in error.message


def test_a_promise_without_a_result_is_refused() -> None:
    """A pending promise ends with the process: await it first."""
    kept = opened(Spy())
    assert "await it first" in refused(kept, kept.root("main"), "later").message


def test_a_promise_that_is_a_reference_is_kept_as_that_reference() -> None:
    """What a promise became is what is stored."""
    store = Spy()
    kept = opened(store)
    box = kept.root("main")
    child = kept.vat.spawn(Box, "child")
    made = box.myself()
    kept.vat.run()
    do(kept, box, "set", [made, child])
    kept.close()
    again = opened(store.reopen())
    first, second = again.root("main")._at.value
    assert first is again.root("main")
    assert second._at.value == "child"


def test_a_refusal_deep_in_a_new_object_names_that_object() -> None:
    """An object that would become durable with a field that can't: nothing of either is kept."""
    kept, other = opened(Spy()), Vat("other")
    child = kept.vat.spawn(Box, other.spawn(Stone, "x"))
    error = refused(kept, kept.root("main"), "set", child)
    assert error.message.startswith("test.box.value holds an object of another vat")
    assert kept.id_of(child) is None
    do(kept, child, "set", 1)
    do(kept, kept.root("main"), "set", child)
    assert kept.id_of(child) == 2


def test_the_vat_goes_on_after_a_refusal() -> None:
    """A turn that could not be kept costs nobody else anything."""
    store = Spy()
    kept = opened(store)
    box, other = kept.root("main"), Vat("other")
    refused(kept, box, "set", other.spawn(Stone, "x"))
    do(kept, box, "set", "fine")
    kept.close()
    assert opened(store.reopen()).root("main")._at.value == "fine"


# --- devices ------------------------------------------------------------------------------------------------------------


class Clock:
    def get(self) -> str:
        return "noon"


def test_devices_are_kept_by_their_names() -> None:
    """A field that holds a device holds the device of that name after a restart, whatever object it is then."""
    store = Spy()
    kept = opened(store, devices={"clock": Clock()})
    do(kept, kept.root("main"), "set", [kept.vat.devices["clock"], kept.vat.devices["network"]])
    kept.close()
    again = opened(store.reopen(), devices={"clock": Clock()})
    clock, network = again.root("main")._at.value
    assert clock is again.vat.devices["clock"]
    assert network is again.vat.devices["network"]


def test_a_device_that_is_not_given_any_more_is_named() -> None:
    """Nothing is loaded without it."""
    store = Spy()
    kept = opened(store, devices={"clock": Clock()})
    do(kept, kept.root("main"), "set", kept.vat.devices["clock"])
    kept.close()
    with pytest.raises(StoreError, match="device 'clock'.*add it to devices"):
        opened(store.reopen())


def test_a_device_answers_a_suspended_method_in_a_turn_that_is_kept() -> None:
    """What precedes the `await` is one turn, what follows another; both are kept."""

    async def main() -> None:
        store = Spy()
        kept = opened(store, devices={"clock": Clock()})
        async with kept:
            assert await kept.root("main").steps(kept.vat.devices["clock"]) == "noon"
        assert opened(store.reopen()).root("main")._at.value == ["after", "noon"]

    asyncio.run(main())


# --- roots -----------------------------------------------------------------------------------------------------------------


def test_roots_are_made_once() -> None:
    """The arguments are for a new store; later the root is what it has become."""
    store = Spy()
    kept = opened(store, roots={"main": (Box, 1)})
    assert kept.root("main")._at.value == 1
    do(kept, kept.root("main"), "set", 2)
    kept.close()
    again = opened(store.reopen(), roots={"main": (Box, 3), "second": (Box, 4)})
    assert [again.root(name)._at.value for name in ("main", "second")] == [2, 4]
    again.close()
    third = opened(store.reopen(), roots={})
    assert [third.root(name)._at.value for name in ("main", "second")] == [2, 4]


def test_an_unknown_root_names_the_known_ones() -> None:
    """`Missing`, with what there is."""
    with pytest.raises(Missing, match="has no root 'x'; it has: main"):
        opened(Spy()).root("x")


def test_a_root_that_cannot_be_kept_opens_nothing() -> None:
    """The store is closed, and as empty as before."""
    store, other = Spy(), Vat("other")
    with pytest.raises(NotStorable):
        opened(store, roots={"main": (Box, other.spawn(Stone, "x"))})
    assert store.reopen().inner.load().objects == []


# --- sturdyrefs -------------------------------------------------------------------------------------------------------------


def test_a_reference_that_finds_its_object_again_is_kept() -> None:
    """A re-enlivening reference in a field comes back as one, and works as soon as the node is there."""

    async def main() -> None:
        place, store, key = Place(), Spy(), NodeKey.generate()
        async with place.node("b") as b:
            sturdyref = await offer(b, b.vat.spawn(Counter))
            kept = opened(store)
            async with kept, Node(key, kept.vat) as a:
                a.use(place.netlayer(key))
                kept.network.attach(a)
                far = kept.network.enliven(sturdyref)
                assert await far.increment(1) == 1
                await kept.root("main").set({"far": far})
            kept = opened(store.reopen())
            far = kept.root("main")._at.value["far"]
            assert isinstance(far, Far)
            assert isinstance(far._link, Live)
            assert far._link.sturdyref == sturdyref
            async with kept, Node(key, kept.vat) as a:
                a.use(place.netlayer(key))
                kept.network.attach(a)
                assert await far.increment(1) == 2

    run_virtual(main)


def test_swiss_numbers_survive_a_restart() -> None:
    """What a node has given out before is honoured by the restarted node: the same object, with what it remembers."""

    async def main() -> None:
        place, store, key = Place(), Spy(), NodeKey.generate()
        roots = {"main": (Box,), "swiss": (SwissNumbers,)}
        given: list[SturdyRef] = []
        async with place.node("a") as a:
            for expected in (None, "kept"):
                kept = opened(store, roots=roots)
                async with kept, Node(key, kept.vat, swiss=kept.root("swiss")) as b:
                    await b.listen(place.netlayer(key, name="b"))
                    kept.network.attach(b)
                    if not given:
                        given.append(await kept.network.sturdy(kept.root("main"), holder="a"))
                    far = await a.fetch_from(given[0])
                    assert await far.get() == expected
                    await far.set("kept")
                store = store.reopen()

    run_virtual(main)


def test_a_swiss_number_is_not_in_the_store() -> None:
    """Only its digest is: whoever steals the store can't fetch anything with it."""

    async def main() -> None:
        store, key = Spy(), NodeKey.generate()
        kept = opened(store, roots={"main": (Box,), "swiss": (SwissNumbers,)})
        async with kept, Node(key, kept.vat, swiss=kept.root("swiss")) as node:
            await Network(node).register(b"the secret number", kept.root("main"), SwissEntry("x"))
        rows = [part for row in store.inner.reopen().load().fields for part in row if isinstance(part, bytes)]
        assert rows
        assert not [part for part in rows if b"the secret number" in part]

    asyncio.run(main())


def test_a_store_is_closed_when_opening_fails() -> None:
    """A failed open leaves no lock behind."""
    store = MemoryStore()
    with pytest.raises(Misuse, match="not an @actor class"):
        DurableVat.open(store, roots={"main": (object,)})
    with pytest.raises(StoreError, match="closed"):
        store.load()
