"""Operations in their usual form, taken apart without building records: nearly all of a session's traffic.

Of a delivery the target is one of our exports or answers, the resolver a plain import; what is given back are short lists.
What has another form, or a fault, is left to the general way (`decode`, then `operate`), which says what is wrong. Both
ways come to the same, message by message: a delivery is cut here only where its arguments are one whole value, and so
where the general way cuts it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._answering import Answering
from remit.captp._cut import (
    COMPILED,
    FIRST,
    OTHER,
    VOID,
    matched_delivery,
    matched_giving_back,
    scanned_delivery,
    scanned_giving_back,
)
from remit.captp._incoming import arrived, asked, route, take_answers, take_exports
from remit.captp._question import Question
from remit.errors import ProtocolError
from remit.values import Limits, Symbol, decode
from remit.vat import Root

if TYPE_CHECKING:
    from remit.captp._session import Session

_CALLS: Final[dict[bytes, str]] = {}  # arguments that are a method's name alone; of all sessions, so bounded
_CACHED: Final = 1024  # entries
_CACHED_BYTES: Final = 64  # of one entry


def within_envelope(limits: Limits) -> Limits:
    """The limits of a delivery's arguments, which stand inside one record."""
    return Limits(limits.frame, max(1, limits.depth - 1), limits.integer_digits, limits.items)


def take_usual(session: Session, data: bytes) -> bool:
    """Do what a message says; False, and nothing done, where the general way is to look at it."""
    if len(data) > session.most_bytes:
        return False
    if COMPILED:
        export, target, args, position, resolver, value = scanned_delivery(data)
    else:
        export, target, args, position, resolver, value = matched_delivery(data)
    if target < 0:
        return _given_back(session, data)
    if export:
        entry = session.exports.by_position.get(target)
        if entry is None:
            return False
        if value != OTHER and position < 0 and resolver < 0 and type(entry) is Question:
            if value <= FIRST:
                session._resolved(entry, session.imports.receive(FIRST - value, promise=False))
            else:
                session._resolved(entry, None if value == VOID else value)
            return True
        return _delivered(session, entry.ref, args, position, resolver)
    answer = session.answers.get(target)
    return answer is not None and _delivered(session, answer, args, position, resolver)


def _delivered(session: Session, ref: Any, args: bytes, position: int, resolver: int) -> bool:
    # What leads back to the peer is looked at more closely, and that takes the arguments whole.
    root: Root = ref
    name = None if root._link is session else _CALLS.get(args)
    values = None
    if name is None:
        values = _arguments(session, args)
        if values is None:
            return False
    wanted = None if resolver < 0 else Answering(session, resolver, None)
    promise = asked(session, position, wanted)
    if values is not None:
        arrived(session, ref, values, promise)
    else:
        route(session, ref, name, (), None, promise)
    return True


def _arguments(session: Session, args: bytes) -> list[Any] | None:
    reader = session._reader
    reader.begin()
    reader.operations = 1
    try:
        values: list[Any] = decode(args, limits=session.inner_limits, record=reader.record)
    except ProtocolError:
        return None
    if len(values) == 1 and type(values[0]) is Symbol and len(args) <= _CACHED_BYTES:
        if len(_CALLS) >= _CACHED:
            _CALLS.clear()
        _CALLS[args] = values[0].name
    return values


def _given_back(session: Session, data: bytes) -> bool:
    if len(data) > session.most_items or not data:  # fewer bytes than `items`, and so fewer numbers
        return False
    lists = scanned_giving_back(data) if COMPILED else matched_giving_back(data)
    if not lists:
        return False
    if len(lists) == 1:
        take_answers(session, lists[0])
    else:
        take_exports(session, lists[0], lists[1])
    return True
