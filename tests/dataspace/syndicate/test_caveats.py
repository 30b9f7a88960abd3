"""Caveats and sturdyrefs: what passes, what does not, and what is refused as malformed."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.dataspace.syndicate import SturdyRef, only, until
from remit.dataspace.syndicate._caveats import NOTHING, Filter
from remit.errors import BadArgument, Refused
from remit.values import Symbol, preserves, same


def value(text: str) -> Any:
    return preserves.parse(text)


def passes(caveats: str, body: str) -> str | None:
    """What of a body passes these caveats, as text; None for nothing."""
    found = Filter(value(f"[{caveats}]")).apply(value(body), lambda ref, more: [ref, *more])
    return None if found is NOTHING else preserves.text(found)


def matches(pattern: str, body: str) -> bool:
    return passes(f"<rewrite {pattern} <lit yes>>", body) == "yes"


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("<_>", '1 "a" [] <a 1> {a: 1} #{1} #f', ""),
        ("Boolean", "#t #f", '1 0 "t" t'),
        ("Double", "1.0 0.0", "1 #t"),
        ("SignedInteger", "1 -5 100000000000000000000", "1.0 #t"),
        ("String", '"a"', 'a #"a" 1'),
        ("ByteString", '#"a"', '"a" a'),
        ("Symbol", "a", '"a" <a>'),
        ("Embedded", "", '1 a "a"'),
        ("<lit 1>", "1", '1.0 #t "1" [1]'),
        ('<lit <a [1 "b"]>>', '<a [1 "b"]>', '<a [1 b]> <a [1.0 "b"]>'),
        ("<bind SignedInteger>", "1", "a"),
        ("<and [SignedInteger <not <lit 1>>]>", "2", "1 a"),
        ("<and []>", "1", ""),
        ("<not Symbol>", "1", "a"),
        ("<rec a [<_> Symbol]>", "<a 1 b>", '<a 1> <a 1 b 2> <b 1 b> <a 1 2> [1 b] <"a" 1 b>'),
        ('<rec "a" [<_>]>', '<"a" 1>', "<a 1>"),
        ("<rec a []>", "<a>", "<a 1> a"),
        ("<rec void []>", "<void>", "<null>"),
        ("<arr [<_> Symbol]>", "[1 b]", "[1] [1 b 2] [1 2] <a 1 b>"),
        ("<dict {a: SignedInteger}>", "{a: 1} {a: 1 b: 2}", '{} {b: 1} {"a": 1} {a: x} [a 1]'),
        ('<dict {"a": <_> 1: Symbol}>', '{"a": 1 1: x 2: y}', '{"a": 1} {"a": 1 #t: x}'),
    ],
)
def test_patterns_match_by_kind_and_exact_length(pattern: str, yes: str, no: str) -> None:
    """Each pattern of Capability attenuation: records and sequences of the exact length, dictionaries with more entries."""
    for body in preserves.parse_all(yes):
        assert matches(pattern, preserves.text(body)), preserves.text(body)
    for body in preserves.parse_all(no):
        assert not matches(pattern, preserves.text(body)), preserves.text(body)


@pytest.mark.parametrize(
    ("caveats", "body", "result"),
    [
        ("", "<a 1>", "<a 1>"),
        ("<rewrite <bind <_>> <rec labelled [<lit alice> <ref 0>]>>", "5", "<labelled alice 5>"),
        (
            "<rewrite <bind <rec a [<bind <_>> <bind <_>>]>> <arr [<ref 2> <ref 1> <ref 0>]>>",
            "<a 1 2>",
            "[2 1 <a 1 2>]",
        ),
        ("<rewrite <dict {b: <bind <_>> a: <bind <_>>}> <arr [<ref 0> <ref 1>]>>", "{b: 2 a: 1}", "[1 2]"),
        ("<rewrite <bind <_>> <dict {x: <ref 0> 1: <lit 2>}>>", "5", "{1: 2 x: 5}"),
        ('<rewrite <bind <_>> <rec "l" [<ref 0>]>>', "5", '<"l" 5>'),
        ("<rewrite Symbol <lit 1>>", "5", None),
        ("<or [<rewrite Symbol <lit 1>> <rewrite SignedInteger <lit 2>> <rewrite <_> <lit 3>>]>", "5", "2"),
        ("<or [<rewrite <arr [<bind <_>> Symbol]> <lit 1>> <rewrite <bind <_>> <ref 0>>]>", "[1 2]", "[1 2]"),
        ("<or []>", "5", None),
        ("<reject SignedInteger>", "5", None),
        ("<reject Symbol>", "5", "5"),
        ("<something else>", "5", None),
        ("5", "5", None),
        ("<rewrite <_>>", "5", None),
        ("<until 5.0>", "5", None),
        # The newest, which is the last, sees the body first.
        ("<rewrite <bind <_>> <rec a [<ref 0>]>> <rewrite <bind <_>> <rec b [<ref 0>]>>", "5", "<a <b 5>>"),
        ("<reject <rec b [<_>]>> <rewrite <bind <_>> <rec b [<ref 0>]>>", "5", None),
        ("<rewrite <bind <_>> <attenuate <ref 0> []>>", "5", None),
    ],
)
def test_caveats_rewrite_choose_and_reject(caveats: str, body: str, result: str | None) -> None:
    """Rewrite, or, reject; what is unknown passes nothing; from the newest to the oldest; captures from outside to inside."""
    assert passes(caveats, body) == result


@pytest.mark.parametrize(
    "caveat",
    [
        "<rewrite <_> <ref 0>>",
        "<rewrite <bind <_>> <ref 1>>",
        "<rewrite <bind <_>> <ref -1>>",
        "<rewrite <bind <_>> <ref a>>",
        "<rewrite <not <bind <_>>> <lit 1>>",
        "<reject <not <and [<bind <_>>]>>>",
        "<rewrite <_> <attenuate <lit 1> [<rewrite <_> <ref 0>>]>>",
        "<rewrite <_> <attenuate <lit 1> 5>>",
        "<rewrite Number <lit 1>>",
        "<rewrite <rec a 5> <lit 1>>",
        "<rewrite <dict [a b]> <lit 1>>",
        "<rewrite <_> <dict 5>>",
        "<rewrite <_> 5>",
        "<or [<reject <_>>]>",
        "<or 5>",
        "<reject 5>",
    ],
)
def test_malformed_caveats_are_refused(caveat: str) -> None:
    """Captures that are not there, bindings under <not>, also inside of <attenuate …>: there is no such capability."""
    with pytest.raises(BadArgument):
        Filter([value(caveat)])
    with pytest.raises(BadArgument):
        SturdyRef.mint("x", b"", value(caveat))


def test_only_lets_records_and_subscriptions_to_them_through() -> None:
    """`only` is a caveat for records of some labels, of any usual length, and for what observes them."""
    caveat = only("Present", "Says")
    assert same(Filter([caveat]).apply(value("<Present 1>"), None), value("<Present 1>"))
    assert Filter([caveat]).apply(value("<Other 1>"), None) is NOTHING
    watch = value("<Observe <group <rec Says> {0: <bind <_>>}> 5>")
    assert same(Filter([caveat]).apply(watch, None), watch)
    assert Filter([caveat]).apply(value("<Observe <group <rec Other> {0: <bind <_>>}> 5>"), None) is NOTHING
    assert Filter([caveat]).apply(value("<Observe <bind <_>> 5>"), None) is NOTHING
    assert Filter([only("Says", observe=False)]).apply(watch, None) is NOTHING


CHAT = """
<or [
  <rewrite <rec Present [<_>]> <rec Present [<lit "alice">]>>
  <rewrite <rec Says [<_> <bind String>]> <rec Says [<lit "alice"> <ref 0>]>>
  <rewrite <bind <rec Observe [<rec rec [<lit Present> <_>]> <_>]>> <ref 0>>
  <rewrite <bind <rec Observe [<rec rec [<lit Says> <_>]> <_>]>> <ref 0>>
]>
"""


@pytest.mark.parametrize(
    ("oid", "key", "caveats", "signature"),
    [
        ('"syndicate"', b"", "", bytes.fromhex("69ca300c1dbfa08fba692102dd82311a")),
        ("a-service", b"hello", "", base64.b64decode("JTTGQeYCgohMXW/2S2XH8g==")),
        (
            "a-service",
            b"hello",
            '<rewrite <bind <_>> <rec labelled [<lit "alice"> <ref 0>]>>',
            base64.b64decode("CXn7+rAoO3Xr6Y6Laap3OA=="),
        ),
        (
            "a-service",
            b"hello",
            '<rewrite <bind <_>> <rec labelled [<lit "bob"> <ref 0>]>>',
            base64.b64decode("/75BbF77LOiqNcvpzNHf0g=="),
        ),
    ],
)
def test_signatures_are_those_of_the_vectors(oid: str, key: bytes, caveats: str, signature: bytes) -> None:
    """The first 16 bytes of HMAC-BLAKE2s-256 chains, as other implementations compute them."""
    minted = SturdyRef.mint(value(oid), key, *preserves.parse_all(caveats))
    assert minted.sig == signature
    assert minted.verify(key)
    assert not minted.verify(key + b"x")
    assert SturdyRef.parse(minted.text()) == minted


def test_a_caveat_can_be_added_by_anybody_and_taken_away_by_nobody() -> None:
    """Attenuation needs the old signature only; a caveat that is missing, changed or moved makes the signature wrong."""
    one, two = value("<reject Symbol>"), value("<reject String>")
    whole = SturdyRef.mint("x", b"key")
    narrowed = SturdyRef.parse(whole.text()).attenuate(one).attenuate(two)
    assert narrowed == SturdyRef.mint("x", b"key", one, two)
    assert narrowed.verify(b"key")
    for caveats in ([], [one], [two], [two, one], [one, two, two]):
        assert not SturdyRef("x", narrowed.sig, caveats).verify(b"key")
    with pytest.raises(Refused):
        SturdyRef("y", whole.sig).check(b"key")


@given(st.binary(min_size=16, max_size=16))
def test_nobody_guesses_a_signature(sig: bytes) -> None:
    """Another signature than the right one is refused."""
    assert SturdyRef("x", sig).verify(b"key") is (sig == SturdyRef.mint("x", b"key").sig)


def test_a_sturdyref_shows_its_signature_to_nobody_who_does_not_ask() -> None:
    """Neither `repr` nor an error about it holds the signature."""
    minted = SturdyRef.mint("x", b"key", until(5))
    assert minted.sig.hex() not in repr(minted)
    assert preserves.text(minted.sig) not in repr(minted)
    for text in (
        "<ref {oid: 1 sig: secret}>",
        '<ref {sig: #x"11"}>',
        "<ref 5>",
        "secret",
        '<ref {oid: 1 sig: #x"11" caveats: 5}>',
        "secret>",
    ):
        with pytest.raises(BadArgument) as caught:
            SturdyRef.parse(text)
        assert "secret" not in str(caught.value)


def test_a_wrong_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is `hmac.compare_digest`'s, which does not tell by its time how much was right."""
    import hmac

    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or False)
    assert not SturdyRef.mint("x", b"key").verify(b"key")
    assert len(compared) == 1


def test_the_symbol_and_the_string_of_one_name_are_two_oids() -> None:
    """Names are compared by kind."""
    assert SturdyRef.mint("a", b"").sig != SturdyRef.mint(Symbol("a"), b"").sig
