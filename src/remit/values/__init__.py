"""Values: the data model that passes between objects, `@record` classes, and the canonical Syrup codec.

Pure: no I/O, no clock, no randomness. Imports only `remit.errors`.
"""

from __future__ import annotations

from typing import Final as _Final

from remit.values._data import NULL, Null, Reference, Symbol
from remit.values._decode import decode
from remit.values._encode import encode
from remit.values._frame import Framer, LengthFramer, framed, framed_together
from remit.values._limits import DEFAULT_LIMITS, Limits
from remit.values._locator import Locator, SturdyRef
from remit.values._model import Record, Tagged
from remit.values._passable import passable, passable_args
from remit.values._plain import register_copier
from remit.values._printable import printable
from remit.values._record import as_record, labels_kept, record, record_class, tagged
from remit.values._records import model_record, raw_record
from remit.values._same import key, same
from remit.values._secret import Secret

__all__ = [
    "DEFAULT_LIMITS",
    "NULL",
    "Framer",
    "LengthFramer",
    "Limits",
    "Locator",
    "Null",
    "Record",
    "Reference",
    "Secret",
    "SturdyRef",
    "Symbol",
    "Tagged",
    "as_record",
    "compiled",
    "decode",
    "encode",
    "framed",
    "framed_together",
    "key",
    "labels_kept",
    "model_record",
    "passable",
    "passable_args",
    "printable",
    "raw_record",
    "record",
    "record_class",
    "register_copier",
    "same",
    "tagged",
]

compiled: _Final[bool] = not hasattr(decode, "__code__")
"""Whether this is a compiled build (docs/performance.md says how to make one) rather than pure Python; both do the same."""
