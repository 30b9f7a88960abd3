"""What the tables of roles and servers may say: each setting with its check, so that a wrong one is named before anything is started.

[defaults]           for every server
[roles.NAME]         what servers of this role are like
[servers.ID]         one server, or one worker of a group: where it differs from its role
[workers.PREFIX]     a group of workers, PREFIX-0 … PREFIX-n
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from remit.errors import BadArgument
from remit.services import process_config

__all__ = ["MOST_WORKERS", "SECTIONS", "SETTINGS", "check_id", "check_name", "check_table", "check_tables"]

MOST_WORKERS: Final = 1000
"""Workers in one group: more is a slip of the hand rather than a wish for one machine."""
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}", re.ASCII)
_DOMAIN: Final = re.compile(r"(/|(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}){1,16})", re.ASCII)
_LONGEST_ID: Final = 100  # characters: it is in the name of a log, whole
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_LEVELS: Final = ("debug", "info", "warning", "error")
_RESTARTS: Final = ("always", "on-error", "never")


def check_name(what: str, name: object) -> str:
    """A name that is safe as the name of a file, too: no `/`, none that begins with a dot or a dash."""
    if type(name) is str and _NAME.fullmatch(name):
        return name
    raise BadArgument(
        f"{str(name)[:80]!r} cannot be the name of a {what}: a name has 1 to 63 letters, digits, '-', '_' and '.', and begins with a letter, digit or '_'"
    )


def check_id(id: object) -> str:
    """The id of a server: a name, or `name@/domain/sub`."""
    name, at, domain = id.partition("@") if type(id) is str else ("", "", "")
    check_name("server", name if type(id) is str else id)
    if at and not _DOMAIN.fullmatch(domain):
        raise BadArgument(f"{str(id)[:120]!r} has no domain after the @: write name@/domain/sub")
    if len(str(id)) > _LONGEST_ID:
        raise BadArgument(
            f"{str(id)[:80]!r}… is too long for the id of a server: it has at most {_LONGEST_ID} characters"
        )
    return str(id)


def _text(value: Any) -> bool:
    return type(value) is str and "\0" not in value and len(value) <= 32_768


def _a_text(value: Any) -> str:
    return "" if _text(value) and value else "is text"


def _texts(value: Any) -> str:
    return "" if isinstance(value, list) and len(value) <= 1000 and all(map(_text, value)) else "is a list of texts"


def _names(value: Any) -> str:
    good = (
        isinstance(value, list) and len(value) <= 100 and all(_text(each) and _NAME.fullmatch(each) for each in value)
    )
    return "" if good else "is a list of names"


def _ids(value: Any) -> str:
    if not isinstance(value, list) or len(value) > 100:
        return "is a list of ids of servers"
    try:
        for each in value:
            check_id(each)
    except BadArgument as error:
        return f"is a list of ids of servers: {error.message}"
    return ""


def _variables(value: Any) -> str:
    if not isinstance(value, Mapping) or len(value) > 1000:
        return "is a table of variables"
    for name, each in value.items():
        if not _VARIABLE.fullmatch(str(name)):
            return f"has {str(name)[:60]!r}, which cannot be the name of a variable"
        if each is not False and not _text(each):
            return f"says that {name} is neither text nor false (which unsets it)"
    return ""


def _one_of(*words: str) -> Callable[[Any], str]:
    return lambda value: "" if value in words else f"is one of {', '.join(words)}"


def _flag(value: Any) -> str:
    return "" if type(value) is bool else "is true or false"


def _number(least: int, most: int) -> Callable[[Any], str]:
    return lambda value: "" if type(value) is int and least <= value <= most else f"is a number from {least} to {most}"


def _named(what: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        try:
            check_name(what, value)
        except BadArgument as error:
            return f"is the name of a {what}: {error.message}"
        return ""

    return check


def _program(value: Any) -> str:
    if _text(value) and value.startswith("/"):
        return ""
    name, _, version = value.partition(":") if _text(value) else ("", "", "")
    good = _NAME.fullmatch(name) and (not version or re.fullmatch(r"[0-9a-f]{4,64}", version))
    return "" if good else "is the name of an uploaded program (or name:version), or a path that begins with /"


def _as_process(field: str) -> Callable[[Any], str]:
    """What services check for us: it goes into the description of a process as it is."""

    def check(value: Any) -> str:
        try:
            process_config({"argv": ["true"], field: value}, "log")
        except BadArgument as error:
            return f"cannot be {str(value)[:60]!r}: {error.message.removeprefix(': ')}"
        return ""

    return check


def _grants(value: Any) -> str:
    """Who may use which parts of the server's control object from its first moment: {"console": ["shutdown"]}."""
    if not isinstance(value, Mapping) or len(value) > 100:
        return 'is a table of servers and the parts that they may use, such as { console = ["shutdown"] }'
    for id, parts in value.items():
        try:
            check_id(id)
        except BadArgument as error:
            return error.message
        if _names(parts):
            return f"says of {id} something else than a list of parts"
    return ""


SETTINGS: Final[dict[str, Callable[[Any], str]]] = {
    "role": _named("role"),
    "module": _a_text,
    "program": _program,
    "arguments": _texts,
    "environment": _variables,
    "env": _program,
    "files": _program,
    "dir": _a_text,
    "restart": _one_of(*_RESTARTS),
    "restart-limit": _as_process("restart-limit"),
    "log-level": _one_of(*_LEVELS),
    "log-size": _as_process("log-size"),
    "log-files": _as_process("log-files"),
    "listen": _texts,
    "announce": _texts,
    "roles": _names,
    "authorize": _grants,
    "limits": _as_process("limits"),
    "nice": _as_process("nice"),
    "ready": _as_process("ready"),
    "start-timeout": _as_process("start-timeout"),
    "stop-timeout": _as_process("stop-timeout"),
    "stop-signal": _as_process("stop-signal"),
    "needs": _ids,
    "after": _ids,
    "start": _flag,
    "number": _number(0, MOST_WORKERS),
}
"""The settings, each with what says why a value will not do ("" where it does)."""
SECTIONS: Final[dict[str, frozenset[str]]] = {
    "defaults": frozenset(SETTINGS) - {"role", "module", "program", "start", "number"},
    "roles": frozenset(SETTINGS) - {"role", "start", "number"},
    "servers": frozenset(SETTINGS) - {"number"},
    "workers": frozenset(SETTINGS),
}
"""What stands where: a role starts nothing, and only a group has a number."""


def check_table(section: str, table: object, where: str) -> dict[str, Any]:
    """The settings of one table of this section, if all are right; `where` says which it is. Raises `BadArgument`."""
    if not isinstance(table, Mapping):
        raise BadArgument(f"{where} is a table of settings, not {str(table)[:60]!r}")
    for name, value in table.items():
        if name not in SECTIONS[section]:
            near = get_close_matches(str(name), sorted(SECTIONS[section]), 1)
            other = f"; it stands in {_homes(str(name))}" if name in SETTINGS else ""
            raise BadArgument(
                f"{where} has no setting {str(name)[:60]!r}{other or (f': did you mean {near[0]}?' if near else '')}"
            )
        why = SETTINGS[name](value)
        if why:
            raise BadArgument(f"{where}: {name} {why}")
    if "module" in table and "program" in table:
        raise BadArgument(f"{where} has a module and a program: a server is one of the two")
    return dict(table)


def _homes(name: str) -> str:
    return " or ".join(
        f"[{section}{'' if section == 'defaults' else '.…'}]" for section, has in SECTIONS.items() if name in has
    )


def check_tables(tables: object, where: str) -> dict[str, Any]:
    """A whole configuration: `defaults`, and tables of tables `roles`, `servers`, `workers`. Raises `BadArgument`."""
    if not isinstance(tables, Mapping):
        raise BadArgument(f"{where} is no table")
    made: dict[str, Any] = {}
    for section, table in tables.items():
        if section not in SECTIONS:
            near = get_close_matches(str(section), list(SECTIONS), 1)
            raise BadArgument(
                f"{where} has no section {str(section)[:60]!r}{f': did you mean {near[0]}?' if near else ''}"
            )
        if section == "defaults":
            made[section] = check_table(section, table, f"{where}: [defaults]")
            continue
        if not isinstance(table, Mapping):
            raise BadArgument(f"{where}: [{section}.NAME] is written with a name")
        for name in table:
            check_id(name) if section == "servers" else check_name(section.rstrip("s"), name)
        made[section] = {
            name: check_table(section, each, f"{where}: [{section}.{name}]") for name, each in table.items()
        }
    return made
