"""Every error that Remit raises, split by what the caller can do about it.

    RemitError
    ├── Misuse                 our own code is wrong: mend the call
    │   ├── NotPassable        a value that may not cross to another object
    │   ├── NotNear            an immediate call on what is not in this vat
    │   └── NotStorable        a field that a durable vat cannot keep
    ├── Broken                 a promise or reference that carries its cause
    │   ├── Refused            the authority is missing: ask its owner for it
    │   │   ├── Revoked        it was there and has been taken back
    │   │   ├── Expired        it was there until a time or a count
    │   │   └── NotAllowed     the reference is attenuated, and this is outside it
    │   ├── NoSuchMethod       the object does not answer this message
    │   ├── BadArgument        the arguments do not fit the method's annotations
    │   ├── Missing            the name, machine or binding is not known here
    │   ├── Conflict           it exists already, or two things contradict
    │   └── LinkLost           the way to the object is gone
    │       ├── Unreachable    nothing was sent: it can be tried again
    │       └── Uncertain      it was sent and may have been done
    ├── ProtocolError          the peer broke the protocol: its session ends
    │   ├── DecodeError        bytes that are not a value, with their offset
    │   │   └── Truncated      bytes that end before the value does
    │   ├── LimitExceeded      a size, depth or count above the limit
    │   └── PeerUnproven       the peer did not prove the key that was expected
    ├── StoreError             what is kept cannot be read or written
    │   ├── StoreLocked        another process has it open
    │   ├── StoreCorrupt       it is damaged: restore it from a copy
    │   ├── StoreTooNew        a newer Remit wrote it: upgrade
    │   ├── StoreExposed       others may read it: mend its permissions
    │   ├── StoreFull          no room: free some, then start again
    │   └── UnknownKind        it holds an object whose class was not given
    └── ProviderError          a provider could not make, start or end a machine

``Broken`` and the classes below it are also *values*: they travel as one string and come out as the
same class at the other end (`Broken.of`), so that near and far callers catch the same thing.
"""

from __future__ import annotations

import re

__all__ = [
    "BadArgument",
    "Broken",
    "Conflict",
    "DecodeError",
    "Expired",
    "LimitExceeded",
    "LinkLost",
    "Missing",
    "Misuse",
    "NoSuchMethod",
    "NotAllowed",
    "NotNear",
    "NotPassable",
    "NotStorable",
    "PeerUnproven",
    "ProtocolError",
    "ProviderError",
    "Refused",
    "RemitError",
    "Revoked",
    "StoreCorrupt",
    "StoreError",
    "StoreExposed",
    "StoreFull",
    "StoreLocked",
    "StoreTooNew",
    "Truncated",
    "Uncertain",
    "UnknownKind",
    "Unreachable",
]


class RemitError(Exception):
    """Root of every error of Remit's own."""


# --- our misuse -----------------------------------------------------------------------------


class Misuse(RemitError):
    """The calling code is wrong; no retry helps."""


class NotPassable(Misuse):
    """A value that may not be an argument, a result or a field; says where in the value it sits."""


class NotNear(Misuse):
    """`call` on something that is not a near object, or on an async method."""


class NotStorable(Misuse):
    """A field of a durable object holds what no store can keep; names object, field and remedy."""


# --- broken references and promises -----------------------------------------------------------


_KINDS: dict[str, type[Broken]] = {}
_TEXT = re.compile(r"([A-Za-z_][\w.\-]*): (.*) \[([\w.:\-]{1,80})\]", re.DOTALL)


class Broken(RemitError):
    """What a broken promise or reference carries: `kind`, `message` and correlation `id`.

    An exception, since awaiting a broken promise raises it, and a value, since it may be passed on. It holds
    no traceback of the other side and no details: those stay in the log of the side where it happened,
    under the same `id` ("" where nothing was logged).
    """

    kind: str = "Broken"

    def __init__(self, message: str = "", *, kind: str | None = None, id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.id = id
        if kind is not None and kind != type(self).kind:
            self.kind = kind

    def __init_subclass__(cls) -> None:
        # Only Remit's own classes are found by kind: a peer's string never selects foreign code.
        if cls.__module__ == __name__:
            cls.kind = cls.__name__
            _KINDS[cls.__name__] = cls

    @staticmethod
    def of(kind: str, message: str, id: str = "") -> Broken:
        """The error of this kind: one of the classes here, or a plain `Broken` that carries the kind."""
        cls = _KINDS.get(kind, Broken)
        return cls(message, kind=kind, id=id)

    @staticmethod
    def parse(text: str) -> Broken:
        """The error whose `text()` this is, or a `Broken` around a foreign peer's text."""
        match = _TEXT.fullmatch(text)
        if match is None:
            return Broken(text)
        return Broken.of(match[1], match[2], "" if match[3] == "-" else match[3])

    def text(self) -> str:
        """The one string that stands for this error on the wire; people read it too."""
        return f"{self.kind}: {self.message} [{self.id or '-'}]"

    def copy(self) -> Broken:
        """The same error without traceback, cause or notes: what may cross to another vat."""
        return Broken.of(self.kind, self.message, self.id)

    def __str__(self) -> str:
        return f"{self.kind}: {self.message} [{self.id}]" if self.id else f"{self.kind}: {self.message}"

    def __repr__(self) -> str:
        return f"<broken {self}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Broken):
            return NotImplemented
        return (self.kind, self.message, self.id) == (other.kind, other.message, other.id)

    def __hash__(self) -> int:
        return hash((self.kind, self.message, self.id))


class Refused(Broken):
    """The authority is missing."""


class Revoked(Refused):
    """The authority was granted and has been taken back."""


class Expired(Refused):
    """The authority was granted until a time or a number of uses that has passed."""


class NotAllowed(Refused):
    """The reference is attenuated, and this use lies outside of what is left."""


class NoSuchMethod(Broken):
    """The object does not answer this message."""


class BadArgument(Broken):
    """The arguments do not fit the method's parameters or their annotations."""


class Missing(Broken):
    """The name is not known here; the message names the nearest ones."""


class Conflict(Broken):
    """The thing exists already, or two demands contradict."""


class LinkLost(Broken):
    """The way to the object is gone."""


class Unreachable(LinkLost):
    """Nothing was sent: the call can be made again."""


class Uncertain(LinkLost):
    """The call was sent and its answer never came: it may have been done."""


# --- the peer broke the protocol --------------------------------------------------------------


class ProtocolError(RemitError):
    """The peer broke the protocol; its session is aborted with this text."""


class DecodeError(ProtocolError):
    """Bytes or text that are not a value in the form that is read here; `offset` counts bytes, or characters, from 0.

    For text also `line` and `column`, which count from 1; they are 0 for bytes.
    """

    def __init__(self, message: str, offset: int = 0, *, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{message} (at {f'line {line}, column {column}' if line else f'byte {offset}'})")
        self.offset = offset
        self.line = line
        self.column = column


class Truncated(DecodeError):
    """The bytes, or the text, end before the value does."""


class LimitExceeded(ProtocolError):
    """A size, depth or count above the limit in force; names the limit."""


class PeerUnproven(ProtocolError):
    """The peer did not prove the key that it was expected to hold."""


# --- what is kept -------------------------------------------------------------------------------


class StoreError(RemitError):
    """What is kept cannot be read or written."""


class StoreLocked(StoreError):
    """Another process has the store open."""


class StoreCorrupt(StoreError):
    """The store is damaged, and nothing was loaded from it."""


class StoreTooNew(StoreError):
    """A newer version of Remit wrote the store, and nothing was touched."""


class StoreExposed(StoreError):
    """Others may read the state directory; nothing was opened."""


class StoreFull(StoreError):
    """No room was left at a commit; the vat stops and nothing uncommitted left it."""


class UnknownKind(StoreError):
    """The store holds an object whose class was not given; names it, its path and the remedy."""


class ProviderError(RemitError):
    """A provider could not make, start, destroy or observe a machine; names machine, step and remedy."""
