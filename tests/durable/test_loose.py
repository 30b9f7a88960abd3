"""What is exported but reachable from no root is reported, with the object that should hold it."""

from __future__ import annotations

import asyncio
from typing import Any

from remit.durable import DurableVat, MemoryStore
from remit.lib import KINDS, SwissNumbers, membrane
from remit.net import Network
from remit.vat import Ref, Vat, actor, promise, spawn
from tests.durable.vats import Box, Stone, do, opened
from tests.net.nodes import Place, offer


def words(kept: DurableVat, *refs: Ref[Any], peer: str = "peer-one") -> list[str]:
    return [str(one) for one in kept.loose([(peer, ref) for ref in refs])]


def test_what_a_root_reaches_is_not_reported() -> None:
    """Roots, and what they hold in fields and inside containers, survive."""
    kept = opened(MemoryStore())
    root = kept.root("main")
    child, deep = do(kept, root, "child"), kept.vat.spawn(Stone, "deep")
    do(kept, child, "set", {"rows": [deep]})
    assert words(kept, root, child, deep) == []


def test_the_object_that_made_it_is_named_with_its_path() -> None:
    """Who should hold it is the one that made it; the path says where that stands."""
    kept = opened(MemoryStore())
    child = do(kept, kept.root("main"), "child")
    idle = do(kept, child, "spawn_idle")
    (said,) = words(kept, idle)
    assert "of kind test.box is exported (to peer-one), and no root reaches it" in said
    assert "root 'main'.value, of kind test.box, made it and should hold it in a field" in said


def test_a_maker_that_no_root_reaches_is_said_to_be_so() -> None:
    """Then one field is not enough."""
    kept = opened(MemoryStore())
    maker = do(kept, kept.root("main"), "spawn_idle")
    (said,) = words(kept, do(kept, maker, "spawn_idle"))
    assert "an object of kind test.box made it, which is not kept either: hold both" in said


def test_an_object_made_outside_of_turns_has_no_maker() -> None:
    """A program made it: nobody can be named."""
    kept = opened(MemoryStore())
    (said,) = words(kept, kept.vat.spawn(Stone, "x"))
    assert "let an object that is kept hold it in a field" in said


def test_an_object_taken_out_of_its_field_is_reported_while_somebody_has_it() -> None:
    """It was kept, and is not any more after a restart, whatever its peers think."""
    kept = opened(MemoryStore())
    child = do(kept, kept.root("main"), "child")
    assert words(kept, child) == []
    id = kept.id_of(child)
    do(kept, kept.root("main"), "set", None)
    (said,) = words(kept, child)
    assert f"it was kept as object {id}, but no field holds it any more" in said


def test_once_a_field_holds_it_it_is_no_longer_reported() -> None:
    """The remedy works."""
    kept = opened(MemoryStore())
    root = kept.root("main")
    idle = do(kept, root, "spawn_idle")
    assert len(words(kept, idle)) == 1
    do(kept, root, "set", idle)
    assert words(kept, idle) == []
    assert kept._keeper.maker(idle) is None  # and who made it is forgotten


def test_what_was_never_kept_is_found_without_a_walk() -> None:
    """What agents look for each minute: no path, but the object's number; what was kept once is not looked at."""
    kept = opened(MemoryStore())
    root = kept.root("main")
    child = do(kept, root, "child")
    idle, maker = do(kept, child, "spawn_idle"), do(kept, root, "spawn_idle")
    deeper = do(kept, maker, "spawn_idle")
    said = [str(one) for one in kept.never_kept([("a", root), ("a", child), ("a", idle), ("a", deeper)])]
    assert len(said) == 2
    assert f"object {kept.id_of(child)}, of kind test.box, made it" in said[0]
    assert "which is not kept either" in said[1]
    do(kept, root, "set", None)
    assert kept.never_kept([("a", child)]) == []


def test_several_peers_of_one_object_are_one_report() -> None:
    """Each is named once."""
    kept = opened(MemoryStore())
    idle = do(kept, kept.root("main"), "spawn_idle")
    (one,) = kept.loose([("a", idle), ("b", idle), ("a", idle)])
    assert one.peers == ["a", "b"]


@actor(kind="test.loose.host")
class Host:
    """Gives out what is not its own to keep."""

    secret: Any = None

    def promised(self) -> list[Any]:
        return list(promise())

    def guarded(self) -> Any:
        return membrane(spawn(Stone, "inside")).root()


def test_what_stands_behind_a_gate_counts_and_resolvers_do_not() -> None:
    """A membrane is looked through; the right to settle a promise is never kept."""
    kept = DurableVat.open(MemoryStore(), classes=[*KINDS, Stone, Host], roots={"host": (Host,)})
    guarded = do(kept, kept.root("host"), "guarded")
    _, resolver = do(kept, kept.root("host"), "promised")
    (said,) = words(kept, guarded, resolver)
    assert "kind test.stone" in said


def test_objects_of_other_vats_are_not_this_vats_concern() -> None:
    """Each vat reports its own."""
    kept, other = opened(MemoryStore()), Vat("other")
    assert words(kept, other.spawn(Stone, "x")) == []


def test_a_node_tells_what_its_peers_hold() -> None:
    """Over a real session: the object that a call gave is reported, by its peer's key, until the peer lets go."""

    async def main() -> None:
        place = Place("memory")
        kept = DurableVat.open(
            MemoryStore(), classes=[*KINDS, Box, Stone], roots={"main": (Box,), "swiss": (SwissNumbers,)}
        )
        async with (
            kept,
            place.node("here", vat=kept.vat, swiss=kept.root("swiss")) as here,
            place.node("there", listen=False) as there,
        ):
            box = await Network(there).enliven(await offer(here, kept.root("main")))
            assert kept.loose(here.exported()) == []
            idle = await box.spawn_idle()
            (one,) = kept.loose(here.exported())
            assert one.peers == [there.designator]
            assert one.kind == "test.box"
            assert "root 'main'" in one.remedy
            del idle
            async with asyncio.timeout(20):
                while kept.loose(here.exported()):
                    await asyncio.sleep(0.001)

    asyncio.run(main())
