"""Noise as a step of routes: the client's passage, and what a gatekeeper's bind gives for it.

    step    <noise {service key [protocol] [preSharedKeys]}>; at the gatekeeper it asks <noise service>
    bind    <bind <noise {key secretKey service [protocol] [preSharedKeys]}> #:target observer>

(Syndicate Protocol, Noise.)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from remit.dataspace.syndicate._binds import parameters_of
from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way
from remit.dataspace.syndicate._noise import DEFAULT_PROTOCOL, Handshake, public_key
from remit.dataspace.syndicate._noise_end import NoiseEnd
from remit.dataspace.syndicate._session import Session
from remit.dataspace.syndicate._view import fields_of, rec
from remit.errors import BadArgument, Broken, LinkLost
from remit.values import DEFAULT_LIMITS, Limits, Symbol, preserves, same
from remit.values.preserves import Map
from remit.vat import Context, Ref, Vat

__all__ = ["NoiseKind", "noise_passage"]


class _Terms:
    """What both sides say of one service."""

    __slots__ = ("key", "protocol", "psks", "service")

    def __init__(self, detail: Any) -> None:
        found = parameters_of(detail)
        self.service = found.get("service")
        self.key = found.get("key")
        self.protocol = found.get("protocol", DEFAULT_PROTOCOL)
        self.psks = found.get("preSharedKeys", [])
        if "service" not in found or type(self.key) is not bytes or type(self.psks) is not list:
            raise BadArgument("<noise {service: … key: …}> names a service and the bytes of its key")
        self.handshake(remote=self.key)  # complains now of keys and protocols that are none

    def handshake(self, *, remote: bytes | None = None, static: bytes | None = None) -> Handshake:
        """A fresh handshake, for the side whose key is given."""
        prologue = preserves.canonical(self.service)
        return Handshake(
            prologue=prologue,
            ephemeral=os.urandom(32),
            remote=remote,
            static=static,
            protocol=self.protocol,
            psks=self.psks,
        )


# --- the client ---------------------------------------------------------------------------------------


def noise_passage(home: Any, step: Any, limits: Limits = DEFAULT_LIMITS) -> NoisePassage:
    """What a walk needs for a `<noise …>` step. Raises `BadArgument`."""
    fields = fields_of(step, "noise", 1)
    if fields is None:
        raise BadArgument("a Noise step is <noise {service: … key: …}>")
    return NoisePassage(home, _Terms(fields[0]), limits)


class NoisePassage(EntityLink):
    """One step inside of Noise, from the answer of the gatekeeper outside to the free object of the session inside."""

    def __init__(self, home: Any, terms: _Terms, limits: Limits) -> None:
        super().__init__(home.vat)
        self.asks = rec("noise", terms.service)
        self._home = home
        self._terms = terms
        self._limits = limits
        self._end: NoiseEnd | None = None

    def enter(self, answer: Ref[Any], then: Callable[[Ref[Any] | Broken], None]) -> None:
        """Shake hands with the service's session object."""

        def opened(session: Session) -> None:
            then(session.root)

        end = self._end = NoiseEnd(
            self._home,
            self._terms.handshake(remote=self._terms.key),
            None,
            limits=self._limits,
            opened=opened,
            over=then,
        )
        end.peer = Door(self.vat, answer)
        end.speak_first([["assert", 1, rec("initiator", self.reference(_Ear(self, end)))]])

    def leave(self) -> None:
        """The walk is over, or the answer withdrawn."""
        end, self._end = self._end, None
        if end is not None:
            end._over = _nobody
            if end.peer is not None:
                end.peer.close([1])
            end.end(LinkLost("the way through Noise is closed"))


# --- the gatekeeper -----------------------------------------------------------------------------------


class NoiseKind:
    """`<noise service>` against `<noise {key secretKey service}>` (`Kind`)."""

    def __init__(self, home: Any, limits: Limits = DEFAULT_LIMITS) -> None:
        self._home = home
        self._limits = limits

    def asked(self, detail: Any) -> Any:
        """The service's selector, which may be any value."""
        return detail

    def bound(self, detail: Any) -> tuple[_Terms, bytes]:
        """The terms, and the secret key that belongs to the public one."""
        secret = parameters_of(detail).get("secretKey")
        terms = _Terms(detail)
        if type(secret) is not bytes or public_key(secret) != terms.key:
            raise BadArgument("<noise {… secretKey: …}> holds the secret key of its key")
        return terms, secret

    def fits(self, asked: Any, bound: tuple[_Terms, bytes]) -> bool:
        """The same service."""
        return same(asked, bound[0].service)

    def give(
        self, vat: Vat, asked: Any, bound: tuple[_Terms, bytes], target: Ref[Any]
    ) -> tuple[Ref[Any], Responder] | str:
        """A session object, for one initiator."""
        responder = Responder(self._home, bound[0].handshake(static=bound[1]), target, self._limits)
        return responder.reference(_Ear(responder, responder.end_of)), responder

    def path_step(self, bound: tuple[_Terms, bytes]) -> Any:
        """The step with the public key."""
        terms = bound[0]
        return rec("noise", Map([(Symbol("key"), terms.key), (Symbol("service"), terms.service)]))


class Responder(EntityLink):
    """The session object of one resolve (`Given`)."""

    def __init__(self, home: Any, handshake: Handshake, target: Ref[Any], limits: Limits) -> None:
        super().__init__(home.vat)
        self.ended: Callable[[Broken], None] | None = None
        self.cause: Broken | None = None
        self.end_of = NoiseEnd(home, handshake, target, limits=limits, opened=_opened, over=self._over)

    def end(self, cause: Broken) -> None:
        """Take the session back."""
        self.end_of.end(cause)

    def _over(self, cause: Broken) -> None:
        if self.cause is None:
            self.cause = cause
            self.tell_severed(cause)
            if self.ended is not None:
                self.ended(cause)

    def over(self) -> Broken | None:
        return self.cause


class _Ear(Way):
    """Hears the messages of the other end, and who that is."""

    __slots__ = ("_end", "_handle", "_link")

    def __init__(self, link: EntityLink, end: NoiseEnd) -> None:
        self._link = link
        self._end = end
        self._handle: int | None = None  # of the assertion that names the initiator

    def turn(self, events: list[Any], context: Context) -> None:
        """Messages, and at the responder the initiator's coming and going."""
        for event in events:
            if event[0] == "message":
                self._end.heard(event[1], context)
            elif event[0] == "assert" and self._handle is None and self._end.peer is None:
                fields = fields_of(event[2], "initiator", 1)
                if fields is not None and isinstance(fields[0], Ref):
                    self._handle = event[1]
                    self._end.peer = Door(self._link.vat, fields[0])
            elif event[0] == "retract" and event[1] == self._handle:
                self._handle = None
                self._end.end(LinkLost("the initiator has gone"))

    def open(self, name: str) -> Ref[Any]:
        """There is one source, the other end."""
        return self._link.reference(self)

    def close(self) -> None:
        """The peer that spoke here is gone."""
        self._end.end(LinkLost("the initiator has gone"))


def _nobody(cause: Broken) -> None:
    """Nobody waits for the end any more."""


def _opened(session: Session) -> None:
    """The responder waits for what the initiator says."""
