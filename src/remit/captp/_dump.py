"""A session's tables in words, with each invariant checked in passing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from remit.captp._session import Session
    from remit.vat import Ref


def left(session: Session) -> list[str]:
    """Every entry of every table but the bootstrap object's."""
    lines = [
        f"export {position}: {e.ref!r}, out {e.count}"
        for position, e in session.exports.by_position.items()
        if position
    ]
    lines += [
        f"import {position}: held, received {entry.count}" for position, entry in session.imports.by_position.items()
    ]
    lines += [f"answer {position}: {promise!r}" for position, promise in session.answers.items()]
    lines += [f"question {answer}: {question.promise!r}" for answer, question in session._questions.items()]
    lines += [f"listening to {position}" for position in session._listening]
    if session.bootstrap.waiting():
        lines.append(f"gifts waiting: {session.bootstrap.waiting()}")
    return lines


def exported(session: Session) -> list[Ref[Any]]:
    """The objects of vats that the peer holds: exports without resolvers, promises and what is passed on."""
    refs = [export.ref for position, export in session.exports.by_position.items() if position]
    return [ref for ref in refs if ref._link is None and hasattr(type(ref._at), "_remit_")]


def faults(session: Session) -> list[str]:
    """What contradicts the invariants of the tables."""
    found = session.exports.faults() + session.imports.faults()
    found += [f"question {a} has the wrong answer position" for a, q in session._questions.items() if q.answer != a]
    found += [
        f"resolver of question {a} is not exported"
        for a, q in session._questions.items()
        if q not in _exported(session)
    ]
    return found


def _exported(session: Session) -> set[object]:
    return {export.ref for export in session.exports.by_position.values()}


def dump(session: Session) -> str:
    """The whole session: state, tables, faults."""
    head = f"{session!r}, side {session.side.hex()[:12]}, dialect {session.dialect.name}"
    marked = [f"  FAULT {fault}" for fault in faults(session)]
    return "\n".join([head, *(f"  {line}" for line in left(session)), *marked])
