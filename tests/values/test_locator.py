"""Locators and sturdyrefs, and how they are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given

from remit.errors import Misuse
from remit.values import Locator, SturdyRef, same
from tests.strategies import LOCATORS, STURDYREFS

SECRET = b"hunter2"
SPELLED = "aHVudGVyMg"


def test_locators_are_equal_by_transport_and_designator() -> None:
    """Hints are only advice: two locators with other hints are one peer for `==` and hash, and differ for `same`."""
    a, b = Locator("tls", "k", {"tls": "10.0.0.7:1"}), Locator("tls", "k", {"tls": "10.0.0.7:2"})
    assert a == b and hash(a) == hash(b)
    assert not same(a, b)
    assert a != Locator("tls", "K")
    assert a != Locator("tcp", "k")
    assert a != "ocapn://k.tls"
    assert SturdyRef(a, b"s") == SturdyRef(b, b"s") != SturdyRef(a, b"t")
    assert hash(SturdyRef(a, b"s")) == hash(SturdyRef(b, b"s"))
    assert SturdyRef(a, b"s") != a


def test_hints_are_a_mapping_that_cannot_change() -> None:
    """What was given is copied; without hints the mapping is empty."""
    given_hints = {"a": "b"}
    locator = Locator("tls", "k", given_hints)
    given_hints["a"] = "c"
    assert locator.hints == {"a": "b"}
    assert Locator("tls", "k").hints == {}
    with pytest.raises(TypeError):
        locator.hints["a"] = "c"  # type: ignore[index]


URIS = [
    ("ocapn://k.tls", Locator("tls", "k")),
    ("ocapn://a.b.c.tls", Locator("tls", "a.b.c")),
    ("ocapn://MixedCase.onion", Locator("onion", "MixedCase")),
    (
        "ocapn://k.remit?tls=10.0.0.7:4433&unix=/run/remit/k",
        Locator("remit", "k", {"tls": "10.0.0.7:4433", "unix": "/run/remit/k"}),
    ),
    ("ocapn://k.tls?a=b%26c%3Dd%20%C3%A9", Locator("tls", "k", {"a": "b&c=d é"})),
    ("ocapn://a%2Fb%3Fc.tls", Locator("tls", "a/b?c")),
    ("ocapn://k.tls?a=", Locator("tls", "k", {"a": ""})),
]


@pytest.mark.parametrize(("uri", "locator"), URIS, ids=[uri for uri, _ in URIS])
def test_locators_are_spelled_as_uris(uri: str, locator: Locator) -> None:
    """Designator and transport split at the last dot, case kept, escapes undone; and back."""
    assert same(Locator.parse(uri), locator)
    assert locator.uri() == str(locator) == uri
    assert repr(locator) == f"<locator {uri}>"


def test_sturdyrefs_are_spelled_with_unpadded_base64url() -> None:
    """The swiss number stands behind /s/, in the alphabet that needs no escapes."""
    sturdy = SturdyRef(Locator("tls", "k", {"a": "b"}), b"\xfb\xff\xfe?")
    assert sturdy.uri() == "ocapn://k.tls/s/-__-Pw?a=b"
    assert same(SturdyRef.parse(sturdy.uri()), sturdy)


@given(LOCATORS)
def test_every_locator_comes_back_from_its_uri(locator: Locator) -> None:
    """Whatever characters it has; an empty dict of hints is read as no hints, since a URI cannot tell them apart."""
    back = Locator.parse(locator.uri())
    assert back == locator
    assert back.hints == locator.hints
    assert locator.uri().isascii()


@given(STURDYREFS)
def test_every_sturdyref_comes_back_from_its_uri(sturdy: SturdyRef) -> None:
    """Any bytes, of any length, and its uri is one that Locator refuses without showing it."""
    assert SturdyRef.parse(sturdy.uri()) == sturdy
    with pytest.raises(Misuse, match="has a swiss number") as caught:
        Locator.parse(sturdy.uri())
    assert "/s/" not in str(caught.value).replace("/s/swiss", "")


def test_a_sturdyref_never_shows_its_swiss_number() -> None:
    """repr, str and format hide it; only uri() gives it."""
    sturdy = SturdyRef(Locator("tls", "k", {"a": "b"}), SECRET)
    for shown in (repr(sturdy), str(sturdy), f"{sturdy}", f"{[sturdy]}"):
        assert "hunter2" not in shown and SPELLED not in shown
        assert "ocapn://k.tls/s/…?a=b" in shown
    assert SPELLED in sturdy.uri()


WRONG = {
    "http://k.tls": "it does not begin with ocapn://",
    "ocapn:k.tls": "it does not begin with ocapn://",
    "": "it does not begin with ocapn://",
    "ocapn://": "designator and transport",
    "ocapn://k": "designator and transport",
    "ocapn://.tls": "designator and transport",
    "ocapn://k.": "designator and transport",
    "ocapn://k.tls/x/abc": "is not /s/ and a swiss number",
    "ocapn://k.tls/": "is not /s/ and a swiss number",
    "ocapn://k.tls/s/": "is not /s/ and a swiss number",
    f"ocapn://k.tls/s/{SPELLED}==": "not unpadded base64url",
    f"ocapn://k.tls/s/{SPELLED}/x": "not unpadded base64url",
    f"ocapn://k.tls/s/{SPELLED}+": "not unpadded base64url",
    "ocapn://k.tls/s/aHVudGVyMh": "not unpadded base64url",
    "ocapn://k.tls/s/a": "not unpadded base64url",
    "ocapn://k.tls/s/é": "not unpadded base64url",
    "ocapn://k.tls?a": "not of the form name=value",
    "ocapn://k.tls?a=b&": "not of the form name=value",
    "ocapn://k.tls?a=1&a=2": "the same hint is given twice",
    "ocapn://k.tls?a=%4": "a % is not followed by two hexadecimal digits",
    "ocapn://k.tls?a=%+1": "a % is not followed by two hexadecimal digits",
    "ocapn://k.tls?a=%FF": "not UTF-8",
    "ocapn://ké.tls": "outside of ASCII",
    "ocapn://k.a%2Eb": "transport is a non-empty str without dots",
}


@pytest.mark.parametrize("uri", WRONG)
def test_wrong_uris_are_refused_with_the_accepted_form(uri: str) -> None:
    """The error says what is wrong and shows the form with an example, and nothing of a possible secret."""
    for cls, example in (
        (SturdyRef, "ocapn://mq5cd4xm.remit/s/c3dpc3MtbnVtYmVy?"),
        (Locator, "ocapn://mq5cd4xm.remit?"),
    ):
        with pytest.raises(Misuse) as caught:
            cls.parse(uri)
        assert WRONG[uri] in str(caught.value)
        assert f"for example {example}" in str(caught.value)
        assert SPELLED not in str(caught.value)


def test_a_locators_uri_is_no_sturdyref() -> None:
    """The missing part is named."""
    with pytest.raises(Misuse, match="no swiss number: a sturdyref is written like ocapn://"):
        SturdyRef.parse("ocapn://k.tls")


@pytest.mark.parametrize(
    "args",
    [("", "k"), ("a.b", "k"), (1, "k"), ("tls", ""), ("tls", b"k"), ("tls", "k", {"a": 1}), ("tls", "k", {1: "a"})],
)
def test_parts_that_have_no_spelling_are_refused(args: tuple[str, str]) -> None:
    """A transport with a dot, an empty designator and hints that are no text make no locator."""
    with pytest.raises(Misuse, match="a locator's"):
        Locator(*args)


@pytest.mark.parametrize(
    "args", [("ocapn://k.tls", b"s"), (Locator("tls", "k"), "hunter2"), (Locator("tls", "k"), b"")]
)
def test_a_sturdyref_takes_a_locator_and_bytes(args: tuple[Locator, bytes]) -> None:
    """Anything else is refused, and not shown."""
    with pytest.raises(Misuse, match="a SturdyRef's") as caught:
        SturdyRef(*args)
    assert "hunter2" not in str(caught.value)
