"""Metrics as text: families of samples in the form that Prometheus and its kin read. Pure: whoever has numbers builds families of them.

    sessions = Family("remit_sessions", "gauge", "Sessions with other nodes.")
    sessions.add(3, transport="tls")
    exposition([sessions])

(Prometheus, "Exposition formats", text-based format, version 0.0.4.) Names are those of Prometheus' own advice: `remit_` first, the unit and then
`_total` (of counters) last; seconds and bytes, no other units. Labels have few values: names of machines and services, never of requests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final

from remit.errors import BadArgument

__all__ = ["EXPOSITION_TYPE", "Family", "exposition"]

EXPOSITION_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""What an HTTP answer with such text says of itself."""

_KINDS: Final = ("counter", "gauge", "histogram", "summary", "untyped")
_SUFFIXES: Final = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")  # those with two underscores are Prometheus' own


class Family:
    """All samples of one metric. Owned by whoever gathers them; gathered anew each time somebody asks.

    `kind` is counter, gauge, histogram, summary or untyped; `help` one sentence for people, with the unit.
    """

    __slots__ = ("_samples", "help", "kind", "name")

    def __init__(self, name: str, kind: str, help: str) -> None:
        """Raises `BadArgument` for a name or kind that the format does not have."""
        if not _NAME.fullmatch(name):
            raise BadArgument(
                f"a metric's name is letters, digits and _ after a letter, as remit_sessions, not {name!r}"
            )
        if kind not in _KINDS:
            raise BadArgument(f"a metric is one of {', '.join(_KINDS)}, not {kind!r}")
        if kind == "counter" and not name.endswith("_total"):
            raise BadArgument(f"a counter's name ends in _total, as {name}_total")
        self.name = name
        self.kind = kind
        self.help = help
        self._samples: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}

    def add(self, value: float, suffix: str = "", /, **labels: str) -> Family:
        """One sample; the family again. `suffix` is a histogram's or summary's (`_bucket`, `_sum`, `_count`); empty labels count as left out.

        Raises `BadArgument` where the same labels have a value already, or a label's name is none.
        """
        if suffix not in _SUFFIXES.get(self.kind, ("",)):
            raise BadArgument(f"a {self.kind} has no samples {self.name}{suffix}")
        for label in labels:
            if not _LABEL.fullmatch(label):
                raise BadArgument(f"a label's name is letters, digits and _ after a letter, not {label!r}")
        mark = suffix, tuple(sorted((label, text) for label, text in labels.items() if text))
        if mark in self._samples:
            raise BadArgument(
                f"{self.name}{suffix} has a value for {dict(mark[1])} already: add up what belongs together"
            )
        self._samples[mark] = value
        return self

    def lines(self) -> list[str]:
        """Its lines of text; none where it has no samples."""
        if not self._samples:
            return []
        said = [f"# HELP {self.name} {_escaped(self.help)}", f"# TYPE {self.name} {self.kind}"]
        for (suffix, labels), value in self._samples.items():
            inside = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels)
            said.append(
                f"{self.name}{suffix}{{{inside}}} {_number(value)}"
                if inside
                else f"{self.name}{suffix} {_number(value)}"
            )
        return said


def exposition(families: Iterable[Family]) -> str:
    """The text of all families, in their order, ready to be served or written. Raises `BadArgument` where two have one name."""
    said: list[str] = []
    names: set[str] = set()
    for family in families:
        if family.name in names:
            raise BadArgument(f"two families are called {family.name}: samples of one metric stand together")
        names.add(family.name)
        said += family.lines()
    return "".join(f"{line}\n" for line in said)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1 << 53 else repr(float(value))
