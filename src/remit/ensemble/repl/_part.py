"""The part `eval` of a control object: what those hold who may evaluate code in a server.

Whoever evaluates can do whatever the server's process can: this is all of its authority, and no sandbox.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from remit.ensemble.repl._desk import Desk
from remit.ensemble.repl._records import Attached, Evaluated
from remit.errors import Broken, Revoked
from remit.vat import Ref, actor, on_sever, spawn, tell

if TYPE_CHECKING:
    from remit.ensemble._server import Server

__all__ = ["Eval", "ReplSession", "make_eval"]

DEVICE: Final = "repl"
_uses: Final = itertools.count(1)


def make_eval(server: Server, who: str) -> Ref[Eval]:
    """The part for one holder; the first one brings the server's desk with it."""
    vat = server.vat
    if DEVICE not in vat.devices:
        audit: Any = vat.devices["audit"]._link
        desk = Desk(lambda: _names(server), lambda: vat._awake, audit.obj.note)
        server.closing.append(desk.close)
        vat.device(DEVICE, desk)
    return vat.spawn(Eval, vat.devices[DEVICE], who, next(_uses))


def _names(server: Server) -> dict[str, Any]:
    return {"server": server, "vat": server.vat, "node": server.node, "network": server.network}


@actor(kind="remit.ensemble.eval", version=1, passing=True)
class Eval:
    """One grantee's way to evaluate code in a server; ends with the grant. `who` is written into the audit log with each piece of code.

    `use`: which of the ways in this is; sessions end with the one by which they were asked for last.
    """

    desk: Ref[Any]
    who: str
    use: int = 0

    async def evaluate(self, source: str, seconds: float = 30.0, sink: Any = None) -> Evaluated:
        """Evaluate one piece of code in a namespace of its own, interrupted after so many seconds.

        `sink` is told what is printed meanwhile; when its link is lost, the code is interrupted.
        """
        id = await self.desk.open(self.who, self.use, "")
        session = spawn(ReplSession, self.desk, self.who, id)
        try:
            if sink is not None:
                await session.attach(sink)
            done: Evaluated = await session.run(source, 1, float(seconds))
        finally:
            tell(session).close()
        return done

    async def session(self, name: str = "", sink: Any = None) -> Ref[ReplSession]:
        """A session. One with a name is there again after a lost connection: for the same user, and for some time (`GRACE`).

        `sink` is told what is printed, as `write(text)`, one text at a time.
        """
        id = await self.desk.open(self.who, self.use, name)
        made = spawn(ReplSession, self.desk, self.who, id)
        if sink is not None or not name:
            await made.attach(sink)
        return made

    def ended(self, reason: str = "") -> None:
        """The grant was taken back: every session of it ends, and what runs there is interrupted."""
        tell(self.desk).retract(self.use, Revoked(f"the grant was taken back{': ' + reason if reason else ''}"))


@actor(kind="remit.ensemble.repl", version=1, passing=True)
class ReplSession:
    """A session of one user: a namespace that lasts from one piece of code to the next. Ended by `close`, or by nobody coming back to it."""

    desk: Ref[Any]
    who: str
    id: int

    async def attach(self, sink: Any = None) -> Attached:
        """From now on this sink is told what is printed, besides what has been printed while nobody listened."""
        attachment, attached = await self.desk.attach(self.id, sink)
        if sink is not None:
            on_sever(sink, spawn(Severed, self.desk, self.id, attachment))
        found: Attached = attached
        return found

    def run(self, source: str, number: int = 0, seconds: float | None = None) -> Any:
        """Evaluate one piece of code: statements, or an expression, whose value is shown. `await` may stand anywhere.

        `number` rises from 1: a piece that is sent again with its number after a lost connection runs once, and is answered. `seconds`: after
        which it is interrupted, None for never.
        """
        return self.desk.run(self.id, source, number, seconds)

    def interrupt(self) -> Any:
        """Interrupt what runs, as ctrl-C does; whether anything did."""
        return self.desk.interrupt(self.id)

    def complete(self, text: str) -> Any:
        """What the last word of the text can go on as: a list of words."""
        return self.desk.complete(self.id, text)

    def defined(self, name: str) -> Any:
        """Whether this name (dotted or not) leads to something in the session."""
        return self.desk.defined(self.id, name)

    def close(self) -> Any:
        """End the session; what runs is interrupted."""
        return self.desk.end(self.id)


@actor(kind="remit.ensemble.repl.severed", version=1, passing=True)
class Severed:
    """Hears that a session's sink is cut off: its link was lost, or the grant was taken back, through which it came."""

    desk: Ref[Any]
    id: int
    attachment: int

    def __call__(self, why: Broken) -> None:
        """See `on_sever`."""
        tell(self.desk).lost(self.id, self.attachment, why)
