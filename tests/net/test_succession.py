"""Successions of keys: who may say that one key follows another."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Refused
from remit.net import NodeKey, Succession, heir_of, sign_address, sign_succession
from remit.values import decode, encode

A, B, C, D = (NodeKey.generate() for _ in range(4))


def test_a_succession_leads_from_key_to_key() -> None:
    """One or several, from wherever in the chain; whoever knows the last key already stays with it; over the wire, too."""
    chain = [sign_succession(A, B, 1), sign_succession(B, C, 2)]
    assert heir_of(A.public, chain[:1]) == B.public
    for known in (A, B, C):
        assert heir_of(known.public, decode(encode(chain))) == C.public


@pytest.mark.parametrize(
    "changes", [{"at": 2}, {"new": C.public}, {"old": C.public}, {"by_old": bytes(64)}, {"by_new": bytes(64)}]
)
def test_a_forged_succession_is_refused(changes: dict[str, Any]) -> None:
    """Whatever of it was changed, either signature included."""
    forged = sign_succession(A, B, 1).__replace__(**changes)  # type: ignore[attr-defined]  # @record adds it
    with pytest.raises(Refused):
        heir_of(A.public, [forged])


def test_one_of_the_keys_does_not_do() -> None:
    """A thief of the old key cannot make another's key the heir, nor can somebody make himself the heir of a key."""
    alone = Succession(A.public, B.public, 1, sign_succession(A, B, 1).by_old, sign_succession(A, C, 1).by_new)
    uninvited = Succession(A.public, B.public, 1, sign_succession(C, B, 1).by_old, sign_succession(A, B, 1).by_new)
    swapped = Succession(A.public, B.public, 1, sign_succession(A, B, 1).by_new, sign_succession(A, B, 1).by_old)
    for each in (alone, uninvited, swapped):
        with pytest.raises(Refused):
            heir_of(A.public, [each])


def test_what_is_another_nodes_or_old_leads_nowhere() -> None:
    """A succession of another boss, a replayed one of before, a second heir of a key that has one, and one that begins later."""
    first, second = sign_succession(A, B, 1), sign_succession(B, C, 2)
    for known, chain in [
        (D, [first]),
        (C, [first]),
        (C, [sign_succession(B, D, 3)]),
        (C, [first, sign_succession(B, D, 3)]),
        (A, [second]),
    ]:
        with pytest.raises(Refused):
            heir_of(known.public, chain)


@pytest.mark.parametrize("chain", [None, [], "x", [1], [sign_address(A, {}, 1)], [sign_succession(A, B, 1)] * 65])
def test_what_is_no_succession_is_refused(chain: Any) -> None:
    """Whatever came over the wire; the number of those that are looked at is bounded."""
    with pytest.raises(Refused):
        heir_of(A.public, chain)


def test_parts_of_wrong_types_are_refused() -> None:
    """They are compared before anything is computed with them."""
    good = sign_succession(A, B, 1)
    for changes in (
        {"at": "1"},
        {"at": True},
        {"at": -1},
        {"at": 1 << 70},
        {"new": None},
        {"by_old": 5},
        {"by_new": "x"},
    ):
        assert not good.__replace__(**changes).holds()  # type: ignore[attr-defined]  # @record adds it


def test_its_signature_is_of_no_other_use() -> None:
    """It is under a label of its own: the key's signature over an address with the same bytes is none over a succession."""
    address = sign_address(A, {}, 1)
    assert not Succession(A.public, B.public, 1, address.signature, sign_succession(A, B, 1).by_new).holds()
