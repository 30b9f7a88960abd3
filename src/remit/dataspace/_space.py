"""The heart of a dataspace: a bag of assertions, who has made them, and who is told of them.

    assert   the count of a value goes from 0 to 1 ──► index ──► observers hear of captures that were not there
    retract  … from 1 to 0 ──► index ──► observers hear of captures that are there no more
    message  index ──► observers hear its captures

What one turn causes goes to each observer as one `turn(events)` when it commits. An `Observe` among the assertions is an observation as well.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, Final

from remit.dataspace._compiled import Compiled, compiled, fresh
from remit.dataspace._index import Entry, Index, Projection
from remit.dataspace._journal import Journal
from remit.dataspace._leash import Watch, watch
from remit.dataspace._looks import Debt, show_turn
from remit.dataspace._pace import Pace, Slow
from remit.dataspace._pattern import decoded
from remit.dataspace._sending import send_turns
from remit.dataspace._source import Source, closed
from remit.errors import BadArgument
from remit.values import key, passable
from remit.vat import Context, Ref, Vat

__all__ = ["MOST", "Observation", "Space"]


MOST: Final = 1_000_000
"""Assertions of one party, if the dataspace's maker has not said; some 500 MiB of small ones."""


class Observation:
    """One distinct `Observe` that is asserted: whom to tell of what, and what it has been told."""

    __slots__ = ("handles", "observer", "pattern", "projection", "watch")

    def __init__(self, pattern: Compiled, observer: Ref[Any]) -> None:
        self.pattern = pattern
        self.observer = observer
        self.projection: Projection | None = None
        self.handles: dict[Hashable, int] = {}  # by the captures' key
        self.watch: Watch | None = None


class Space:
    """All that a dataspace knows. Owned by its `Dataspace` object; changed in turns only, and undone with them."""

    __slots__ = (
        "bag",
        "clock",
        "heard",
        "index",
        "journal",
        "keyed",
        "most",
        "next_handle",
        "observations",
        "paces",
        "sources",
        "speaking",
        "standing",
        "told",
        "tracers",
        "turns",
    )

    def __init__(self) -> None:
        self.bag: dict[Hashable, Entry] = {}
        self.index = Index()
        self.observations: dict[Hashable, Observation] = {}
        self.sources: weakref.WeakSet[Source] = weakref.WeakSet()
        self.standing: dict[Source, Any] = {}  # those of whom anything stands, and what keeps them
        self.keyed: weakref.WeakValueDictionary[str | bytes, Source] = weakref.WeakValueDictionary()
        self.next_handle = 1
        self.told: list[tuple[Ref[Any], list[Any]]] = []  # in this turn: whom, what
        self.paces: weakref.WeakKeyDictionary[Ref[Any], Pace] = weakref.WeakKeyDictionary()
        self.speaking = ""  # the name of whoever said it
        self.tracers: dict[Ref[Any], Watch | None] = {}  # who is told of each turn, and what hears of their loss
        self.heard: list[tuple[str, Any]] = []  # in this turn, for those
        self.turns = 0  # that they were told of
        self.clock: Callable[[], float] = lambda: 0.0
        self.most = MOST
        self.journal = Journal(self)

    # --- who asserts ----------------------------------------------------------------------------------

    def open(self, name: str) -> Source:
        """A new source."""
        self.journal.begin()
        source = Source(name)
        self.sources.add(source)
        self.journal.note(self.sources.discard, source)
        return source

    def close(self, source: Source) -> None:
        """Withdraw all that a source has asserted, in the order in which it did; a second time does nothing."""
        if not source.open:
            return
        self._begin()
        self.speaking = source.name
        source.open = False
        self.journal.note(setattr, source, "open", True)
        if self.tracers:
            self._hear(source, [["retract", handle] for handle in source.handles])
        for handle in list(source.handles):
            self._retract(source, handle)
        self.sources.discard(source)
        self.journal.note(self.sources.add, source)
        if source.key is not None:
            self.journal.note(self.keyed.__setitem__, source.key, self.keyed.pop(source.key))

    def remember(self, source: Source, key: str | bytes) -> None:
        """This key finds the source's party again."""
        source.key = key
        self.keyed[key] = source
        self.journal.note(self.keyed.pop, key, None)

    def turn(self, source: Source, events: Any) -> None:
        """What one turn of a source has to say. Raises `BadArgument` for what is no event, and then nothing of it has happened."""
        if not source.open:
            raise closed(source)
        self._begin()
        self.speaking = source.name
        if not isinstance(events, list | tuple):
            raise _no_events()
        message, told = self.index.message, self.told
        for event in events:
            if (type(event) is not list and type(event) is not tuple) or not event:
                raise _no_events()
            what = event[0]
            if what == "message" and len(event) == 2:
                message(event[1], told)
            elif what == "assert" and len(event) == 3:
                self._assert(source, event[1], event[2])
            elif what == "retract" and len(event) == 2:
                if event[1] in source.handles:  # else it has been filtered out on its way here, or is withdrawn already
                    self._retract(source, event[1])
            elif what == "sync" and len(event) == 2 and isinstance(event[1], Ref):
                self._tell(event[1], ["message", True])
            else:
                raise _no_events()
        if self.tracers:
            self._hear(source, events)
        if self.paces:
            self._close_slow()

    # --- what is asserted -------------------------------------------------------------------------------

    def _assert(self, source: Source, handle: Any, value: Any) -> None:
        if type(handle) is not int:
            raise BadArgument(f"a handle is an int, not {type(handle).__name__}")
        if len(source.handles) >= self.most:
            raise BadArgument(
                f"{self.most} assertions of party {source.name!r} stand already: withdraw some, or raise Dataspace(most=…)"
            )
        if handle in source.handles:
            raise BadArgument(f"handle {handle} is in use: each handle stands for one assertion")
        identity = key(value)
        entry = self.bag.get(identity)
        if entry is None:
            entry = Entry(value, identity)
        if not source.handles:
            self.standing[source] = source.way
        source.handles[handle] = entry
        entry.count += 1
        self.journal.note(self._unassert, source, handle, entry)
        if entry.count == 1:
            self._appear(entry)

    def _retract(self, source: Source, handle: int) -> None:
        entry = source.handles[handle]
        self._unassert(source, handle, entry)
        self.journal.note(self._unretract, source, handle, entry)
        if not entry.count:
            self._vanish(entry)

    def _unassert(self, source: Source, handle: int, entry: Entry) -> None:
        del source.handles[handle]
        entry.count -= 1
        if not source.handles:
            del self.standing[source]

    def _unretract(self, source: Source, handle: int, entry: Entry) -> None:
        if not source.handles:
            self.standing[source] = source.way
        source.handles[handle] = entry
        entry.count += 1

    def _appear(self, entry: Entry) -> None:
        self.bag[entry.key] = entry
        self.journal.note(self._put_out, entry)
        for projection, seen in self.index.add(entry):
            for observation in projection.observers:
                self._show(observation, seen.key, seen.captures)
        if entry.shape == "Observe":
            self._observe(entry)

    def _vanish(self, entry: Entry) -> None:
        if entry.key in self.observations:
            self._unobserve(entry)
        del self.bag[entry.key]
        self.journal.note(self._put_in, entry)
        for projection, seen in self.index.remove(entry):
            for observation in projection.observers:
                self._hide(observation, seen.key)

    def _put_in(self, entry: Entry) -> None:
        self.bag[entry.key] = entry
        self.index.add(entry)

    def _put_out(self, entry: Entry) -> None:
        del self.bag[entry.key]
        self.index.remove(entry)

    # --- who is told --------------------------------------------------------------------------------------

    def _observe(self, entry: Entry) -> None:
        """An `Observe` was asserted. One that makes no sense is an assertion like others, and observes nothing."""
        wanted = _wanted(entry)
        if wanted is None:
            return
        observation = Observation(*wanted)
        self._watch(entry.key, observation)
        self.journal.note(self._unwatch, entry.key, observation)
        observation.watch = watch(observation.observer, lambda _: self._drop(entry.key, observation))
        assert observation.projection is not None
        for seen in list(observation.projection.seen.values()):
            self._show(observation, seen.key, seen.captures)

    def _unobserve(self, entry: Entry) -> None:
        observation = self.observations[entry.key]
        for identity in list(observation.handles):
            self._hide(observation, identity)
        self._unwatch(entry.key, observation)
        self.journal.note(self._watch, entry.key, observation)
        if observation.watch is not None:
            observation.watch.end()

    def _drop(self, identity: Hashable, observation: Observation) -> None:
        """The link to its observer is lost: nobody can be told any more, though the interest is still asserted."""
        if self.observations.get(identity) is observation:
            self.journal.begin()
            self._unwatch(identity, observation)
            self.journal.note(self._watch, identity, observation)
            pace = self.paces.get(observation.observer)
            if pace is not None:
                pace.forsake()

    def _watch(self, identity: Hashable, observation: Observation) -> None:
        projection = observation.projection = self.index.watch(observation.pattern)
        projection.observers[observation] = None
        self.observations[identity] = observation

    def _unwatch(self, identity: Hashable, observation: Observation) -> None:
        projection = observation.projection
        assert projection is not None
        del projection.observers[observation]
        self.index.unwatch(observation.pattern)
        del self.observations[identity]

    def _show(self, observation: Observation, identity: Hashable, captures: list[Any]) -> None:
        handle = self.next_handle
        self.next_handle = handle + 1
        observation.handles[identity] = handle
        self.journal.note(observation.handles.pop, identity, None)
        self._tell(observation.observer, ["assert", handle, fresh(captures)])

    def _hide(self, observation: Observation, identity: Hashable) -> None:
        handle = observation.handles.pop(identity)
        self.journal.note(observation.handles.__setitem__, identity, handle)
        self._tell(observation.observer, ["retract", handle])

    def _tell(self, observer: Ref[Any], event: list[Any]) -> None:
        self.told.append((observer, event))

    def _begin(self) -> None:
        """A turn, or part of one, that may assert, withdraw, tell: undoing it forgets what it told."""
        self.journal.begin()
        self.journal.note(self._untell, len(self.told))

    def _untell(self, length: int) -> None:
        del self.told[length:]

    def _batches(self) -> dict[Ref[Any], list[Any]]:
        """What this turn has told each observer, in order."""
        batches: dict[Ref[Any], list[Any]] = {}
        for observer, event in self.told:
            batch = batches.get(observer)
            if batch is None:
                batches[observer] = [event]
            else:
                batch.append(event)
        return batches

    # --- who does not keep up -----------------------------------------------------------------------------

    def pace(self, observer: Ref[Any], slow: Slow) -> None:
        """From now on this observer is told so when it does not keep up."""
        self.journal.begin()
        old = self.paces.get(observer)
        if old is not None:
            old.slow = Pace(slow).slow
            return
        self.paces[observer] = Pace(slow)
        self.journal.note(self.paces.pop, observer, None)

    def _close_slow(self) -> None:
        """Close the parties whose observers have left more unheard than they may."""
        owed = self.journal.begin().context.account is not None
        for observer, batch in self._batches().items():
            pace = self.paces.get(observer)
            why = "" if pace is None else pace.full(len(batch), owed)
            if pace is not None and why:
                for source in self.sources_of(observer):
                    source.why = f"an observer of it did not keep up: {why}"
                    self.close(source)
                self.told = [each for each in self.told if each[0] is not observer]
                pace.forsake()

    def sources_of(self, observer: Ref[Any]) -> list[Source]:
        """Who has asserted the observations of an observer. Looks at all assertions: for people, and for observers that are too slow."""
        theirs = {name for name, observation in self.observations.items() if observation.observer is observer}
        return [source for source in self.standing if any(entry.key in theirs for entry in source.handles.values())]

    def debts(self) -> list[Debt]:
        """What observers have not heard yet: who said it, who observes, events and bytes."""
        found: dict[tuple[str, str], list[int]] = {}
        for observer, pace in self.paces.items():
            names = ", ".join(sorted({source.name for source in self.sources_of(observer)}))
            for cause, events, size in pace.debts():
                row = found.setdefault((cause, names), [0, 0])
                row[0] += events
                row[1] += size
        return [Debt(cause, names, events, size) for (cause, names), (events, size) in found.items()]

    def committed(self, vat: Vat) -> None:
        """The turn has ended well: observers are told, each once, on the account of whoever caused it."""
        batches = self._batches()
        self.told.clear()
        context = vat._turn.context
        if context.facet is not None:
            context = Context(context.account, context.trace, context.cause)
        if self.tracers and (self.heard or batches):
            heard, self.heard = self.heard, []
            show_turn(self, heard, batches, context, vat)
        if not self.paces:
            send_turns(batches, context, vat)
            return
        for observer, events in batches.items():
            pace = self.paces.get(observer)
            if pace is None:
                send_turns({observer: events}, context, vat)
            else:
                pace.tell(observer, events, context, vat, self.speaking)

    # --- looking --------------------------------------------------------------------------------------------

    def query(self, written: Any) -> list[list[Any]]:
        """The distinct captures of what is there and matches."""
        return passable(self.index.find(compiled(decoded(written))))  # type: ignore[no-any-return]

    def trace(self, tracer: Ref[Any]) -> None:
        """Tell this entity of each turn, until it is told no more or its link is lost."""
        if tracer in self.tracers:
            return
        self.journal.begin()
        self.tracers[tracer] = watch(tracer, lambda _: self.untrace(tracer))
        self.journal.note(self.tracers.pop, tracer, None)

    def untrace(self, tracer: Ref[Any]) -> None:
        """Tell it no more."""
        if tracer in self.tracers:
            self.journal.begin()
            found = self.tracers.pop(tracer)
            self.journal.note(self.tracers.__setitem__, tracer, found)
            if found is not None:
                found.end()

    def _hear(self, source: Source, events: Any) -> None:
        self.heard.append((source.name, events))
        self.journal.note(self.heard.pop)


def _wanted(entry: Entry) -> tuple[Compiled, Ref[Any]] | None:
    """What an `Observe`, of whatever class, asks for, and for whom."""
    if len(entry.parts) != 2 or not isinstance(entry.parts[1], Ref):
        return None
    try:
        return compiled(entry.parts[0]), entry.parts[1]
    except BadArgument:
        return None


def _no_events() -> BadArgument:
    return BadArgument(
        'a turn is a list of events: ["assert", handle, value], ["retract", handle], ["message", value], ["sync", reference]'
    )
