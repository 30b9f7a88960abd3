"""Which session with which peer: found again, crossed, replaced.

    dialled    locator → our attempt, until the peer's hello comes
    active     locator → the open session that is found by this peer's name

Two peers that dial each other at once would have two sessions; both abort the one whose initiator's side id is lower.
(OCapN draft specification *CapTP*, crossed hellos.) Sessions of peers that proved no key are found again only if we
dialled them: anyone may claim any location, and must not be sent other people's swiss numbers.
"""

from __future__ import annotations

from remit.captp._session import Session
from remit.errors import LinkLost
from remit.values import Locator

CROSSED = "Crossed hellos mitigated"


class Meeting:
    """The sessions of one node, by peer. Owned by the node.

    `believe`: find sessions by what their peers claim, proved or not. Conformance tests want it; nobody else may.
    """

    __slots__ = ("_dialled", "active", "believe", "by_id", "suspects")

    def __init__(self, *, believe: bool = False) -> None:
        self.believe = believe
        self.active: dict[Locator, Session] = {}
        self.by_id: dict[bytes, Session] = {}
        self.suspects: list[Session] = []
        self._dialled: dict[Locator, Session] = {}

    def dialling(self, locator: Locator, session: Session) -> None:
        """An attempt of ours has its connection and is about to say hello."""
        self._dialled[locator] = session

    def find(self, locator: Locator) -> Session | None:
        """The open session with this peer."""
        return self.active.get(locator)

    def greet(self, session: Session, location: Locator) -> str | None:
        """A peer's hello was good: None to go on, or why this session is refused.

        May end another session with the same peer. `suspects` gets a session that looks alive but may not be.
        """
        if not session.initiator:
            refusal = self._crossed(session, location)
            if refusal is not None:
                return refusal
        self._forget_attempt(session)
        old = self.active.get(location)
        if session.initiator or session.proved is not None or self.believe:
            self.active[location] = session
        self.by_id[session.id] = session
        if old is not None and old is not session and session.proved is not None:
            old.end(LinkLost("a newer session with the same peer has taken its place"))
        return None

    def _crossed(self, session: Session, location: Locator) -> str | None:
        if session.proved is None and not self.believe:
            return None  # who only claims to be that peer is found by nobody, so it ends nothing, and nothing of ours ends it
        attempt = self._dialled.get(location)
        if attempt is not None and attempt.state == "greeting":
            if attempt.side > session.remote_side:
                return CROSSED
            del self._dialled[location]
            # From here on the peer's session is the one that is found: this is an authenticated answer to our own dial
            # only where keys are proved, so an unproved one is found no more than before.
            attempt.abort(CROSSED)
            return None
        old = self.active.get(location)
        if old is not None and old.initiator and old.state == "open" and old.side > session.remote_side:
            # The peer dialled before it saw our hello, or it has been restarted and the old session is dead.
            self.suspects.append(old)
            return CROSSED
        return None

    def _forget_attempt(self, session: Session) -> None:
        for locator, attempt in list(self._dialled.items()):
            if attempt is session:
                del self._dialled[locator]

    def take_suspects(self) -> list[Session]:
        """Sessions that look alive but may not be, to be probed; forgets them."""
        taken, self.suspects = self.suspects, []
        return taken

    def ended(self, session: Session) -> None:
        """A session is over: it is found no more."""
        self._forget_attempt(session)
        if self.by_id.get(session.id) is session:
            del self.by_id[session.id]
        for locator, active in list(self.active.items()):
            if active is session:
                del self.active[locator]
