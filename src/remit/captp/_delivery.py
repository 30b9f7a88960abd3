"""Deliveries in their usual form, taken apart without building records: nearly all of a session's traffic.

The target is one of our exports or answers, the resolver a plain import. What has another form, or a fault, is left to
the general way (`decode`, then `operate`), which says what is wrong. Both ways come to the same, message by message:
a message is cut here only where its arguments are one whole value, and so where the general way cuts it, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from remit.errors import ProtocolError
from remit.values import Limits, decode

if TYPE_CHECKING:
    from remit.captp._session import Session

_POSITION: Final = rb"(0|[1-9][0-9]{0,8})\+"
_USUAL: Final = re.compile(
    rb"<10'op:deliver<11'desc:(?:(export)|answer)%b>(\[.*\])(?:%b|f)(?:<18'desc:import-object%b>|f)>"
    % (_POSITION, _POSITION, _POSITION),
    re.DOTALL,
).fullmatch


def within_envelope(limits: Limits) -> Limits:
    """The limits of a delivery's arguments, which stand inside one record."""
    return Limits(limits.frame, max(1, limits.depth - 1), limits.integer_digits, limits.items)


def usual(session: Session, data: bytes) -> list[Any] | None:
    """The four fields of an op:deliver; None where the general way is to look at the message."""
    match = _USUAL(data)
    if match is None or len(data) > session.limits.frame:
        return None
    export, target, args, position, resolver = match.groups()
    table: Any = session.exports.by_position if export else session.answers
    found = table.get(int(target))
    if found is None:
        return None
    reader = session._reader
    reader.begin()
    reader.operations = 1
    try:
        values = decode(args, limits=session.inner_limits, record=reader.record)
    except ProtocolError:
        return None
    return [
        found.ref if export else found,
        values,
        False if position is None else int(position),
        False if resolver is None else session.imports.receive(int(resolver), promise=False),
    ]
