"""Files of configuration: what one says, as a script, or what is wrong with it and where. Pure: text comes as an argument.

`*.pr` is Preserves text (`_script.py`). `*.toml` is for plain cases: each table is a daemon,

    [web]
    run = ["python3", "-m", "http.server"]     # or a shell line; `argv` is the same
    needs = ["db", "<milestone network>"]      # ready; "migrate:complete" for another state
    prefers = ["cache"]                        # weakly: started first, and not necessary
    after = ["ntp"]                            # order only
    want = true                                # false: only where something else wants it
    start-within = 30                          # seconds to be up, before it counts as failed

with the other fields of a process's description; `milestone = true` in place of `run` makes it `<milestone …>`.
"""

from __future__ import annotations

import os
import re
import tomllib
from typing import Any, Final

from remit.errors import BadArgument, DecodeError, ProtocolError
from remit.services._records import (
    READY,
    Daemon,
    DependsOn,
    Milestone,
    RequireService,
    ServiceState,
    StartsAfter,
    StartTimeout,
    WeaklyDependsOn,
)
from remit.services._script import Assert, Misread, Sequence, read
from remit.values import Symbol, Tagged
from remit.values.preserves import parse, parse_all, place_of

__all__ = ["Fault", "is_script", "read_file", "service_named"]

_WAITS: Final = {"needs": DependsOn, "prefers": WeaklyDependsOn, "after": StartsAfter}
_OURS: Final = frozenset({*_WAITS, "want", "start-within", "milestone", "run"})


class Fault(Exception):
    """What is wrong with a file, with line and column from 1 (0: nowhere in particular)."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.column = column

    def at(self, place: str) -> str:
        """As compilers write it."""
        where = f":{self.line}:{self.column}" if self.line else ""
        return f"{place}{where}: {self.text}"


def is_script(name: str) -> bool:
    """Whether a file of this name is read: `*.pr` and `*.toml`, those that begin with a dot left out."""
    return name.endswith((".pr", ".toml")) and not name.startswith(".")


def read_file(name: str, text: str) -> Sequence:
    """The instructions of the file with this path. Raises `Fault`."""
    if name.endswith(".toml"):
        return _toml(text, os.path.dirname(name))
    try:
        values = parse_all(text)
    except DecodeError as error:
        raise Fault(_without_place(str(error)), getattr(error, "line", 0), getattr(error, "column", 0)) from None
    except ProtocolError as error:
        raise Fault(str(error)) from None
    try:
        return read(values)
    except Misread as error:
        raise Fault(error.message, *(place_of(text, error.path) if values else (1, 1))) from None


def _without_place(message: str) -> str:
    return re.sub(r" \(at line \d+, column \d+\)$", "", message)


# --- TOML ---------------------------------------------------------------------------------------------------


def _toml(text: str, folder: str) -> Sequence:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)
        raise Fault(re.sub(r" \(at [^)]*\)$", "", str(error)), *place) from None
    steps: list[Any] = []
    for name, table in tables.items():
        place = _place_in_toml(text, name)
        if not isinstance(table, dict):
            raise Fault(f"{name} is no table: each service is one, such as [web]", *place)
        try:
            steps += [Assert(value) for value in _service(name, _placed(table, folder))]
        except BadArgument as error:
            raise Fault(f"[{name}] {error.message}", *place) from None
    return Sequence(steps)


def _placed(table: dict[str, Any], folder: str) -> dict[str, Any]:
    """The table, with its directory relative to the one that the file is in."""
    if isinstance(table.get("dir"), str):
        return {**table, "dir": os.path.normpath(os.path.join(folder, table["dir"]))}
    return dict(table)


def _service(name: str, table: dict[str, Any]) -> list[Any]:
    service: Any = Milestone(Symbol(name)) if table.pop("milestone", False) else Daemon(Symbol(name))
    values: list[Any] = []
    for field, cls in _WAITS.items():
        wanted = table.pop(field, [])
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise BadArgument(f"{field} is a list of names")
        values += [cls(service, _state(each)) for each in wanted]
    if (seconds := table.pop("start-within", None)) is not None:
        values.append(StartTimeout(service, seconds))
    if table.pop("want", True):
        values.append(RequireService(service))
    run = table.pop("run", None)
    if run is not None:
        table["argv"] = run
    if isinstance(service, Daemon):
        if "argv" not in table:
            raise BadArgument('says not what to run: run = ["program", "argument"], or milestone = true')
        values.append(Tagged("daemon", [Symbol(name), table]))
    elif table:
        raise BadArgument(f"a milestone runs nothing: take {', '.join(sorted(table))} out")
    return values


def _state(text: str) -> ServiceState:
    name, colon, state = text.rpartition(":")
    if colon and state.isidentifier() and not text.endswith(">"):
        return ServiceState(service_named(name), Symbol(state))
    return ServiceState(service_named(text), READY)


def service_named(text: str) -> Any:
    """The name that a text means: `web` is `<daemon web>`; in angle brackets it is any record."""
    if not text.startswith("<"):
        return Daemon(Symbol(text))
    try:
        return parse(text)
    except DecodeError as error:
        raise BadArgument(f"{text!r} is no name: {error}") from None


def _place_in_toml(text: str, name: str) -> tuple[int, int]:
    header = re.compile(rf"^\s*\[?\s*[\"']?{re.escape(name)}\b", re.MULTILINE)
    found = header.search(text)
    return (text.count("\n", 0, found.end()) + 1, 1) if found else (1, 1)
