"""References that outlive connections: what is said again when the object is found again, and what waits meanwhile."""

from __future__ import annotations

from remit.dataspace.syndicate._standing import WAITING, Standing
from remit.errors import LinkLost, Unreachable
from remit.vat import actor, resolved, tell
from tests.dataspace.syndicate.hand import Home, Place


class Far:
    """A standing reference, and places where the object may be."""

    def __init__(self) -> None:
        self.home = Home("a")
        self.standing = Standing(self.home.vat, "the object")
        self.space = self.standing.space
        self.run = self.home.vat.run

    def place(self) -> object:
        place = self.home.place()
        self.standing.found(place)
        self.run()
        return place

    def heard(self, place: object) -> list:
        return self.home.hear(place)


def test_what_is_asserted_is_asserted_again_where_the_object_is_found() -> None:
    """Live assertions go to each place in one turn, with what waited; what was retracted does not."""
    far = Far()
    tell(far.space).turn([["assert", 1, "a"], ["assert", 2, "b"], ["message", "waits"]])
    tell(far.space).turn([["retract", 2]])
    first = far.place()
    name = far.heard(first)[0][0]
    assert far.heard(first) == [[name, ["assert", 1, "a"], ["message", "waits"]]]
    tell(far.space).turn([["assert", 3, "c"], ["message", "now"]])
    far.run()
    assert far.heard(first)[1:] == [[name, ["assert", 3, "c"], ["message", "now"]]]
    far.standing.lost()
    second = far.place()
    assert far.heard(second) == [[far.heard(second)[0][0], ["assert", 1, "a"], ["assert", 3, "c"]]]


def test_each_source_has_a_way_of_its_own_everywhere() -> None:
    """Handles of different sources do not meet, and a source that closes is not heard of again."""
    far = Far()
    one, two = resolved_open(far, "one"), resolved_open(far, "two")
    tell(one).turn([["assert", 1, "from one"]])
    tell(two).turn([["assert", 1, "from two"]])
    first = far.place()
    assert sorted(turn[1][2] for turn in far.heard(first)) == ["from one", "from two"]
    tell(one).close()
    far.run()
    assert far.heard(first)[-1][1:] == [["close"]]
    far.standing.lost()
    second = far.place()
    assert [turn[1][2] for turn in far.heard(second)] == ["from two"]


def resolved_open(far: Far, name: str) -> object:
    promise = far.space.open(name=name)
    far.run()
    return resolved(promise)


def test_a_sync_that_was_not_answered_is_asked_again() -> None:
    """A sync under way when the object is lost is answered by the next one; each is answered once."""
    far = Far()
    asker = far.home.notes()
    silent = far.home.vat.spawn(Silent)
    far.standing.found(silent)
    tell(far.space).turn([["sync", asker]])
    far.run()
    assert far.home.hear(asker) == []
    far.standing.lost()
    far.standing.found(far.home.notes())
    far.run()
    assert far.home.hear(asker) == [[["message", True]]]
    far.standing.lost()
    far.standing.found(far.home.notes())
    far.run()
    assert len(far.home.hear(asker)) == 1


@actor(kind="test.syndicate.silent")
class Silent:
    def turn(self, events: list) -> None:
        pass


def test_what_waits_is_bounded() -> None:
    """The oldest messages are dropped, and counted."""
    far = Far()
    for number in range(WAITING + 2):
        tell(far.space).turn([["message", number]])
    far.run()
    place = far.place()
    assert far.standing.dropped == 2
    assert far.heard(place)[0][1] == ["message", 2]


def test_the_end_withdraws_everything_for_good() -> None:
    """After `end` nothing is said any more, and whoever watches hears of it."""
    far = Far()
    place = far.place()
    tell(far.space).turn([["assert", 1, "a"]])
    far.run()
    far.standing.end(LinkLost("over"))
    far.standing.found(far.home.place())
    tell(far.space).turn([["assert", 2, "b"]])
    late = far.space.open()
    far.run()
    assert far.heard(place)[-1][1:] == [["close"]]
    assert len(far.heard(place)) == 2
    assert isinstance(late._value.error, LinkLost)
    assert "over" in repr(far.standing)
    assert not isinstance(late._value.error, Unreachable)
    assert Place is not None
