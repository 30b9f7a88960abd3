"""Where the parts of a usual operation stand in its bytes. Two ways to the same: the interpreter asks regular expressions, and a compiled
build reads byte by byte, which takes a fifth of that (`tests/captp/test_cut.py` holds the two together).

Numbers have at most 9 digits here, and what has another form is none of these operations: the general way sees to it.
"""

from __future__ import annotations

import re
from types import FunctionType
from typing import Final

Delivery = tuple[bool, int, bytes, int, int, int]
"""Whether the target is an export (else an answer), its position, the arguments' bytes, answer position, resolver (-1 for none), and what
the arguments fulfil a promise with: a number, `VOID`, an object of the peer's at `FIRST - position`; `OTHER` if they don't, or with more."""
VOID: Final = -1
OTHER: Final = -2
FIRST: Final = -3
NO_DELIVERY: Final[Delivery] = (False, -1, b"", -1, -1, OTHER)

_NUMBER: Final = rb"(0|[1-9][0-9]{0,8})\+"
_NUMBERS: Final = rb"\[((?:(?:0|[1-9][0-9]{0,8})\+)*)\]"
_DELIVERY: Final = re.compile(
    rb"<10'op:deliver<11'desc:(?:(export)|answer)%b>"
    rb"(\[7'fulfill(?:%b|<4'(void)>|<18'desc:import-object%b>)\]|\[.*\])(?:%b|f)(?:<18'desc:import-object%b>|f)>"
    % (_NUMBER, _NUMBER, _NUMBER, _NUMBER, _NUMBER),
    re.DOTALL,
).fullmatch
_GIVEN_BACK: Final = re.compile(rb"<13'op:gc-(?:exports%b%b|answers%b)>" % (_NUMBERS, _NUMBERS, _NUMBERS)).fullmatch

_EXPORT: Final = b"<10'op:deliver<11'desc:export"
_ANSWER: Final = b"<10'op:deliver<11'desc:answer"
_RESOLVER: Final = b"<18'desc:import-object"
_FULFILL: Final = b"[7'fulfill"
_FULFILL_VOID: Final = b"[7'fulfill<4'void>]"
_FULFILL_REF: Final = b"[7'fulfill<18'desc:import-object"
_GC_EXPORTS: Final = b"<13'op:gc-exports"
_GC_ANSWERS: Final = b"<13'op:gc-answers"
_GC: Final = len(_GC_EXPORTS)


# --- for the interpreter ------------------------------------------------------------------------------


def matched_delivery(data: bytes) -> Delivery:
    """The parts of an op:deliver; `NO_DELIVERY` for everything else."""
    match = _DELIVERY(data)
    if match is None:
        return NO_DELIVERY
    export, target, args, number, void, ref, position, resolver = match.groups()
    return (
        export is not None,
        int(target),
        args,
        -1 if position is None else int(position),
        -1 if resolver is None else int(resolver),
        int(number) if number else VOID if void else FIRST - int(ref) if ref else OTHER,
    )


def matched_giving_back(data: bytes) -> list[list[int]]:
    """The lists of op:gc-exports, which are two, or of op:gc-answers; none for everything else."""
    match = _GIVEN_BACK(data)
    if match is None:
        return []
    return [
        [int(number) for number in numbers.split(b"+") if number] for numbers in match.groups() if numbers is not None
    ]


# --- compiled -----------------------------------------------------------------------------------------


def scanned_delivery(data: bytes) -> Delivery:
    """As `matched_delivery`, from both ends to the arguments in the middle."""
    size = len(data)
    if size < 36 or data[size - 1] != 62:  # ">", where all reading of digits ends
        return NO_DELIVERY
    export = data.startswith(_EXPORT)
    if not export and not data.startswith(_ANSWER):
        return NO_DELIVERY
    target, begin = _number(data, 29)
    if target < 0 or begin + 4 > size or data[begin] != 62 or data[begin + 1] != 91:
        return NO_DELIVERY
    resolver, end = -1, size - 2
    if data[end] == 62 and data[end - 1] == 43:
        resolver, digits = _number_before(data, end - 1)
        end = digits - len(_RESOLVER)
        if resolver < 0 or end < begin or data[end:digits] != _RESOLVER:
            return NO_DELIVERY
    elif data[end] != 102:
        return NO_DELIVERY
    position, close = -1, end - 2
    if data[end - 1] == 43:
        position, digits = _number_before(data, end - 1)
        close = digits - 1
        if position < 0:
            return NO_DELIVERY
    elif data[end - 1] != 102:
        return NO_DELIVERY
    if close < begin + 2 or data[close] != 93:
        return NO_DELIVERY
    args = data[begin + 1 : close + 1]
    return export, target, args, position, resolver, _fulfilment(args)


def _fulfilment(args: bytes) -> int:
    if len(args) < 12 or args[1] != 55 or not args.startswith(_FULFILL):  # "7": most others are told by it
        return OTHER
    value, end = _number(args, len(_FULFILL))
    if value >= 0 and end == len(args) - 1:
        return value
    if args.startswith(_FULFILL_REF):
        value, end = _number(args, len(_FULFILL_REF))
        return FIRST - value if value >= 0 and end == len(args) - 2 and args[end] == 62 else OTHER
    return VOID if args == _FULFILL_VOID else OTHER


def scanned_giving_back(data: bytes) -> list[list[int]]:
    """As `matched_giving_back`."""
    size = len(data)
    exports = data.startswith(_GC_EXPORTS)
    if data[size - 1] != 62 or not (exports or data.startswith(_GC_ANSWERS)):
        return []
    lists: list[list[int]] = []
    at = _GC
    for _ in range(2 if exports else 1):
        numbers: list[int] = []
        if data[at] != 91:
            return []
        at += 1
        while data[at] != 93:
            number, at = _number(data, at)
            if number < 0:
                return []
            numbers.append(number)
        at += 1
        lists.append(numbers)
    return lists if at == size - 1 else []


def _number(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins here and ends with "+", and what is behind that; -1 where none does. No digit ends the data."""
    first = data[at]
    if first < 48 or first > 57:
        return -1, at
    value, start = first - 48, at
    at += 1
    c = data[at]
    while 48 <= c <= 57 and at - start < 9:
        value = value * 10 + c - 48
        at += 1
        c = data[at]
    if c != 43 or (first == 48 and at - start > 1):
        return -1, at
    return value, at + 1


def _number_before(data: bytes, end: int) -> tuple[int, int]:
    """The number whose last digit stands before `end`, and where it begins; -1 where none does. No digit begins the data."""
    value, scale, at = 0, 1, end
    c = data[at - 1]
    while 48 <= c <= 57 and end - at < 9:
        value += (c - 48) * scale
        scale *= 10
        at -= 1
        c = data[at - 1]
    if at == end or (data[at] == 48 and end - at > 1):
        return -1, at
    return value, at


COMPILED: Final = not isinstance(_number, FunctionType)
"""Which of the two ways is the faster one here."""
