"""The process that a server's settings describe, in the words of `remit.services` (`process_config`). Pure.

A module is run by `remit server run`; a program is started with its arguments, in which {id}, {name}, {domain}, {role}, {number} and {home} are filled in.
Either finds in its environment who it is:

    REMIT_ENSEMBLE          the home of the ensemble
    REMIT_SERVER_ID, REMIT_SERVER_ROLES, REMIT_SERVER_LISTEN, REMIT_SERVER_ANNOUNCE (separated by spaces), REMIT_SERVER_LOG_LEVEL
    REMIT_SERVER_AUTHORIZE  who may use which parts of it from its first moment, as JSON: what its settings call `authorize`
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from remit.ensemble.supervisor._places import Places
from remit.errors import BadArgument

__all__ = ["process_of", "roles_of"]

_PYTHON: Final = 'exec "${REMIT_PYTHON:-python3}" -P -m remit.cli server run "$@"'
_OWN_PYTHON: Final = (
    'if [ -x "$0/bin/python" ]; then exec "$0/bin/python" -P -m remit.cli server run "$@"; fi; ' + _PYTHON
)
_HOLE: Final = re.compile(r"\{(\w+)\}")
_AS_THEY_ARE: Final = (
    *("restart", "restart-limit", "log-size", "log-files", "limits", "nice", "ready", "start-timeout"),
    *("stop-timeout", "stop-signal"),
)
_LOG: Final = {"log-size": 1 << 20, "log-files": 10}


def roles_of(settings: Mapping[str, Any]) -> list[str]:
    """The roles that a server is found by: its own first, then the secondary ones."""
    return list(dict.fromkeys([*([settings["role"]] if settings.get("role") else []), *settings.get("roles", [])]))


def process_of(id: str, settings: Mapping[str, Any], places: Places, number: int | None = None) -> dict[str, Any]:
    """What `Daemon` records describe. It is the same as long as the settings are: a supervisor that begins again recognises the process by it."""
    name, _, domain = id.partition("@")
    role = str(settings.get("role", ""))
    words = {"id": id, "name": name, "domain": domain, "role": role, "home": str(places.home)}
    if number is not None:
        words["number"] = str(number)
    arguments = [_filled(each, words, id) for each in settings.get("arguments", [])]
    made: dict[str, Any] = {"restart": "always", **_LOG}
    made |= {field: settings[field] for field in _AS_THEY_ARE if field in settings}
    env = places.current("env", settings["env"]) if "env" in settings else None
    made["argv"] = _argv(id, settings, places, env, arguments)
    made["dir"] = str(_directory(settings, places, words, id))
    made["env"] = _environment(id, settings, places, env)
    return made


def _argv(id: str, settings: Mapping[str, Any], places: Places, env: Path | None, arguments: list[str]) -> list[str]:
    if "program" in settings:
        program = settings["program"]
        path = program if program.startswith("/") else str(places.current("program", program))
        return [path, *arguments]
    options = ["--log", settings["log-level"].upper()] if "log-level" in settings else []
    for option, values in (
        ("--role", roles_of(settings)),
        ("--listen", settings.get("listen", [])),
        ("--announce", settings.get("announce", [])),
    ):
        options += [word for value in values for word in (option, value)]
    shell = ["sh", "-c", _PYTHON, "remit"] if env is None else ["sh", "-c", _OWN_PYTHON, str(env)]
    return [*shell, *options, id, settings["module"], *arguments]


def _filled(text: str, words: Mapping[str, str], id: str) -> str:
    def word(found: re.Match[str]) -> str:
        if found[1] not in words:
            raise BadArgument(
                f"server {id}: argument {text[:60]!r} has {found[0]}; there are: {', '.join(sorted(words))}"
            )
        return words[found[1]]

    return _HOLE.sub(word, text)


def _directory(settings: Mapping[str, Any], places: Places, words: Mapping[str, str], id: str) -> Path:
    """Its own `dir`, else the files that were uploaded for it, else a directory of its own."""
    if "dir" in settings:
        base = places.current("files", settings["files"]) if "files" in settings else places.work
        return base / _filled(settings["dir"], words, id)
    return places.current("files", settings["files"]) if "files" in settings else places.work


def _environment(id: str, settings: Mapping[str, Any], places: Places, env: Path | None) -> dict[str, Any]:
    made: dict[str, Any] = {"REMIT_ENSEMBLE": str(places.home), "REMIT_SERVER_ID": id}
    if roles_of(settings):
        made["REMIT_SERVER_ROLES"] = " ".join(roles_of(settings))
    for name in ("listen", "announce"):
        if settings.get(name):
            made[f"REMIT_SERVER_{name.upper()}"] = " ".join(settings[name])
    if "log-level" in settings:
        made["REMIT_SERVER_LOG_LEVEL"] = settings["log-level"]
    if settings.get("authorize"):
        made["REMIT_SERVER_AUTHORIZE"] = json.dumps(settings["authorize"], sort_keys=True)
    if env is not None:
        made["REMIT_ENV"] = str(env)
        made["PATH"] = places.path_with(env)
        made["PYTHONPATH"] = places.modules_with(env)
    return made | dict(settings.get("environment", {}))
