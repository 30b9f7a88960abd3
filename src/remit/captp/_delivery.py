"""Operations in their usual form, taken apart without building records: nearly all of a session's traffic.

Of a delivery the target is one of our exports or answers, the resolver a plain import; what is given back are short lists.
What has another form, or a fault, is left to the general way (`decode`, then `operate`), which says what is wrong. Both
ways come to the same, message by message: a delivery is cut here only where its arguments are one whole value, and so
where the general way cuts it, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.captp._exports import ResolverRef
from remit.captp._incoming import op_deliver, op_gc_answers, op_gc_exports
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
_CALL: Final = re.compile(rb"\[([1-9][0-9]?)'([ -~]+)\]").fullmatch  # of a method without arguments
_FULFILMENT: Final = re.compile(rb"\[7'fulfill(?:%b|<4'void>)\]" % _NUMBER).fullmatch
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
    ref = found.ref if export else found
    if position is None and resolver is None and type(ref) is ResolverRef:
        simple = _FULFILMENT(args)
        if simple is not None:
            session._resolved(ref, None if simple[1] is None else int(simple[1]))
            return True
    values = _arguments(session, args)
    if values is None:
        return False
    answer = False if position is None else int(position)
    wanted = False if resolver is None else session.imports.receive(int(resolver), promise=False)
    op_deliver(session, [ref, values, answer, wanted])
    return True


def _arguments(session: Session, args: bytes) -> list[Any] | None:
    reader = session._reader
    reader.begin()
    reader.operations = 1
    call = _CALL(args)
    if call is not None and int(call[1]) == len(call[2]):
        return [Symbol(call[2].decode())]
    try:
        values: list[Any] = decode(args, limits=session.inner_limits, record=reader.record)
    except ProtocolError:
        return None
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
