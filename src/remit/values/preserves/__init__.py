"""Preserves: the same values in the binary and text syntaxes of preserves.dev, version 0.996.

Pure: no I/O, no clock, no randomness. `docs/shapes.md` says what stands for what.
"""

from __future__ import annotations

from remit.values.preserves._annotated import Annotated, Embedded
from remit.values.preserves._containers import Compound, Map, Set
from remit.values.preserves._decode import decode, decode_at
from remit.values.preserves._encode import canonical, encode
from remit.values.preserves._order import compare, order
from remit.values.preserves._parse import parse, parse_all, parse_located, place_of
from remit.values.preserves._reader import Reader
from remit.values.preserves._strip import strip
from remit.values.preserves._text import text

__all__ = [
    "Annotated",
    "Compound",
    "Embedded",
    "Map",
    "Reader",
    "Set",
    "canonical",
    "compare",
    "decode",
    "decode_at",
    "encode",
    "order",
    "parse",
    "parse_all",
    "parse_located",
    "place_of",
    "strip",
    "text",
]
