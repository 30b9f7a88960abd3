"""Signed addresses: where nodes are, by their own word."""

from __future__ import annotations

import pytest

from remit.errors import Refused
from remit.net import AddressBook, NodeKey, SignedAddress, sign_address
from remit.values import Locator, Tagged, decode, encode

KEY = NodeKey.generate()


def book(*addresses, most=100):
    made = AddressBook(most)
    for address in addresses:
        made.learn(address)
    return made


def where(book, key=KEY, **old):
    return dict(book.find(Locator("remit", key.designator, old)).hints)


def test_the_newest_address_is_found():
    """A higher serial takes the place of a lower one, whatever the order in which they come."""
    first, second = sign_address(KEY, {"tls": "h:1"}, 1), sign_address(KEY, {"tls": "h:2"}, 2)
    assert where(book(first, second)) == {"tls": "h:2"}
    assert where(book(second, first)) == {"tls": "h:2"}


def test_an_old_address_cannot_be_replayed():
    """Of two with one serial the first stays, so that nobody flips between them."""
    first, second = sign_address(KEY, {"tls": "h:1"}, 5), sign_address(KEY, {"tls": "h:2"}, 5)
    assert where(book(first, second)) == {"tls": "h:1"}


def test_without_an_address_the_locator_stays_as_it_is():
    """Hints of the locator are the last resort."""
    assert where(book(), tls="h:9") == {"tls": "h:9"}


def test_only_our_own_kind_of_locator_is_brought_up_to_date():
    """A foreign transport's locator has nothing to do with a node's address."""
    made = book(sign_address(KEY, {"tls": "h:1"}, 1))
    foreign = Locator("tcp-testing-only", KEY.designator, {"host": "x"})
    assert made.find(foreign) is foreign


@pytest.mark.parametrize(
    "forged",
    [
        lambda a: SignedAddress(a.key, {"tls": "evil:1"}, a.serial, a.signature),
        lambda a: SignedAddress(a.key, a.hints, a.serial + 1, a.signature),
        lambda a: SignedAddress(NodeKey.generate().public, a.hints, a.serial, a.signature),
        lambda a: SignedAddress(a.key, a.hints, a.serial, bytes(64)),
        lambda a: SignedAddress(a.key, a.hints, a.serial, b""),
        lambda a: SignedAddress(b"short", a.hints, a.serial, a.signature),
        lambda a: SignedAddress(7, a.hints, a.serial, a.signature),
        lambda a: SignedAddress(a.key, [1], a.serial, a.signature),
        lambda a: SignedAddress(a.key, {"tls": 3}, a.serial, a.signature),
        lambda a: SignedAddress(a.key, a.hints, "1", a.signature),
        lambda a: SignedAddress(a.key, a.hints, a.serial, "sig"),
        lambda a: Tagged("remit.address", [a.key]),
        lambda a: None,
    ],
)
def test_a_forged_address_is_refused(forged):
    """Each part is covered by the signature and of its type; what was known stays."""
    address = sign_address(KEY, {"tls": "h:1"}, 1)
    made = book(address)
    with pytest.raises(Refused, match="altered"):
        made.learn(forged(address))
    assert where(made) == {"tls": "h:1"}


def test_an_address_passes_through_others_unchanged():
    """It travels as a value, and its signature holds at the other end."""
    address = sign_address(KEY, {"tls": "h:1", "unix": "/x"}, 3)
    came = decode(encode(address))
    assert came == address
    assert came.holds()
    assert came.locator() == Locator("remit", KEY.designator)
    assert where(book(came)) == {"tls": "h:1", "unix": "/x"}


def test_the_book_is_bounded():
    """The key that has been in it longest makes room; one that comes anew counts as new."""
    keys = [NodeKey.generate() for _ in range(3)]
    made = book(*(sign_address(key, {"tls": f"h:{i}"}, 1) for i, key in enumerate(keys)), most=2)
    assert [where(made, key) for key in keys] == [{}, {"tls": "h:1"}, {"tls": "h:2"}]
    made.learn(sign_address(keys[1], {"tls": "h:4"}, 2))
    made.learn(sign_address(keys[0], {"tls": "h:5"}, 1))
    assert [where(made, key) for key in keys] == [{"tls": "h:5"}, {"tls": "h:4"}, {}]


@pytest.mark.parametrize(
    ("hints", "serial"),
    [({"tls": "x" * 2000}, 1), ({f"t{i}": "x" for i in range(40)}, 1), ({}, -1), ({}, 1 << 63), ({}, 10**900)],
    ids=range(5),
)
def test_an_address_of_no_use_is_refused_though_it_is_signed(hints, serial):
    """Who signs is not who decides how much others keep: hints and serial have bounds."""
    key = NodeKey.generate()
    book = AddressBook()
    with pytest.raises(Refused):
        book.learn(sign_address(key, hints, serial))
    book.learn(sign_address(key, {"tls": "x" * 1000, "unix": ""}, (1 << 63) - 1))
