"""Dataspaces behind what narrows and takes back references."""

from __future__ import annotations

from typing import Any

import pytest

from remit.dataspace import bind, during, publish, this_facet
from remit.errors import Broken
from remit.lib import Attenuation, attenuated, membrane
from remit.vat import Vat, actor, resolved
from tests.dataspace.kit import OtherNode, Present, Says, Space, person


@actor(kind="tests.keeper_of_doors")
class Doors:
    """Makes ways into a dataspace that can be taken back."""

    made: Any = None

    def open(self, space: Any) -> Any:
        from remit.vat import call

        self.made = membrane(space)
        return call(self.made).root()

    def narrow(self, space: Any) -> Any:
        return attenuated(space, Attenuation(methods=["open"]))

    def close(self) -> None:
        self.made.revoke("enough")


class Guarded(Space):
    """Persons reach the dataspace through a membrane."""

    def __init__(self) -> None:
        super().__init__()
        self.doors = self.vat.spawn(Doors)
        self.way = self.settle(self.doors.open(self.ref))

    def home(self) -> tuple[Vat, Any]:
        return self.vat, self.way


def test_a_revoked_way_in_ends_the_conversation() -> None:
    """When the way into a dataspace is taken back, all that was said through it is withdrawn, and what was heard is not known any more."""
    space = Guarded()
    it = person(space)

    def begin(self: Any) -> None:
        def there(name: str) -> None:
            self.log.append(f"+{name}")
            this_facet().on_stop(lambda: self.log.append(f"-{name}"))

        publish(self.space, Says("it", "is here"))
        during(self.space, Present(name=bind()), there)

    it.act(begin)
    space.party().put(Present("a"))
    assert it.log == ["+a"]
    assert space.size() == 3
    space.settle(space.doors.close())
    assert it.log == ["+a", "-a"]
    assert space.size() == 1
    assert any("Revoked" in words for words in space.faults.words)


@pytest.mark.parametrize("kind", [Space, OtherNode])
def test_a_narrowed_reference_still_converses(kind: type[Space]) -> None:
    """Who may only open converses, and cannot look at everything."""
    space = kind()
    doors = space.vat.spawn(Doors)
    narrow = space.settle(doors.narrow(space.ref))
    if isinstance(space, OtherNode):
        space.world.nodes["space"].objects[b"narrow"] = narrow
        found = space.there.remote(space.session, b"narrow")
        space.world.settle()
        narrow = resolved(found)
        space.far = narrow
        it = person(space)
    else:
        it = person(space)
        object.__setattr__(it.ref._at, "space", narrow)
    it.act(lambda self: publish(self.space, Present("a")))
    assert space.query(Present(name=bind())) == [["a"]]
    with pytest.raises(Broken, match="outside of what this reference allows"):
        space.settle(narrow.parties())
