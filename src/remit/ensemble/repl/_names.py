"""The names that evaluated code sees, and what can be completed from them."""

from __future__ import annotations

import builtins
import keyword
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from remit.vat import Ref

__all__ = ["complete", "defined", "fresh"]

MOST: Final = 200
"""Completions that are given."""
_DOTTED: Final = re.compile(r"(?:[^\W\d]\w*\.)*(?:[^\W\d]\w*)?$")
_IMPORT: Final = re.compile(r"^\s*(?:import|from)\s+([\w.]*)$")
_NAME: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_NOTHING: Final = object()


def fresh(names: Mapping[str, Any]) -> dict[str, Any]:
    """A namespace with these names. What would read the server's own terminal, or end the server, says what to do instead."""
    ours = dict(vars(builtins))
    ours.update({name: Instead(name, words) for name, words in _INSTEAD.items()})
    return {"__name__": "__console__", "__doc__": None, "__builtins__": ours, **names}


class Instead:
    """Stands for a function that makes no sense in a session."""

    __slots__ = ("_name", "_words")

    def __init__(self, name: str, words: str) -> None:
        self._name = name
        self._words = words

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"{self._name}() does not work here: {self._words}")

    def __repr__(self) -> str:
        return f"{self._name}() does not work here: {self._words}"


_LEAVE: Final = "',quit' leaves the session, ',shutdown' ends the server"
_INSTEAD: Final = {
    "exit": _LEAVE,
    "quit": _LEAVE,
    "input": "a session has no standard input, and the server's is not yours",
    "breakpoint": "a debugger would stop the server; ',threads' and ',backtrace N' show what it does",
    "help": "it pages on the server's terminal; print(x.__doc__) shows the same",
}


def complete(text: str, names: Mapping[str, Any]) -> list[str]:
    """What the last word of this text can go on as, the word included; sorted, names with an underscore only where one was typed."""
    found = _IMPORT.match(text)
    if found is not None:
        return _fit(_modules(found[1]), found[1])
    dotted = _DOTTED.search(text)
    word = dotted[0] if dotted is not None else ""
    before, dot, _last = word.rpartition(".")
    if not dot:
        return _fit([*keyword.kwlist, *names, *dir(builtins)], word)
    owner = _look_up(before, names)
    return [] if owner is _NOTHING else _fit([f"{before}.{name}" for name in _attributes(owner)], word, len(before) + 1)


def defined(name: str, names: Mapping[str, Any]) -> bool:
    """Whether this (dotted) name leads to something."""
    return _NAME.fullmatch(name) is not None and _look_up(name, names) is not _NOTHING


def _fit(candidates: Iterable[str], word: str, start: int = 0) -> list[str]:
    hidden = word[start:].startswith("_")
    fitting = {name for name in candidates if name.startswith(word) and (hidden or not name[start:].startswith("_"))}
    return sorted(fitting)[:MOST]


def _look_up(dotted: str, names: Mapping[str, Any]) -> Any:
    first, *rest = dotted.split(".")
    value = names.get(first, getattr(builtins, first, _NOTHING))
    for name in rest:
        if value is _NOTHING:
            break
        value = _attribute(value, name)
    return value


def _attribute(value: Any, name: str) -> Any:
    """An attribute; of a reference, which has every name, only methods that its object is known to have."""
    if isinstance(value, Ref):
        return name if name in _attributes(value) else _NOTHING
    try:
        return getattr(value, name, _NOTHING)
    except Exception:  # noqa: BLE001  # a property is anybody's code
        return _NOTHING


def _attributes(value: Any) -> list[str]:
    if isinstance(value, Ref):
        known = getattr(type(value._at), "_remit_", None)
        return [] if known is None else [name for name in known.methods if name is not None]
    try:
        return list(dir(value))
    except Exception:  # noqa: BLE001  # as above
        return []


def _modules(prefix: str) -> list[str]:
    package, dot, _ = prefix.rpartition(".")
    if not dot:
        return [*sys.builtin_module_names, *(each.name for each in pkgutil.iter_modules())]
    places = getattr(sys.modules.get(package), "__path__", None)
    return [f"{package}.{each.name}" for each in pkgutil.iter_modules(places)] if places is not None else []
