"""The gatekeeper: what each peer gets for free, and by which it gets everything else.

    peer ──<resolve step #:observer>──► gatekeeper ◄──<bind step' #:target observer'>── bindspace, a dataspace
    observer ◄──<accepted #:cap> or <rejected detail>, for as long as session, bind and resolve last

    <ref {oid key}>             a sturdyref of this oid whose signature the key proves gets the target, attenuated as it says
    <noise {key secretKey …}>   a session inside of Noise, whose free object is the target: `_noise_responder.py`

A step that nothing binds waits: its `resolve` stands in the bindspace, too, so that somebody may bind it just in time, or answer it.
When a bind is withdrawn, what it has given away is revoked. (Syndicate Protocol, Gatekeeper.)
"""

from __future__ import annotations

from typing import Any, Final

from remit.dataspace._pattern import Observe
from remit.dataspace.syndicate._binds import Bind, Kind, Sturdy
from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way, post_turn
from remit.dataspace.syndicate._records import ACCEPTED, accepted, rejected, resolve
from remit.dataspace.syndicate._view import fields_of, labelled, rec
from remit.errors import BadArgument, Broken, Revoked
from remit.values import Symbol
from remit.values.preserves import Map
from remit.vat import ROOT, Context, Ref, Vat

__all__ = ["Gatekeeper"]

_CAPTURE: Final = rec("bind", rec("_"))
ALL_BINDS: Final = rec("group", rec("rec", Symbol("bind")), Map([(0, _CAPTURE), (1, _CAPTURE), (2, _CAPTURE)]))
"""The pattern of all binds; captures are step, target and observer."""
MAX_RESOLVES: Final = 1000
"""Steps that one peer may wait for at a time."""


class Gatekeeper(EntityLink):
    """Owned by whoever owns the listeners; ends by `close`. `reference` is what peers get for free.

    `bindspace`: a dataspace, near or far. `kinds`: what steps there are, by label; `ref` by default. `dialect`: how peers are answered,
    "accepted" (syndicate-py, and all up to the middle of 2025) or "ok" (syndicate-rs since). `alarm`: the time, for capabilities that expire.
    """

    def __init__(
        self, vat: Vat, bindspace: Ref[Any], *, kinds: dict[str, Kind] | None = None, dialect: str = ACCEPTED
    ) -> None:
        super().__init__(vat)
        self.kinds: dict[str, Kind] = {"ref": Sturdy()} if kinds is None else kinds
        self.dialect = dialect
        self.binds: dict[int, Bind] = {}
        self.resolutions: dict[Resolution, None] = {}
        self._next = 1
        self._bindspace = Door(vat, bindspace, "gatekeeper")
        self._bindspace.turn([["assert", 0, Observe(ALL_BINDS, self.reference(Watch(self)))]], ROOT)
        self.entrance = self.reference(Entrance(self))

    def with_dialect(self, dialect: str) -> Ref[Any]:
        """The same for a listener whose peers are to be answered in this dialect."""
        return self.reference(Entrance(self, dialect))

    def close(self) -> None:
        """Take back everything that was given."""
        for handle in list(self.binds):
            self.unbound(handle)
        for resolution in list(self.resolutions):
            resolution.end()
        self._bindspace.close([0])

    def handle(self) -> int:
        """A handle that was not used before."""
        self._next += 1
        return self._next

    # --- the bindspace -------------------------------------------------------------------------------

    def bound(self, handle: int, captures: Any) -> None:
        """There is a bind."""
        if type(captures) is not list or len(captures) != 3 or not isinstance(captures[1], Ref):
            return
        found = labelled(captures[0])
        kind = None if found is None else self.kinds.get(str(found[0]))
        if found is None or kind is None or len(found[1]) != 1:
            return
        observer = captures[2] if isinstance(captures[2], Ref) else None
        try:
            bind = self.binds[handle] = Bind(self.vat, kind, kind.bound(found[1][0]), captures[1], observer)
        except BadArgument:
            return  # whoever bound it hears nothing: its observer is told of good ones
        bind.announce(self.handle())
        for resolution in list(self.resolutions):
            resolution.consider()

    def unbound(self, handle: int) -> None:
        """A bind is gone: what it gave is taken back."""
        bind = self.binds.pop(handle, None)
        if bind is None:
            return
        bind.end(Revoked("its bind was withdrawn"))
        for resolution in list(self.resolutions):
            if resolution.bind is bind:
                resolution.withdraw()
                resolution.consider()

    def stands(self, handle: int, value: Any) -> None:
        """A resolve of a peer's stands in the bindspace."""
        self._bindspace.turn([["assert", handle, value]], ROOT)

    def falls(self, handle: int) -> None:
        """No more."""
        self._bindspace.turn([["retract", handle]], ROOT)

    def __repr__(self) -> str:
        return f"<gatekeeper with {len(self.binds)} binds, {len(self.resolutions)} resolves>"


class Watch(Way):
    """Hears of binds."""

    __slots__ = ("_gatekeeper",)

    def __init__(self, gatekeeper: Gatekeeper) -> None:
        self._gatekeeper = gatekeeper

    def turn(self, events: list[Any], context: Context) -> None:
        """Binds have come or gone."""
        for event in events:
            if event[0] == "assert":
                self._gatekeeper.bound(event[1], event[2])
            elif event[0] == "retract":
                self._gatekeeper.unbound(event[1])

    def open(self, name: str) -> Ref[Any]:
        """There is one source, the bindspace."""
        return self._gatekeeper.reference(self)


class Entrance(Way):
    """One peer's way to the gatekeeper."""

    __slots__ = ("_dialect", "_gatekeeper", "_resolutions")

    def __init__(self, gatekeeper: Gatekeeper, dialect: str | None = None) -> None:
        self._gatekeeper = gatekeeper
        self._dialect = dialect or gatekeeper.dialect
        self._resolutions: dict[int, Resolution] = {}

    def turn(self, events: list[Any], context: Context) -> None:
        """Resolves have come or gone; anything else is passed over."""
        for event in events:
            kind = event[0]
            if kind == "assert":
                fields = fields_of(event[2], "resolve", 2)
                if fields is not None and isinstance(fields[1], Ref) and len(self._resolutions) < MAX_RESOLVES:
                    resolution = Resolution(self._gatekeeper, self._dialect, fields[0], fields[1])
                    self._resolutions[event[1]] = resolution
                    resolution.begin()
            elif kind == "retract":
                gone = self._resolutions.pop(event[1], None)
                if gone is not None:
                    gone.end()
            elif kind == "sync":
                post_turn(event[1], [["message", True]], context)

    def open(self, name: str) -> Ref[Any]:
        """Another peer's."""
        return self._gatekeeper.reference(Entrance(self._gatekeeper, self._dialect))

    def close(self) -> None:
        """The peer is gone."""
        resolutions, self._resolutions = self._resolutions, {}
        for resolution in resolutions.values():
            resolution.end()


class Resolution:
    """One resolve of one peer's, from its coming to its withdrawal. `bind`: what it is answered by."""

    __slots__ = ("_answer", "_asked", "_dialect", "_gatekeeper", "_observer", "_standing", "_step", "bind", "kind")

    def __init__(self, gatekeeper: Gatekeeper, dialect: str, step: Any, observer: Ref[Any]) -> None:
        self._gatekeeper = gatekeeper
        self._dialect = dialect
        self._step = step
        self._observer = Door(gatekeeper.vat, observer, "gatekeeper")
        self._asked: Any = None  # the step's parameters
        self._answer: int | None = None  # the handle of the answer
        self._standing: int | None = None  # and of the resolve in the bindspace
        self.kind: Kind | None = None
        self.bind: Bind | None = None

    def begin(self) -> None:
        """Answer, or wait for a bind."""
        found = labelled(self._step)
        if found is None or len(found[1]) != 1:
            self._refuse("invalid")
            return
        self.kind = self._gatekeeper.kinds.get(str(found[0]))
        if self.kind is None:
            self._refuse("unsupported")
            return
        try:
            self._asked = self.kind.asked(found[1][0])
        except BadArgument:
            self._refuse("invalid")
            return
        self._gatekeeper.resolutions[self] = None
        self._standing = self._gatekeeper.handle()
        self._gatekeeper.stands(self._standing, resolve(self._step, self._observer.ref))
        self.consider()

    def consider(self) -> None:
        """Binds have changed: answer by one that fits, if there is one and there was none."""
        if self.bind is not None or self.kind is None:
            return
        refusal = None
        for bind in self._gatekeeper.binds.values():
            if bind.kind is not self.kind or not self.kind.fits(self._asked, bind.parameters):
                continue
            given = bind.give(self._asked, self._taken_back)
            if isinstance(given, str):
                refusal = refusal or given
                continue
            self.withdraw()
            self.bind = bind
            self._say(accepted(self._dialect, given))
            return
        if refusal is not None and self._answer is None:
            self._refuse(refusal)

    def withdraw(self) -> None:
        """The answer is true no more."""
        answer, self._answer = self._answer, None
        self.bind = None
        if answer is not None:
            self._observer.turn([["retract", answer]], ROOT)

    def end(self) -> None:
        """The resolve is withdrawn, or its peer is gone."""
        self._gatekeeper.resolutions.pop(self, None)
        standing, self._standing = self._standing, None
        if standing is not None:
            self._gatekeeper.falls(standing)
        answer, self._answer = self._answer, None
        self._observer.close([] if answer is None else [answer])

    def _taken_back(self, cause: Broken) -> None:
        """What was given has expired, or was revoked."""
        if self._answer is not None and self in self._gatekeeper.resolutions:
            bind = self.bind
            self.withdraw()
            self.bind = bind  # it would only give again what is over
            self._refuse("expired" if type(cause).__name__ == "Expired" else "revoked")

    def _refuse(self, why: str) -> None:
        self._say(rejected(self._dialect, Symbol(why)))

    def _say(self, answer: Any) -> None:
        self._answer = self._gatekeeper.handle()
        self._observer.turn([["assert", self._answer, answer]], ROOT)
