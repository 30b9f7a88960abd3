"""An object's way to one entity: the party that it has opened there, or the entity itself where there is nothing to open.

opening ──the entity's answer──► open ──► what is said in a turn leaves when the turn commits
What is said before leaves with the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import Broken, NoSuchMethod
from remit.vat import Context, Message, Promise, Ref, Vat, call, on

if TYPE_CHECKING:
    from remit.dataspace._conversation import Conversation

__all__ = ["Channel"]


class Channel:
    """Owned by the object's conversation. Handles are its own, counted from 1."""

    __slots__ = ("conversation", "handle", "last", "party", "said", "space")

    def __init__(self, conversation: Conversation, space: Ref[Any]) -> None:
        self.conversation = conversation
        self.space = space
        self.party: Ref[Any] | None = None
        self.handle = 0
        self.said: list[list[Any]] = []  # and not sent yet
        self.last: list[list[Any]] = []  # goes at the end of it

    def open(self) -> None:
        """Ask the entity for a way in of our own; a near dataspace answers at once."""
        owner = self.conversation.stand_in()
        space = self.space
        near = space._link is None and space._vat is self.conversation.vat and not isinstance(space, Promise)
        if near and space._behind() is None:
            self.party = call(space).open(owner, 0.0, "") if "open" in space._at._remit_.methods else space
            return
        on(space.open(owner, 0.0, ""), fulfilled=self._opened, broken=self._refused)

    def _opened(self, party: Any) -> None:
        self.conversation.begin()
        self.conversation.journal.note(setattr, self, "party", None)
        self.party = party

    def _refused(self, error: Broken) -> None:
        if isinstance(error, NoSuchMethod):
            self._opened(self.space)

    def claim(self) -> int:
        """A handle that was not used before."""
        self.handle += 1
        return self.handle

    def say(self, event: list[Any]) -> None:
        """One more event of this turn's."""
        self.said.append(event)
        self.conversation.journal.note(self.said.pop)

    def say_last(self, event: list[Any]) -> None:
        """An event that comes after all others of this turn."""
        self.last.append(event)
        self.conversation.journal.note(self.last.pop)

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
        Message(party, "turn", (events,), None, None, context).commit(vat)
