"""The atoms of text syntax: strings, byte strings, numbers and symbols, one at a time.

Preserves text syntax, *Atoms*.
"""

from __future__ import annotations

import binascii
import re
import struct
import unicodedata
from typing import Any, Final

from remit.errors import DecodeError, LimitExceeded, Truncated
from remit.values._data import Symbol
from remit.values._limits import Limits

__all__ = ["BARE", "BARE_OLD", "NUMBER", "fault", "quoted", "read_bare", "read_hash", "unbare"]

_ASCII: Final = r"A-Za-z0-9~!$%^&*?_=+\-/."
BARE: Final = re.compile(rf"[{_ASCII}|\u0080-\U0010ffff]+")
BARE_OLD: Final = re.compile(rf"[{_ASCII}\u0080-\U0010ffff]+")  # before 0.996, | was the quote of symbols
NUMBER: Final = re.compile(r"([+-]?[0-9]+)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_CATEGORIES: Final = frozenset(  # of characters beyond ASCII that stand in symbols without quotes
    ("Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Po", "Sc", "Sm", "Sk", "So", "Co")
)
_BODIES: Final = {quote: re.compile(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*", re.DOTALL) for quote in ('"', "'", "|")}
_ESCAPE: Final = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL
)
_BYTE_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\\": "\\", "/": "/"}
_UNPACK: Final = struct.Struct(">d").unpack
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_DELIMITERS: Final = frozenset(" \t\r\n<>[]{}#:\"'@;,")
_STANDARD: Final = str.maketrans("-_", "+/", "=")
_PAIRS: Final = re.compile(r"(?:[0-9a-fA-F]{2}|[ \t\r\n])*")
_CACHED: Final = 1024
_CACHED_SIZE: Final = 64
_SYMBOLS: Final[dict[str, Symbol]] = {}  # shared by all, so bounded by the two numbers above


def fault(text: str, at: int, message: str) -> DecodeError:
    """The error for what stands at this offset; `Truncated` where the text ends there."""
    cls = Truncated if at >= len(text) else DecodeError
    start = text.rfind("\n", 0, at) + 1
    return cls(message, at, line=text.count("\n", 0, at) + 1, column=at - start + 1)


def read_bare(text: str, at: int, token: str, limits: Limits) -> Any:
    """The number or symbol that this token without quotes is."""
    known = _SYMBOLS.get(token)
    if known is not None:
        return known
    if token[0] in "+-0123456789":
        match = NUMBER.fullmatch(token)
        if match is not None:
            return _integer(match[1], limits) if not match[2] else float(token)
    if not token.isascii():
        for i, c in enumerate(token):
            if c > "\x7f" and unicodedata.category(c) not in _CATEGORIES:
                raise fault(text, at + i, f"the character {c!r} stands in no symbol without quotes: write '…'")
    symbol = Symbol(token)
    if len(token) <= _CACHED_SIZE:
        if len(_SYMBOLS) >= _CACHED:
            _SYMBOLS.clear()
        _SYMBOLS[token] = symbol
    return symbol


def unbare(name: str) -> bool:
    """Whether a symbol of this name needs quotes."""
    match = BARE.fullmatch(name)
    if match is None or NUMBER.fullmatch(name) is not None:
        return True
    return not name.isascii() and any(c > "\x7f" and unicodedata.category(c) not in _CATEGORIES for c in name)


def _integer(digits: str, limits: Limits) -> int:
    if len(digits) > limits.integer_digits:
        raise LimitExceeded(f"an integer of more digits than Limits.integer_digits, {limits.integer_digits}")
    try:
        return int(digits)
    except ValueError:  # sys.set_int_max_str_digits: this process converts fewer digits than the limit allows
        raise LimitExceeded(f"an integer of {len(digits)} digits is more than Python converts here") from None


def quoted(text: str, at: int, quote: str) -> tuple[str, int]:
    """What stands between quotes of which the first is before `at`, and the offset behind the last."""
    match = _BODIES[quote].match(text, at)
    assert match is not None
    end = match.end()
    if end >= len(text) or text[end] != quote:  # or a lone backslash, the very last character
        raise fault(text, len(text), f"the text ends before a closing {quote}")
    body = match[0]
    return (_unescaped(text, at, body, quote) if "\\" in body else body), end + 1


def _unescaped(text: str, at: int, body: str, quote: str) -> str:
    def plain(match: re.Match[str]) -> str:
        high, low, single, other = match[1], match[2], match[3], match[4]
        if high is not None:
            return chr((int(high, 16) - 0xD800 << 10) + (int(low, 16) - 0xDC00) + 0x10000)
        if single is None:
            found = _ESCAPES.get(other, other if other == quote else "")
        else:
            found = "" if single[0] in "dD" and single[1] in "89abcdefABCDEF" else chr(int(single, 16))
        if not found:
            wrong = (
                "is half of a pair and stands alone" if single is not None else "is no escape of strings and symbols"
            )
            raise fault(text, at + match.start(), f"{match[0]} {wrong}")
        return found

    return _ESCAPE.sub(plain, body)


def read_hash(text: str, at: int) -> tuple[Any, int]:
    """The boolean, byte string or double whose # is before `at`, and the offset behind it."""
    c = text[at : at + 1]
    if c in {"t", "f"}:
        if at + 1 < len(text) and text[at + 1] not in _DELIMITERS:
            raise fault(text, at + 1, f"#{c} ends with a space or a delimiter")
        return c == "t", at + 1
    if c == '"':
        return _byte_string(text, at + 1)
    if c == "[":
        return _base64(text, at + 1)
    if text.startswith('x"', at):
        return _pairs(text, at + 2)
    if text.startswith('xd"', at):
        data, end = _pairs(text, at + 3)
        if len(data) != 8:
            raise fault(text, at, f"a double is of 8 bytes, not {len(data)}")
        return _UNPACK(data)[0], end
    if c == "" or text[at:] in ("x", "xd"):
        raise fault(text, len(text), "the text ends behind a #")
    raise fault(text, at, f'#{c} begins nothing: # stands before t f {{ [ " x" xd" : ! or a space')


def _byte_string(text: str, at: int) -> tuple[bytes, int]:
    match = _BODIES['"'].match(text, at)
    assert match is not None
    end = match.end()
    if end >= len(text) or text[end] != '"':
        raise fault(text, len(text), 'the text ends before a closing "')

    def plain(match: re.Match[str]) -> str:
        if match[1] is not None:
            return chr(int(match[1], 16))
        found = _ESCAPES.get(match[2], '"' if match[2] == '"' else "")
        if not found:
            raise fault(text, at + match.start(), f"{match[0]} is no escape of byte strings")
        return found

    body = match[0]
    for i, c in enumerate(body if not body.isascii() else ""):
        if c > "\x7f":
            raise fault(text, at + i, f"{c!r} stands in no byte string: write its bytes as \\xHH")
    return _BYTE_ESCAPE.sub(plain, body).encode("latin-1"), end + 1


def _pairs(text: str, at: int) -> tuple[bytes, int]:
    match = _PAIRS.match(text, at)
    assert match is not None
    end = match.end()
    if text[end : end + 1] != '"':
        odd = text[end : end + 1].isalnum() and text[end + 1 : end + 2] == ""
        raise fault(text, len(text) if odd else end, 'hexadecimal digits in pairs, and then ", stand here')
    return bytes.fromhex(_SPACE.sub("", match[0])), end + 1


def _base64(text: str, at: int) -> tuple[bytes, int]:
    end = text.find("]", at)
    if end < 0:
        raise fault(text, len(text), "the text ends before a closing ]")
    digits = _SPACE.sub("", text[at:end]).translate(_STANDARD)
    try:
        return binascii.a2b_base64((digits + "=" * (-len(digits) % 4)).encode("ascii"), strict_mode=True), end + 1
    except ValueError:
        raise fault(text, at, "between #[ and ] stands base64, and this is none") from None
