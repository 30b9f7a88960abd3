"""Operations in their usual form, taken apart without building records: nearly all of a session's traffic.

Of a delivery the target is one of our exports or answers, the resolver a plain import; what is given back are short lists.
What has another form, or a fault, is left to the general way (`decode`, then `operate`), which says what is wrong. Both
ways come to the same, message by message: a delivery is cut here only where its arguments are one whole value, and so
where the general way cuts it, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.captp._answering import Answering
from remit.captp._incoming import arrived, asked, op_gc_answers, op_gc_exports, route
from remit.captp._question import Question
from remit.errors import ProtocolError
from remit.values import Limits, Symbol, decode

if TYPE_CHECKING:
    from remit.captp._session import Session

_NUMBER: Final = rb"(0|[1-9][0-9]{0,8})\+"
_NUMBERS: Final = rb"\[((?:(?:0|[1-9][0-9]{0,8})\+)*)\]"
_DELIVERY: Final = re.compile(
    rb"<10'op:deliver<11'desc:(?:(export)|answer)%b>(\[.*\])(?:%b|f)(?:<18'desc:import-object%b>|f)>"
    % (_NUMBER, _NUMBER, _NUMBER),
    re.DOTALL,
).fullmatch
_FULFILMENT: Final = re.compile(rb"\[7'fulfill(?:%b|<4'void>)\]" % _NUMBER).fullmatch
_CALLS: Final[dict[bytes, str]] = {}  # arguments that are a method's name alone; of all sessions, so bounded
_CACHED: Final = 1024  # entries
_CACHED_BYTES: Final = 64  # of one entry
_GIVEN_BACK: Final = re.compile(rb"<13'op:gc-(?:exports%b%b|answers%b)>" % (_NUMBERS, _NUMBERS, _NUMBERS)).fullmatch


def within_envelope(limits: Limits) -> Limits:
    """The limits of a delivery's arguments, which stand inside one record."""
    return Limits(limits.frame, max(1, limits.depth - 1), limits.integer_digits, limits.items)


def take_usual(session: Session, data: bytes) -> bool:
    """Do what a message says; False, and nothing done, where the general way is to look at it."""
    if len(data) > session.limits.frame:
        return False
    match = _DELIVERY(data)
    return _delivered(session, match) if match is not None else _given_back(session, data)


def _delivered(session: Session, match: re.Match[bytes]) -> bool:
    export, target, args, position, resolver = match.groups()
    table: Any = session.exports.by_position if export else session.answers
    found = table.get(int(target))
    if found is None:
        return False
    if position is None and resolver is None and type(found) is Question:
        simple = _FULFILMENT(args)
        if simple is not None:
            session._resolved(found, None if simple[1] is None else int(simple[1]))
            return True
    ref = found.ref if export else found
    # What leads back to the peer is looked at more closely, and that takes the arguments whole.
    name = None if ref._link is session else _CALLS.get(args)
    values = [] if name is not None else _arguments(session, args)
    if values is None:
        return False
    wanted = None if resolver is None else Answering(session, int(resolver), None)
    promise = asked(session, None if position is None else int(position), wanted)
    if name is None:
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
    # Fewer bytes than `items`, and so fewer numbers.
    match = _GIVEN_BACK(data) if len(data) <= session.limits.items else None
    if match is None:
        return False
    fields = [
        [int(number) for number in numbers.split(b"+") if number] for numbers in match.groups() if numbers is not None
    ]
    (op_gc_answers if len(fields) == 1 else op_gc_exports)(session, fields)
    return True
