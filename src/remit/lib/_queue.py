"""A queue between those who give and those who take."""

from __future__ import annotations

from typing import Any

from remit.vat import Ref, Resolver, actor, field, promise, reads


@actor(kind="remit.queue", version=1)
class Queue:
    """First in, first out. `take()` on an empty queue waits; takers are served in the order in which they came.

    In a durable vat the items last; a taker that waits cannot be kept, so there look at `size()` first, or let the giver call.
    """

    items: list[Any] = field(list)
    takers: list[Ref[Resolver]] = field(list)

    def put(self, item: Any) -> None:
        """Give an item to the first who waits, or keep it."""
        if self.takers:
            self.takers.pop(0).fulfill(item)
        else:
            self.items.append(item)

    def take(self) -> Any:
        """The oldest item, or the promise of the next one."""
        if self.items:
            return self.items.pop(0)
        waiting, resolver = promise()
        self.takers.append(resolver)
        return waiting

    @reads
    def size(self) -> int:
        """How many items wait."""
        return len(self.items)
