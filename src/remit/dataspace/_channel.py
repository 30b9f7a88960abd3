"""An object's way to one entity: the party that it has opened there, or the entity itself where there is nothing to open.

    opening ──the entity's answer──► open ──► what is said in a turn leaves when the turn commits
       ▲ └──refused──► gone             │
       └────────────link lost───────────┘

What is said before leaves with the answer. After a lost link all that stands is asserted anew; handlers hear that what they were told of is
gone, at once, or where a grace period was asked for, when it is not there again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from remit.dataspace._leash import watch
from remit.dataspace._pace import Pace, Slow
from remit.dataspace._sending import send_turns
from remit.errors import Broken, LinkLost, NoSuchMethod, Unreachable
from remit.vat import Context, Message, Promise, Ref, Vat, call, on

if TYPE_CHECKING:
    from remit.dataspace._conversation import Conversation

__all__ = ["Channel", "Standing", "Terms"]

MOST: Final = 10_000
"""Messages that wait for one entity while it cannot be reached, as for a re-enlivening reference."""


def _on_loss(channel: weakref.ref[Channel], life: int) -> Callable[[Any], None]:
    def lost(_: Any) -> None:
        found = channel()
        if found is not None:
            found.conversation.inside(lambda: found._lost(life))

    return lost


class Standing(Protocol):
    """An assertion that stands at an entity."""

    def value(self) -> Any:
        """What is asserted."""

    def renumber(self, handle: int) -> None:
        """It is asserted anew, under this handle."""

    def lost(self, keep: bool) -> None:
        """The link is lost: what was heard through it is not known any more; `keep`: unless it is told again soon."""

    def renewed(self) -> None:
        """All that is there has been told again."""


class Terms:
    """On which an object converses with an entity: see `join`."""

    __slots__ = ("grace", "key", "name")

    def __init__(self, name: str = "", grace: float = 0.0, key: str | bytes | None = None) -> None:
        self.name = name
        self.grace = grace
        self.key = key


class Channel:
    """Owned by the object's conversation. Handles are its own, counted from 1."""

    __slots__ = (
        *("__weakref__", "_old", "conversation", "gone", "handle", "last", "lives", "paces", "party"),
        *("said", "space", "standing", "syncs", "terms", "unpaced"),
    )

    def __init__(self, conversation: Conversation, space: Ref[Any], terms: Terms) -> None:
        self.conversation = conversation
        self.space = space
        self.terms = terms
        self.party: Ref[Any] | None = None
        self.gone = False
        self.lives = 0  # how often it was opened
        self.handle = 0
        self.said: list[list[Any]] = []  # and not sent yet
        self.last: list[list[Any]] = []  # goes at the end of it
        self.standing: dict[int, Standing] = {}
        self.syncs: dict[Any, list[Any]] = {}  # not answered yet
        self.paces: dict[Ref[Any], Slow] = {}  # of those that are asked to be told so
        self.unpaced: list[Ref[Any]] = []  # of whom it is not said yet
        self._old: list[int] = []  # what stands there from before the link was lost

    @property
    def busy(self) -> bool:
        """Whether anything stands or is waited for."""
        return bool(self.standing or self.syncs or self.said)

    # --- opening --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Ask the entity for a way in of our own; a near dataspace answers at once."""
        owner = self.conversation.stand_in()
        space, terms = self.space, self.terms
        more = {} if terms.key is None else {"key": terms.key}
        near = space._link is None and space._vat is self.conversation.vat and not isinstance(space, Promise)
        if near and space._behind() is None:
            opens = "open" in space._at._remit_.methods
            self.party = call(space).open(owner, terms.grace, terms.name, **more) if opens else space
            return
        on(space.open(owner, terms.grace, terms.name, **more), fulfilled=self._opened, broken=self._refused)

    def _opened(self, party: Any) -> None:
        journal = self.conversation.journal
        self.conversation.begin()
        journal.note(self._put, self.party, self.lives, self.said)
        self.party = party
        self.lives += 1
        watch(party, _on_loss(weakref.ref(self), self.lives))  # weak: the link does not keep the object
        if self.lives > 1:
            self._say_again()

    def _put(self, party: Any, lives: int, said: list[list[Any]]) -> None:
        self.party, self.lives, self.said = party, lives, said

    def _refused(self, error: Broken) -> None:
        self.conversation.begin()
        if isinstance(error, NoSuchMethod):
            self._opened(self.space)
        elif isinstance(error, LinkLost) and hasattr(self.space._link, "reached"):
            self.open()  # a re-enlivening reference, which waits for its link itself
        else:
            self._end(error)

    # --- when the link is lost ------------------------------------------------------------------------

    def _lost(self, life: int) -> None:
        if life != self.lives or self.party is None:
            return
        journal = self.conversation.journal
        journal.note(setattr, self, "party", self.party)
        self.party = None
        self._old = list(self.standing) if self.terms.key is not None else []
        journal.note(setattr, self, "said", self.said)
        self.said = [event for event in self.said if event[0] in ("message", "sync")]
        for each in list(self.standing.values()):
            each.lost(keep=self.terms.grace > 0)
        self.open()

    def _end(self, error: Broken) -> None:
        """There is nobody any more, and there will not be: it is told once, to whoever keeps the vat's log."""
        self.gone = True
        self.conversation.forget(self)
        for each in list(self.standing.values()):
            each.lost(keep=False)
        self.conversation.vat._explain(error, f"a conversation of {self.conversation.object()!r} with {self.space!r}")

    def _say_again(self) -> None:
        """Assert all that stands anew, then withdraw what is left from before; what was said meanwhile follows."""
        journal = self.conversation.journal
        journal.note(setattr, self, "standing", self.standing)
        standing, self.standing = self.standing, {}
        events = []
        for each in standing.values():
            handle = self.claim()
            each.renumber(handle)
            self.standing[handle] = each
            events.append(["assert", handle, each.value()])
        events += [["retract", handle] for handle in self._old]
        journal.note(setattr, self, "unpaced", self.unpaced)
        self.unpaced = list(self.paces)
        waiting = {id(event) for event in self.said + self.last}
        events += [event for event in self.syncs.values() if id(event) not in waiting]
        self.said = events + self.said
        self.conversation.renewed(self, list(standing.values()))

    def pace(self, ear: Ref[Any], slow: Slow) -> None:
        """This ear is told so when it does not keep up. Raises `BadArgument` for a policy that there is not."""
        Pace(slow)
        note = self.conversation.journal.note
        self.paces[ear] = slow
        note(self.paces.pop, ear, None)
        self.unpaced.append(ear)
        note(self.unpaced.pop)

    def unpace(self, ear: Ref[Any]) -> None:
        """It does not listen any more."""
        slow = self.paces.pop(ear, None)
        if slow is not None:
            self.conversation.journal.note(self.paces.__setitem__, ear, slow)

    # --- saying -----------------------------------------------------------------------------------------

    def claim(self) -> int:
        """A handle that was not used before."""
        self.handle += 1
        return self.handle

    def stand(self, handle: int, what: Standing) -> None:
        """This stands from now on, under a handle."""
        self.standing[handle] = what
        self.conversation.journal.note(lambda: self.standing.pop(handle, None))

    def fall(self, handle: int) -> None:
        """What stood under this handle does not any more."""
        what = self.standing.pop(handle, None)
        if what is not None:
            self.conversation.journal.note(lambda: self.standing.__setitem__(handle, what))

    def say(self, event: list[Any]) -> None:
        """One more event of this turn's."""
        if self.gone:
            return
        if self.party is None:
            passing = event[0] in ("message", "sync")
            if self.lives and not passing:
                return  # what stands is asserted anew when the link is there again
            if passing and len(self.said) >= MOST:
                raise Unreachable(f"{MOST} messages wait for {self.space!r} already, which cannot be reached")
        self.said.append(event)
        self.conversation.journal.note(self._unsay)

    def _unsay(self) -> None:
        self.said.pop()

    def say_last(self, event: list[Any]) -> None:
        """An event that comes after all others of this turn."""
        self.last.append(event)
        self.conversation.journal.note(self._unsay_last)

    def _unsay_last(self) -> None:
        self.last.pop()

    def unsent(self, handle: int) -> Any:
        """The event that asserts this, if it has not left yet."""
        for event in reversed(self.said):
            if event[0] == "assert" and event[1] == handle:
                return event
        return None

    def flush(self, vat: Vat, context: Context) -> None:
        """The turn has ended well: say all of it at once, if anybody is there to hear it."""
        party = self.party
        if party is None or not (self.said or self.last):
            return
        events = self.said + self.last
        self.said, self.last = [], []
        unpaced, self.unpaced = self.unpaced, []
        for ear in unpaced:
            slow = self.paces.get(ear)
            if slow is not None:
                Message(party, "pace", (ear, slow.policy, slow.most), None, None, context).commit(vat)
        send_turns({party: events}, context, vat)
