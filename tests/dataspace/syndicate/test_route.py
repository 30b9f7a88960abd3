"""Addresses and routes: every form, and what is none."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from remit.dataspace.syndicate import Address, Route, SturdyRef
from remit.errors import BadArgument
from remit.values import preserves, same

REF = SturdyRef.mint("room", b"key")


@pytest.mark.parametrize(
    ("forms", "value", "text"),
    [
        (["tcp://host:9001", "tcp:host:9001", '<tcp "host" 9001>'], '<tcp "host" 9001>', "tcp://host:9001"),
        (["tcp://[::1]:9001"], '<tcp "::1" 9001>', "tcp://[::1]:9001"),
        (["tls://host:9001"], '<tls "host" 9001>', "tls://host:9001"),
        (["unix:///run/x", "unix:/run/x", '<unix "/run/x">'], '<unix "/run/x">', "unix:///run/x"),
        (["ws://host:80/x", '<ws "ws://host:80/x">'], '<ws "ws://host:80/x">', "ws://host:80/x"),
        (["wss://host/x"], '<ws "wss://host/x">', "wss://host/x"),
        (["stdio:", "<stdio>"], "<stdio>", "stdio:"),
    ],
)
def test_addresses_are_read_in_every_form_and_written_in_one(forms: list[str], value: str, text: str) -> None:
    """As URLs, as the shell client writes them, as records."""
    for form in forms:
        found = Address.of(form)
        assert same(found.value(), preserves.parse(value))
        assert str(found) == text
        assert Address.of(text) == Address.of(found.value()) == found


@pytest.mark.parametrize(
    "given",
    [
        "",
        "host:9001",
        "tcp://host",
        "tcp://host:x",
        "tcp://:1",
        "unix:",
        "http://x",
        "<tcp 1 2>",
        '<tcp "h" 70000>',
        "<udp>",
        5,
        None,
    ],
)
def test_what_is_no_address_is_refused(given: Any) -> None:
    """The error names the forms that there are."""
    with pytest.raises(BadArgument, match="tcp://host:port"):
        Address.of(given)


def standard(*more: Any) -> list[Any]:
    return [["ws://host/x", preserves.parse('<tcp "h" 1>')], b"k" * 32, "service", REF.sig, REF.oid, *more]


def test_routes_are_read_in_every_form() -> None:
    """An address, a record, the standard route and its base64; steps that are given come last."""
    plain = Route.of("tcp://h:1", REF)
    assert [str(one) for one in plain.transports] == ["tcp://h:1"]
    assert same(plain.steps[0], REF.value())
    again = Route.of(preserves.text(plain.value()))
    assert same(again.value(), plain.value())
    assert same(Route.of(plain, REF.text()).value(), Route.of(plain.value(), REF.value()).value())
    made = Route.of(standard())
    assert [str(one) for one in made.transports] == ["ws://host/x", "tcp://h:1"]
    assert same(made.steps[0], preserves.parse('<noise {key: #"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" service: "service"}>'))
    assert same(made.steps[1], REF.value())
    coded = base64.b64encode(preserves.encode(standard(preserves.parse("<reject <_>>")))).decode()
    assert same(Route.of(coded).steps[1], SturdyRef(REF.oid, REF.sig, [preserves.parse("<reject <_>>")]).value())


@pytest.mark.parametrize(
    "given",
    [
        "<route []>",
        "<route 5>",
        "<route [5]>",
        "[1 2]",
        [],
        [[], b"", 1, b"", 2],
        "bm90aGluZw==",
        "%%%",
        '<route [<tcp "h" 1>] 5>',
        '<route [<tcp "h" 1>] <a b c>>',
    ],
)
def test_what_is_no_route_is_refused(given: Any) -> None:
    """Malformed routes and steps are the caller's mistake."""
    with pytest.raises(BadArgument):
        Route.of(given)
    with pytest.raises(BadArgument):
        Route.of("tcp://h:1", "no step>")


def test_a_route_shows_no_signature() -> None:
    """Neither its text nor its `repr` holds the secrets of its steps."""
    route = Route.of("tcp://h:1", REF, preserves.parse('<noise {service: chat key: #x"00"}>'))
    assert str(route) == 'tcp://h:1 by ref "room", noise chat'
    assert REF.sig.hex() not in repr(route)
