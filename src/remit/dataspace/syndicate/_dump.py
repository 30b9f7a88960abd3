"""A session's tables in words, with each invariant checked in passing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from remit.dataspace.syndicate._tables import Export

if TYPE_CHECKING:
    from remit.dataspace.syndicate._session import Session

__all__ = ["dump", "faults", "left"]


def left(session: Session) -> list[str]:
    """Every entry of every table but the objects that each side gives for free."""
    lines = [
        f"export {oid}: {entry.ref!r}, held {entry.count}"
        for oid, entry in session.exports.by_oid.items()
        if oid or entry.count > entry.pins
    ]
    lines += [
        f"import {oid}, held {entry.count}"
        for oid, entry in session.imports.by_oid.items()
        if entry is not session._root or entry.count > entry.pins
    ]
    lines += [f"asserted by the peer as {handle}, at {export.oid}" for handle, (export, *_) in session.inbound.items()]
    return lines + [f"asserted there as {handle}, at {target.oid}" for handle, (target, _) in session.outbound.items()]


def faults(session: Session) -> list[str]:
    """What contradicts the invariants: each entry's count is its live assertions, the references in live ones, and its pins."""
    counted: Counter[Any] = Counter()
    for target, _, references, _ in session.inbound.values():
        counted.update([target, *references])
    for there, references in session.outbound.values():
        counted.update([there, *references])
    entries: list[Any] = [*session.exports.by_oid.values(), *session.imports.by_oid.values()]
    found = [
        f"{'export' if isinstance(entry, Export) else 'import'} {entry.oid} counts {entry.count}, and {counted[entry]} hold it"
        f"{f' and {entry.pins} pins' if entry.pins else ''}"
        for entry in entries
        if entry.count != counted[entry] + entry.pins
    ]
    heavy = sum(size for *_, size in session.inbound.values())
    if heavy != session.asserted:
        found.append(f"live assertions are {heavy} bytes, and count as {session.asserted}")
    return found + session.exports.faults() + session.imports.faults()


def dump(session: Session) -> str:
    """The whole session: state, tables, what waits to be sent, faults."""
    waiting = len(session.ended_packets) + bool(session._events)
    head = f"{session!r}, answers in {session.writer.syntax} syntax, {waiting} packets to send"
    if session.context.account is not None:
        head += f", {session.context.account!r}"
    marked = [f"  FAULT {fault}" for fault in faults(session)]
    return "\n".join([head, *(f"  {line}" for line in left(session)), *marked])
