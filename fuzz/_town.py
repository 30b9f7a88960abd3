"""Three nodes for the session's target: a victim, a hostile node and an honest one, with keys that cost nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from remit.captp import Session
from remit.captp._crypto import key_value
from remit.testing import HandNode, Pipe, World
from remit.vat import Ref, actor, promise, spawn, tell, this

__all__ = ["CheapKey", "Town", "proved"]


class CheapKey:
    """A session key whose signature is a hash: the engine takes keys and their check as arguments, and real ones cost a millisecond."""

    __slots__ = ("public",)

    def __init__(self, number: int) -> None:
        self.public = sha256(b"key %d" % number).digest()

    def sign(self, data: bytes) -> bytes:
        """64 bytes that only this key and these data give."""
        return _signed(self.public, data)


def _signed(public: bytes, data: bytes) -> bytes:
    half = sha256(public + data).digest()
    return half + half


def proved(public: bytes, signature: bytes, data: bytes) -> bool:
    """The check that goes with `CheapKey`."""
    return signature == _signed(public, data)


@actor(kind="fuzz.thing")
class Thing:
    """Answers in every way that an object can: at once, later, never, with itself, with others, not at all."""

    count: int = 0
    kept: list[Any] = []
    resolvers: list[Any] = []

    def increment(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def echo(self, *args: Any, **kwargs: Any) -> list[Any]:
        return [list(args), kwargs]

    def keep(self, *args: Any) -> None:
        self.kept = [*self.kept, *args][-8:]

    def forget(self) -> None:
        self.kept = []
        self.resolvers = []

    def held(self) -> list[Any]:
        return list(self.kept)

    def me(self) -> Ref[Thing]:
        return this()

    def child(self) -> Ref[Thing]:
        return spawn(Thing)

    def later(self) -> Any:
        made, resolver = promise()
        self.resolvers = [*self.resolvers, resolver][-4:]
        return made

    def settle(self, value: Any = None) -> None:
        for resolver in self.resolvers:
            tell(resolver).fulfill(value)
        self.resolvers = []

    def part(self) -> dict[str, Any]:
        return {"a": [1, {"b": this()}], "c": self.count}

    def fail(self) -> None:
        raise ValueError("as asked")

    async def ask(self, other: Any, method: str = "me") -> Any:
        if not isinstance(other, Ref):
            self.fail()
        return await other.increment() if method == "increment" else await other.me()

    def poke(self) -> int:
        """Use all that was given, as a program would."""
        for other in self.kept:
            if isinstance(other, Ref):
                tell(other).increment()
        return len(self.kept)


class Town(World):
    """The nodes v, h and c; `hostile` and `honest` are the victim's sessions with h and c."""

    def __init__(self) -> None:
        super().__init__()
        self.v, self.h, self.c = (self.node(name) for name in "vhc")
        for node in (self.v, self.h, self.c):
            node.objects[b"thing"] = node.vat.spawn(Thing)
        self.theirs = self._opened(self.h, self.v)  # the hostile node's end
        honest = self._opened(self.c, self.v)
        self.mine = self.pipes[self.theirs].receiver  # the victim's end
        self.honest = self.pipes[honest].receiver
        self.far: Any = self.c.remote(honest, b"thing")
        self.settle()

    def _opened(self, a: HandNode, b: HandNode) -> Session:
        """A session as it is after the hellos, which have a target of their own and take most of an input's time."""
        ours = self.open(a, b)
        theirs = self.pipes[ours].receiver
        ours.take()
        self.dirty.clear()
        theirs.state = "greeting"
        for session, other in ((ours, theirs), (theirs, ours)):
            session.remote_public = other.key.public
            session._open(other.location, key_value(other.key.public))
        return ours

    def open(self, a: HandNode, b: HandNode) -> Session:
        ours = Session(a, self._cheap(), proved, a.locator, initiator=True, proved=b.name)
        theirs = Session(b, self._cheap(), proved, b.locator, initiator=False, proved=a.name)
        self.pipes[ours], self.pipes[theirs] = Pipe(ours, theirs), Pipe(theirs, ours)
        a.meeting.dialling(b.locator, ours)
        ours.start()
        return ours

    def _cheap(self) -> CheapKey:
        self._keys += 1
        return CheapKey(self._keys)
