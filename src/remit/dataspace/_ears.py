"""The entities of conversations: what others have of an object that converses, and nothing else of it. Not compiled: they are actors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.vat import actor

if TYPE_CHECKING:
    from remit.dataspace._conversation import Listener

__all__ = ["Ear", "Owner"]


@actor(kind="remit.ear", version=1, passing=True)
class Ear:
    """The entity of one subscription: whoever has it may tell its listener of events, and nothing else."""

    def turn(self, events: list[Any]) -> None:
        """What one turn of the dataspace has to say."""
        listener: Listener | None = self.__dict__.get("_listener")
        if listener is not None:  # else the vat was loaded again since, and its objects have begun anew
            listener.conversation.hear(listener, events)


@actor(kind="remit.owner", version=1, passing=True)
class Owner:
    """Stands for an object at a dataspace, and gives nobody the right to do anything with it."""
