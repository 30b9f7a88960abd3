"""Sealed boxes."""

from __future__ import annotations

from typing import Any

from remit.errors import BadArgument, NoSuchMethod, Refused
from remit.lib import make_sealer
from remit.vat import Vat, actor, promise
from tests.lib.objects import Party, granted, outcome


@actor(kind="test.locksmith", version=1)
class Locksmith:
    def make(self, name: str) -> Any:
        return list(make_sealer(name))

    def pending(self) -> Any:
        return [promise()[0]]


def test_only_the_matching_unsealer_opens_a_box() -> None:
    """The value comes out as it was; another unsealer, and anything else than a box, is refused."""
    vat = Vat()
    smith = vat.spawn(Locksmith)
    (seal, unseal, check), (other, _, other_check) = outcome(vat, smith.make("a")), outcome(vat, smith.make("a"))
    box = outcome(vat, seal({"gold": smith}))
    assert outcome(vat, unseal(box)) == {"gold": smith} and outcome(vat, check(box)) is True
    assert outcome(vat, other_check(box)) is False
    for wrong in (outcome(vat, other(1)), smith, 5):
        assert isinstance(outcome(vat, unseal(wrong)), Refused) and outcome(vat, check(wrong)) is False


def test_a_box_says_nothing() -> None:
    """It answers no message, and shows nothing of what is in it."""
    vat = Vat()
    seal, _, _ = outcome(vat, vat.spawn(Locksmith).make("a"))
    box = outcome(vat, seal("secret"))
    for sent in (box(), box.value(), box.brand()):
        assert isinstance(outcome(vat, sent), NoSuchMethod)
    assert "secret" not in repr(box) + repr(box._at)


def test_a_box_may_travel() -> None:
    """Through promises, other objects and membranes it comes back as the box that it is."""
    vat = Vat()
    smith = vat.spawn(Locksmith)
    seal, unseal, _ = outcome(vat, smith.make("a"))
    box = outcome(vat, seal(1))
    _, root = granted(vat, vat.spawn(Party))
    outcome(vat, root.keep("box", box))
    assert outcome(vat, unseal(outcome(vat, root.give("box")))) == 1


def test_a_promise_of_a_box_is_opened_once_it_is_settled() -> None:
    """Before that the unsealer asks to await it; it does not wait."""
    vat = Vat()
    smith = vat.spawn(Locksmith)
    seal, unseal, _ = outcome(vat, smith.make("a"))
    promised = seal(1)
    vat.run()
    assert outcome(vat, unseal(promised)) == 1
    pending = outcome(vat, smith.pending())[0]
    assert isinstance(outcome(vat, unseal(pending)), BadArgument)
