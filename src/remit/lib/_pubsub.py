"""Telling many: publishers with their subscribers, and tickers."""

from __future__ import annotations

from typing import Any

from remit.vat import Ref, actor, field, off_sever, on, on_sever, reads, spawn, this


@actor(kind="remit.publisher", version=1)
class Publisher:
    """Calls each of its subscribers, as a function, with what is published, in the order of publication.

    A subscriber that breaks, raises or is severed is dropped. Whoever has the publisher may publish and subscribe; attenuate it to
    `["subscribe", "unsubscribe"]` for the audience. In a durable vat subscribers must be storable: near, or sturdy.
    """

    subscribers: list[Ref[Any]] = field(list)
    leavers: list[Ref[Leaver]] = field(list)  # for each subscriber, who hears that its link was lost

    def subscribe(self, subscriber: Ref[Any]) -> None:
        """From now on tell it, too; twice is once."""
        if subscriber not in self.subscribers:
            leaver = spawn(Leaver, this(), subscriber)
            self.subscribers.append(subscriber)
            self.leavers.append(leaver)
            on_sever(subscriber, leaver)

    def unsubscribe(self, subscriber: Ref[Any]) -> None:
        """Tell it no more."""
        if subscriber in self.subscribers:
            at = self.subscribers.index(subscriber)
            self.subscribers.pop(at)
            off_sever(subscriber, self.leavers.pop(at))

    def publish(self, *args: Any, **kwargs: Any) -> int:
        """Tell all subscribers; gives their number, and waits for none."""
        for subscriber in self.subscribers:
            on(subscriber(*args, **kwargs), broken=self._dropper(subscriber))
        return len(self.subscribers)

    @reads
    def size(self) -> int:
        """How many subscribers there are."""
        return len(self.subscribers)

    def _dropper(self, subscriber: Ref[Any]) -> Any:
        return lambda _: self.unsubscribe(subscriber)


@actor(kind="remit.leaver", version=1)
class Leaver:
    """Hears that a subscriber's link was lost, and takes it out."""

    publisher: Ref[Publisher]
    subscriber: Ref[Any]

    def __call__(self, broken: Any) -> None:
        self.publisher.unsubscribe(self.subscriber)


@actor(kind="remit.ticker", version=1)
class Ticker:
    """Sends `tick(...)` to each of a collection of objects; game loops and simulations are made of it.

    An object that joins during a tick hears the next one. One that answers `False`, or breaks, has left.
    """

    members: list[Ref[Any]] = field(list)

    def join(self, member: Ref[Any]) -> None:
        """From the next tick on tell it, too; twice is once."""
        if member not in self.members:
            self.members.append(member)

    def leave(self, member: Ref[Any]) -> None:
        """Tell it no more."""
        if member in self.members:
            self.members.remove(member)

    def tick(self, *args: Any) -> int:
        """Send one tick to all, in the order in which they joined; gives their number, and waits for none."""
        for member in self.members:
            on(member.tick(*args), fulfilled=self._looker(member), broken=self._looker(member))
        return len(self.members)

    @reads
    def size(self) -> int:
        """How many members there are."""
        return len(self.members)

    def _looker(self, member: Ref[Any]) -> Any:
        return lambda answer: self.leave(member) if answer is False or isinstance(answer, Exception) else None
