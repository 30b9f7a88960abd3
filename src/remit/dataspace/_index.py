"""Which observers an assertion meets, found without looking at the others.

    shelf       for each class of values (the label, mostly) that is there or asked for: its values, and its skeletons
    skeleton    for each set of places at which some pattern looks: a table from what is found there
    leaf        all values with the same there, and its projections
    projection  for each list of captures: how many values give each distinct one, and who observes them

The cost of an assertion is that of the skeletons on its shelf: of the places at which patterns look, not of the patterns.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from remit.dataspace._compiled import OPEN, PLAIN, Compiled, Places, Signature, Takes
from remit.dataspace._view import LABELS, view
from remit.values import key

__all__ = ["Entry", "Index", "Projection", "Seen"]


class Entry:
    """One distinct assertion: its value, and how often it is asserted."""

    __slots__ = ("count", "key", "parts", "shape", "value")

    def __init__(self, value: Any, identity: Hashable) -> None:
        self.value = value
        self.key = identity
        self.shape, self.parts = view(value)
        self.count = 0


class Seen:
    """One distinct list of captures: how many assertions give it."""

    __slots__ = ("captures", "count", "key")

    def __init__(self, captures: list[Any], identity: Hashable) -> None:
        self.captures = captures
        self.key = identity
        self.count = 0


class Projection:
    """The distinct captures of all assertions that match, and who observes them."""

    __slots__ = ("observers", "seen", "takes")

    def __init__(self, paths: tuple[Any, ...]) -> None:
        self.takes = Takes(paths)
        self.seen: dict[Hashable, Seen] = {}
        self.observers: dict[Any, None] = {}  # each has its `observer`

    def add(self, entry: Entry) -> Seen | None:
        """One more assertion; what it brings that was not there."""
        captures = self.takes.take(entry.value, entry.parts)
        identity = key(captures)
        seen = self.seen.get(identity)
        if seen is None:
            seen = self.seen[identity] = Seen(captures, identity)
        seen.count += 1
        return seen if seen.count == 1 else None

    def remove(self, entry: Entry) -> Seen | None:
        """One assertion less; what is not there any more."""
        seen = self.seen[key(self.takes.take(entry.value, entry.parts))]
        seen.count -= 1
        if seen.count:
            return None
        del self.seen[seen.key]
        return seen


class Leaf:
    """All assertions that have the same at the places of a skeleton."""

    __slots__ = ("entries", "projections")

    def __init__(self) -> None:
        self.entries: dict[Entry, None] = {}
        self.projections: dict[tuple[Any, ...], Projection] = {}


class Skeleton:
    """The table for one set of places; kept while some pattern looks at them."""

    __slots__ = ("leaves", "patterns", "places")

    def __init__(self, signature: Signature) -> None:
        self.places = Places(signature)
        self.leaves: dict[Any, Leaf] = {}
        self.patterns = 0

    def leaf(self, wanted: Any) -> Leaf:
        """The leaf for what was found, made if need be."""
        leaf = self.leaves.get(wanted)
        if leaf is None:
            leaf = self.leaves[wanted] = Leaf()
        return leaf

    def message(self, value: Any, parts: Any, told: list[tuple[Any, list[Any]]]) -> None:
        """Add to `told` whom a message meets here."""
        places = self.places
        only = places.only
        if only >= 0 and len(parts) >= places.least:  # as `look` does, for the one place that most patterns have
            at = parts[only]
            kind = type(at)
            if kind is not str and kind is not int and kind is not bytes:
                at = places.look(value, parts)
        else:
            at = places.look(value, parts)
        leaf = self.leaves.get(at)
        if leaf is not None:
            for projection in leaf.projections.values():
                takes = projection.takes
                only = takes.only
                for each in projection.observers:
                    if (
                        only >= 0 and type(parts[only]) in PLAIN
                    ):  # as `give` does, for the one part that most patterns capture
                        told.append((each.observer, ["message", [parts[only]]]))
                    else:
                        told.append((each.observer, ["message", takes.give(value, parts)]))

    def tidy(self, wanted: Any, leaf: Leaf) -> None:
        """Forget a leaf on which nothing is left."""
        if not leaf.entries and not leaf.projections:
            del self.leaves[wanted]


class Shelf:
    """The values of one class."""

    __slots__ = ("entries", "skeletons")

    def __init__(self) -> None:
        self.entries: dict[Entry, None] = {}
        self.skeletons: dict[Signature, Skeleton] = {}


class Index:
    """Owned by one dataspace. Each change has an inverse, which undoes it."""

    __slots__ = ("open", "shelves")

    def __init__(self) -> None:
        self.open = Shelf()  # of patterns for values of any class
        self.shelves: dict[Any, Shelf] = {OPEN: self.open}

    def add(self, entry: Entry) -> list[tuple[Projection, Seen]]:
        """An assertion appears; what each projection shows now that it did not."""
        found = []
        shelf = self.shelves.get(entry.shape)
        if shelf is None:
            shelf = self.shelves[entry.shape] = Shelf()
        for each in (shelf, self.open):
            each.entries[entry] = None
            for skeleton in each.skeletons.values():
                at = skeleton.places.look(entry.value, entry.parts)
                if at is None:
                    continue
                leaf = skeleton.leaf(at)
                leaf.entries[entry] = None
                for projection in leaf.projections.values():
                    seen = projection.add(entry)
                    if seen is not None:
                        found.append((projection, seen))
        return found

    def remove(self, entry: Entry) -> list[tuple[Projection, Seen]]:
        """An assertion goes; what each projection shows no longer."""
        found = []
        shelf = self.shelves[entry.shape]
        for each in (shelf, self.open):
            del each.entries[entry]
            for skeleton in each.skeletons.values():
                at = skeleton.places.look(entry.value, entry.parts)
                if at is None:
                    continue
                leaf = skeleton.leaves[at]
                del leaf.entries[entry]
                for projection in leaf.projections.values():
                    seen = projection.remove(entry)
                    if seen is not None:
                        found.append((projection, seen))
                skeleton.tidy(at, leaf)
        self._tidy(entry.shape, shelf)
        return found

    def message(self, value: Any, told: list[tuple[Any, list[Any]]]) -> None:
        """Add to `told` whom a message meets, with what each is told."""
        label = LABELS.get(
            type(value)
        )  # as `view` does: most messages are records, and this is what a dataspace does most
        if label is None:
            shape, parts = view(value)
        else:
            shape, parts = label, value.__record_values__()
        shelf = self.shelves.get(shape)
        if shelf is not None:
            for skeleton in shelf.skeletons.values():
                skeleton.message(value, parts, told)
        for skeleton in self.open.skeletons.values():
            skeleton.message(value, parts, told)

    def watch(self, pattern: Compiled) -> Projection:
        """The projection for a pattern, from now on kept up to date."""
        shelf = self.shelves.get(pattern.top)
        if shelf is None:
            shelf = self.shelves[pattern.top] = Shelf()
        skeleton = shelf.skeletons.get(pattern.signature)
        if skeleton is None:
            skeleton = shelf.skeletons[pattern.signature] = Skeleton(pattern.signature)
            for entry in shelf.entries:
                at = skeleton.places.look(entry.value, entry.parts)
                if at is not None:
                    skeleton.leaf(at).entries[entry] = None
        skeleton.patterns += 1
        leaf = skeleton.leaf(pattern.wanted)
        projection = leaf.projections.get(pattern.captures)
        if projection is None:
            projection = leaf.projections[pattern.captures] = Projection(pattern.captures)
            for entry in leaf.entries:
                projection.add(entry)
        return projection

    def unwatch(self, pattern: Compiled) -> None:
        """One pattern less; what nobody else looks at is forgotten."""
        shelf = self.shelves[pattern.top]
        skeleton = shelf.skeletons[pattern.signature]
        leaf = skeleton.leaves[pattern.wanted]
        if not leaf.projections[pattern.captures].observers:
            del leaf.projections[pattern.captures]
        skeleton.patterns -= 1
        skeleton.tidy(pattern.wanted, leaf)
        if not skeleton.patterns:
            del shelf.skeletons[pattern.signature]
        self._tidy(pattern.top, shelf)

    def find(self, pattern: Compiled) -> list[list[Any]]:
        """The distinct captures of what is there; looks at the pattern's class only, at its leaf where somebody observes the same places."""
        shelf = self.shelves.get(pattern.top)
        if shelf is None:
            return []
        skeleton = shelf.skeletons.get(pattern.signature)
        if skeleton is not None:
            leaf = skeleton.leaves.get(pattern.wanted)
            entries = [] if leaf is None else list(leaf.entries)
        else:
            places = Places(pattern.signature)
            entries = [entry for entry in shelf.entries if places.look(entry.value, entry.parts) == pattern.wanted]
        found = Projection(pattern.captures)
        for entry in entries:
            found.add(entry)
        return [seen.captures for seen in found.seen.values()]

    def _tidy(self, shape: Any, shelf: Shelf) -> None:
        if shape is not OPEN and not shelf.entries and not shelf.skeletons:
            self.shelves.pop(shape, None)
