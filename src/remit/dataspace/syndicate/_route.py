"""Routes: where a peer is, and by which steps its gatekeepers lead to an object.

    <route [transport …] step …>                     transports are tried at the same time, steps are walked one after the other
    [transports key service sig oid caveat …]        the standard route: Noise, then a sturdyref; in base64 of its binary for cut and paste

(Syndicate Protocol, Routes.)
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from remit.dataspace.syndicate._address import Address
from remit.dataspace.syndicate._sturdy import SturdyRef
from remit.dataspace.syndicate._view import entries, labelled, rec
from remit.errors import BadArgument, DecodeError
from remit.values import Symbol, preserves, printable
from remit.values.preserves import Map

__all__ = ["Route"]


class Route:
    """Transports, of which one has to work, and steps: values such as `<ref {…}>` and `<noise {…}>`."""

    __slots__ = ("steps", "transports")

    def __init__(self, transports: tuple[Address, ...], steps: tuple[Any, ...] = ()) -> None:
        self.transports = transports
        self.steps = steps

    @classmethod
    def of(cls, given: Any, *steps: Any) -> Route:
        """What an address, a route's text or value, or the base64 of a standard route says; `steps` follow its own.

        A step is a value, the text of one, or a `SturdyRef`. Raises `BadArgument`.
        """
        found = given if isinstance(given, Route) else _route(given)
        return cls(found.transports, (*found.steps, *[_step(step) for step in steps if step is not None]))

    def value(self) -> Any:
        """As a record."""
        return rec("route", [address.value() for address in self.transports], *self.steps)

    def __str__(self) -> str:
        where = " or ".join(map(str, self.transports))
        return f"{where} by {', '.join(map(step_name, self.steps))}" if self.steps else where

    def __repr__(self) -> str:
        return f"Route({self})"  # steps hold signatures


def step_name(step: Any) -> str:
    """What a step is about, without its secrets."""
    found = labelled(step)
    if found is None or len(found[1]) != 1:
        return "a step"
    names = {name.name: one for name, one in entries(found[1][0]) or () if type(name) is Symbol}
    what = names.get("oid", names.get("service"))
    return f"{found[0]} {printable(preserves.text(what))}" if what is not None else str(found[0])


def _step(step: Any) -> Any:
    if isinstance(step, SturdyRef):
        return step.value()
    if type(step) is str:
        try:
            step = preserves.parse(step)
        except DecodeError as error:
            raise BadArgument(f"this is no step of a route ({type(error).__name__})") from None
    found = labelled(step)
    if found is None or type(found[0]) is not str or len(found[1]) != 1:
        raise BadArgument("a step of a route is a record of one field, such as <ref {oid: … sig: …}>")
    return step


def _route(given: Any) -> Route:
    if type(given) is str and given.lstrip()[:1] in ("<", "["):
        given = preserves.parse(given)
    elif type(given) is str and ":" not in given:
        given = _from_base64(given)
    found = labelled(given)
    if found is not None and found[0] == "route" and found[1] and type(found[1][0]) is list:
        return Route(_addresses(found[1][0]), tuple(_step(step) for step in found[1][1:]))
    if type(given) is list:
        return _standard(given)
    return Route((Address.of(given),))


def _standard(given: list[Any]) -> Route:
    if len(given) < 5 or type(given[0]) is not list or type(given[1]) is not bytes or type(given[3]) is not bytes:
        raise BadArgument("a standard route is [transports key service sig oid caveat …]")
    transports, key, service, sig, oid, *caveats = given
    noise = rec("noise", Map([(Symbol("key"), key), (Symbol("service"), service)]))
    return Route(_addresses(transports), (noise, SturdyRef(oid, sig, caveats).value()))


def _addresses(given: list[Any]) -> tuple[Address, ...]:
    if not given:
        raise BadArgument("a route has at least one transport")
    return tuple(map(Address.of, given))


def _from_base64(text: str) -> Any:
    try:
        return preserves.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, DecodeError):
        raise BadArgument("this is neither an address nor the base64 of a standard route") from None
