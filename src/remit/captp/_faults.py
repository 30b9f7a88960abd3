"""What must hold of a session's tables between two messages, and what contradicts it.

In every state:

    greeting   `new` and `greeting`: no table has an entry; the peer is not known
    open       the ids are those of both keys; the node finds the session by its id
    ended      every table is empty, and there is a cause
    exports    position 0 is the bootstrap object; others are below the next position, written at least once more than
               given back, each reference at one position; what stands for a question is of this session
    imports    a live reference of this session at its own position, received at least once; what is to be given back
               is counted
    questions  at their own positions, below the next; unsettled; sent to this session, or on the way to be settled; the
               peer has their resolvers; none is given back as an answer
    listening  the same for promises of the peer's, at their positions among the imports
    answers    promises, at positions from 0
    gifts      one that was deposited is there; so is one of which somebody waits to hear that it is taken
    counts     what is used above the first unused one, and only that; nothing owed is below 0
    output     somebody was told that there is some
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from remit.captp._crypto import session_id, side_id
from remit.captp._exports import question_of
from remit.vat import PENDING, Promise

if TYPE_CHECKING:
    from remit.captp._session import Session


def faults(session: Session) -> list[str]:
    """What contradicts the invariants; empty for every session in every state."""
    if session.state == "ended":
        return [*_when_ended(session)]
    found = [*_identity(session), *session.exports.faults(), *session.imports.faults()]
    found += [*_import_entries(session), *_questions(session), *_listening(session), *_resolvers(session)]
    found += [*_answers(session), *_gifts(session), *_counts(session)]
    if session._output and not session._asked_output:
        found.append(f"{len(session._output)} messages wait, and nobody was told")
    return found


def _when_ended(session: Session) -> Iterator[str]:
    if session.cause is None:
        yield "ended without a cause"
    entries = _entries(session) + (0 in session.exports.by_position)
    if entries:
        yield f"ended with {entries} entries in its tables"


def _entries(session: Session) -> int:
    """In all tables, but for the bootstrap object."""
    tables: list[Any] = [session.exports.by_ref, session.imports.by_position, session.answers]
    tables += [session._questions, session._listening, session.bootstrap._gifts]
    return sum(map(len, tables)) + sum(1 for position in session.exports.by_position if position)


def _identity(session: Session) -> Iterator[str]:
    if session.state in ("new", "greeting"):
        if session.remote_location is not None or _entries(session):
            yield f"{session.state}, but the peer has been heard"
        return
    if session.remote_location is None or session.remote_side != side_id(session.remote_public):
        yield "open, but the peer's side does not belong to its key"
    if session.side != side_id(session.key.public) or session.id != session_id(session.side, session.remote_side):
        yield "open, but its id is not that of both sides"
    elif session.home.session_by_id(session.id) is not session:
        yield "open, but the node does not find it by its id"


def _import_entries(session: Session) -> Iterator[str]:
    for position, entry in session.imports.by_position.items():
        ref: Any = entry()
        if ref is None:
            yield f"import {position} is gone and was not given back"
        elif ref._link is session and ref._at != position:
            yield f"import {position} is a reference to position {ref._at}"
        elif ref._link is not session and not isinstance(ref, Promise):
            yield f"import {position} belongs to another session"


def _questions(session: Session) -> Iterator[str]:
    given_back = set(session._gc_answers)
    for answer in given_back:
        if not 0 < answer < session._next_answer:
            yield f"answer {answer} is to be given back, and was never asked"
    exported = _exported(session)
    for answer, question in session._questions.items():
        promise = question.promise
        if question.answer != answer or not 0 < answer < session._next_answer:
            yield f"question {answer} has the wrong answer position"
        elif promise._value is not PENDING:
            yield f"question {answer} is settled"
        elif promise._link is not None and (promise._link is not session or promise._at != -answer):
            yield f"question {answer} waits at {promise._at} of another way"
        if answer in given_back:
            yield f"question {answer} is open, and to be given back"
        if question not in exported and promise._link is session:
            yield f"resolver of question {answer} is not exported"


def _listening(session: Session) -> Iterator[str]:
    exported = _exported(session) if session._listening else set()
    for position, question in session._listening.items():
        promise, entry = question.promise, session.imports.by_position.get(position)
        if question.answer:
            yield f"listening to {position} as to an answer"
        elif promise._at != position or entry is None or entry() is not promise:
            yield f"listening to {position}, which is no import of ours"
        elif promise._value is not PENDING:
            yield f"listening to {position}, which is settled"
        if question not in exported and promise._link is session:
            yield f"resolver of the promise at {position} is not exported"


def _resolvers(session: Session) -> Iterator[str]:
    bootstrap = session.exports.by_position.get(0)
    if bootstrap is None or bootstrap.ref is not session.bootstrap:
        yield "export 0 is not the bootstrap object"
    for position, entry in session.exports.by_position.items():
        question = question_of(entry)
        if question is not None and question.session is not session:
            yield f"export {position} resolves a question of another session"


def _exported(session: Session) -> set[object]:
    return {question_of(entry) for entry in session.exports.by_position.values()}


def _answers(session: Session) -> Iterator[str]:
    for position, promise in session.answers.items():
        if position < 0 or not isinstance(promise, Promise):
            yield f"answer {position} is {promise!r}"


def _gifts(session: Session) -> Iterator[str]:
    for gift, (promise, deposited) in session.bootstrap._gifts.items():
        if deposited and promise._value is PENDING and promise._link is None and promise._pending is None:
            yield f"gift {gift.hex()[:12]} was deposited, and is not there"
    for gift in session.bootstrap._taken:
        if not session.bootstrap._gifts.get(gift, (None, False))[1]:
            yield f"somebody waits for gift {gift.hex()[:12]} to be taken, and it is not there"
    if session.collecting < 0:
        yield f"{session.collecting} gifts are on their way"


def _counts(session: Session) -> Iterator[str]:
    if session.owed < 0:
        yield f"{session.owed} results are owed"
    if any(count <= session._counts_to for count in session._counts):
        yield f"handoff counts up to {session._counts_to} are used, and kept one by one"
