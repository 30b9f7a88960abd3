"""The smallest values as they are written, without the codec's general way: nearly all of what calls and results hold.

What is written here is what `encode` writes (`tests/captp/test_atoms.py`).
"""

from __future__ import annotations

from typing import Any, Final

from remit.values import Symbol, encode

SHORT: Final = 100
"""Characters of a text, a method's name included, that is written here; below any limit of a frame."""
_SMALL: Final = 1 << 30
_NAMES: Final[dict[str, bytes]] = {}  # method to its symbol's bytes; shared by all sessions, so bounded
_ALONE: Final[dict[str, bytes]] = {}  # the same as calls without arguments
_MOST: Final = 1024  # of them: about what the methods of a large program come to


def atom(value: Any) -> bytes | None:
    """The bytes of a value that is small and holds no other, None where `encode` is to see to it."""
    kind = type(value)
    if kind is int:
        if 0 <= value < _SMALL:
            return b"%d+" % value
    elif value is None:
        return b"<4'void>"
    elif kind is str:
        if len(value) <= SHORT and value.isascii():
            return b'%d"%b' % (len(value), value.encode())
    elif kind is bool:
        return b"t" if value else b"f"
    return None


def method(name: str) -> bytes:
    """The bytes of a method's name."""
    found = _NAMES.get(name)
    if found is None:
        found = encode(Symbol(name))
        if len(name) <= SHORT:
            if len(_NAMES) >= _MOST:
                _NAMES.clear()  # rather than keep what somebody may have filled it with
            _NAMES[name] = found
    return found


def _call_alone(name: str) -> bytes:
    """The bytes of a method without arguments."""
    written = b"[%b]" % method(name)
    if len(_ALONE) >= _MOST:
        _ALONE.clear()  # as above
    _ALONE[name] = written
    return written


def call(name: str | None, args: tuple[Any, ...], most: int) -> bytes | None:
    """The bytes of a method and its arguments, if the arguments are such values and all is shorter than `most` bytes."""
    if name is None or len(name) > SHORT:
        return None
    if not args:
        alone = _ALONE.get(name)
        return alone if alone is not None else _call_alone(name)
    parts = [method(name)]
    for value in args:
        written = atom(value)
        if written is None:
            return None
        parts.append(written)
    body = b"[%b]" % b"".join(parts)
    return body if len(body) < most else None
