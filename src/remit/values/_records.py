"""What a decoder makes of a Syrup record as it closes: the OCapN model's values, or raw records.

The labels are those that implementations of CapTP send; the draft specification *Model* leaves them open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from remit.errors import Broken, Misuse, ProtocolError
from remit.values._data import NULL, Null, Symbol
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Record
from remit.values._record import tagged

__all__ = ["model_record", "raw_record"]


def model_record(label: object, fields: list[Any]) -> object:
    """The value of the OCapN model that this record stands for. Raises `ProtocolError` for any other label or field."""
    known = _MODEL.get(label.name) if type(label) is Symbol else None
    if known is None:
        raise ProtocolError(f"a record labelled {_shown(label)} is not a value of the OCapN model")
    make, size = known
    if len(fields) != size:
        raise ProtocolError(f"a record labelled {_shown(label)} has {size} fields, not {len(fields)}")
    try:
        return make(*fields)
    except Misuse as error:
        raise ProtocolError(f"a record labelled {_shown(label)} is wrong: {error}") from None


def raw_record(label: object, fields: list[Any]) -> Record:
    """A `Record`, whatever the label: for tools and for layers that read it themselves."""
    return Record(label, fields)


def _undefined() -> None:
    return None


def _null() -> Null:
    return NULL


def _tagged(tag: object, value: object) -> object:
    if type(tag) is not Symbol:
        raise Misuse("its tag is not a symbol")
    return tagged(tag.name, value)


def _error(text: object) -> Broken:
    if type(text) is not str:
        raise Misuse("its message is not a string")
    return Broken.parse(text)


def _mystery() -> Broken:
    """Guile Goblins' error: it tells other peers nothing of what has failed, on purpose."""
    return Broken("the peer gives no details of what failed there")


def _user_record(tag: object, value: object) -> object:
    """Guile Goblins' form of a tagged value."""
    return _tagged(Symbol(tag) if type(tag) is str else tag, value)


def _peer(transport: object, designator: str, hints: Any) -> Locator:
    if type(transport) is not Symbol or (type(hints) is not dict and hints is not False):
        raise Misuse("its transport is a symbol, and its hints are a struct or false")
    return Locator(transport.name, designator, None if hints is False else hints)


_MODEL: Final[dict[str, tuple[Callable[..., object], int]]] = {
    "void": (_undefined, 0),
    "null": (_null, 0),
    "desc:tagged": (_tagged, 2),
    "desc:error": (_error, 1),
    "ocapn-peer": (_peer, 3),
    "ocapn-sturdyref": (SturdyRef, 2),
    "exn:fail:mystery": (_mystery, 0),  # read, and never written: these two are Goblins' own
    "user-record": (_user_record, 2),
}


def _shown(label: object) -> str:
    return repr(label.name[:80]) if type(label) is Symbol else f"with a {type(label).__name__}"
