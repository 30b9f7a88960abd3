"""A session's tables in words, with each invariant checked in passing (`_faults.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.captp._faults import faults

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
    if session.owed:
        lines.append(f"results owed: {session.owed}")
    lines += [f"answer {position}: {promise!r}" for position, promise in session.answers.items()]
    lines += [f"question {answer}: {question.promise!r}" for answer, question in session._questions.items()]
    lines += [f"listening to {position}" for position in session._listening]
    if session.bootstrap.waiting():
        lines.append(f"gifts waiting: {session.bootstrap.waiting()}")
    if session.gifts.given:
        lines.append(f"gifts of others given and not taken: {len(session.gifts.given)}")
    if session.gifts.untaken:
        lines.append(f"gifts left here and not taken: {len(session.gifts.untaken)}")
    if session.collecting:
        lines.append(f"gifts on their way: {session.collecting}")
    return lines


def exported(session: Session) -> list[Ref[Any]]:
    """The objects of vats that the peer holds: exports without resolvers, promises and what is passed on."""
    refs = [export.ref for position, export in session.exports.by_position.items() if position]
    return [ref for ref in refs if ref._link is None and hasattr(type(ref._at), "_remit_")]


def dump(session: Session) -> str:
    """The whole session: state, tables, what waits to be sent, faults."""
    head = f"{session!r}, side {session.side.hex()[:12]}, dialect {session.dialect.name}"
    if session.context.account is not None:
        head += f", {session.context.account!r}"
    waiting = f"{len(session._output)} messages to send, {session.garbage} entries to give back"
    marked = [f"  FAULT {fault}" for fault in faults(session)]
    return "\n".join([head, *(f"  {line}" for line in left(session)), f"  {waiting}", *marked])
