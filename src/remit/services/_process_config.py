"""How a process is described in configuration, and what the warden is told of it.

A shell line, a list of words, or a dictionary (Synit's `daemon` configurations, and what operators miss there):

    argv        a shell line, or words                         env, clear-env   set, or unset with #f; begin with nothing
    dir         where it runs ("/" without)                    user, group, groups, umask, nice
    limits      {nofile: 4096, core: [0, 0]}: soft and hard    no-new-privileges
    ready       start (at once), fd (a newline on a descriptor), sd-notify, tcp:HOST:PORT, unix:PATH, or none: it says so itself
    ready-fd    which descriptor, 3 to 9                       watchdog         seconds between two WATCHDOG=1
    start-timeout, stop-timeout, stop-signal                   seconds to be ready (0: any), to end; a name or number
    restart     always, on-error, all, never                   restart-limit    [times, seconds], after which it stays failed
    protocol    none, application/syndicate, text/syndicate    log-size, log-files
"""

from __future__ import annotations

import difflib
import json
import signal
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from remit.errors import BadArgument
from remit.values import Symbol
from remit.warden import LIMITS

__all__ = ["ProcessConfig", "process_config"]

RESTARTS: Final = ("always", "on-error", "all", "never")
PROTOCOLS: Final = ("none", "application/syndicate", "text/syndicate")
_SIZES: Final = {"log-size": 1 << 20, "log-files": 10}
# Names of dictionaries as `<daemon>` records have them elsewhere (Synit: "The daemon service"), beside ours.
_ELSEWHERE: Final = {"clearEnv": "clear-env", "readyOnStart": "ready-on-start"}
_FIELDS: Final = (
    *("argv", "env", "clear-env", "dir", "user", "group", "groups", "umask", "nice", "limits", "no-new-privileges"),
    *("ready", "ready-fd", "ready-on-start", "watchdog", "start-timeout", "stop-timeout", "stop-signal", "restart"),
    *("restart-limit", "protocol", "log-size", "log-files"),
)


class ProcessConfig:
    """One process of a service: `spec` for the warden, and what its supervisor decides by. Owned by whoever made it; not changed."""

    __slots__ = ("limit", "protocol", "ready", "restart", "spec", "start_timeout")

    def __init__(
        self,
        spec: dict[str, Any],
        ready: str,
        restart: str,
        limit: tuple[int, float] | None,
        start_timeout: float,
        protocol: str,
    ) -> None:
        self.spec = spec
        self.ready = ready  # start, fd, sd-notify, tcp:…, unix:…, none
        self.restart = restart
        self.limit = limit
        self.start_timeout = start_timeout
        self.protocol = protocol


def process_config(value: Any, log: str | None = None, name: str = "") -> ProcessConfig:
    """Check a description and make it one of the warden's. Raises `BadArgument` naming the field.

    `log` is the path of the service's log, without which its output is thrown away.
    """
    given = _plain(value)
    if isinstance(given, str | list):
        given = {"argv": given}
    if not isinstance(given, dict):
        raise BadArgument(f"{name}: a process is a shell line, a list of words or a dictionary, not {value!r:.80}")
    given = {_ELSEWHERE.get(field, field): each for field, each in given.items()}
    for field in given:
        if field not in _FIELDS:
            near = difflib.get_close_matches(str(field), _FIELDS, 1)
            raise BadArgument(f"{name}: a process has no {field!r}{f': did you mean {near[0]}?' if near else ''}")
    try:
        return _checked(given, log)
    except BadArgument as error:
        raise BadArgument(f"{name}: {error.message}") from None


def _checked(given: dict[str, Any], log: str | None) -> ProcessConfig:
    spec: dict[str, Any] = {"argv": _argv(given.get("argv"))}
    _environment(spec, given)
    for field, kinds in (("dir", str), ("user", (str, int)), ("group", (str, int)), ("umask", int), ("nice", int)):
        if given.get(field) is not None:
            spec[field] = _is(given[field], kinds, field)
    if given.get("groups") is not None:
        spec["groups"] = [_is(each, (str, int), "groups") for each in _is(given["groups"], list, "groups")]
    if given.get("no-new-privileges"):
        spec["no_new_privileges"] = True
    spec["limits"] = {name: _limit(name, each) for name, each in _is(given.get("limits", {}), dict, "limits").items()}
    spec["stop_timeout"] = _seconds(given.get("stop-timeout", 10.0), "stop-timeout")
    spec["stop_signal"] = _signal(given.get("stop-signal", "TERM"))
    ready, protocol = _readiness(spec, given)
    if log is not None:
        sizes = {field: _is(given.get(field, each), int, field) for field, each in _SIZES.items()}
        if min(sizes.values()) < 1:
            raise BadArgument("log-size and log-files are at least 1")
        spec["log"] = {"path": log, "size": sizes["log-size"], "files": sizes["log-files"]}
    restart = str(given.get("restart", "always"))
    if restart not in RESTARTS:
        raise BadArgument(f"restart is one of {', '.join(RESTARTS)}, not {restart!r}")
    spec["once"] = restart in ("on-error", "never")
    spec["digest"] = sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:32]
    timeout = _seconds(given.get("start-timeout", 0.0), "start-timeout")
    return ProcessConfig(spec, ready, restart, _times(given.get("restart-limit")), timeout, protocol)


def _plain(value: Any) -> Any:
    """Symbols as text, tuples as lists, mappings with text keys."""
    if isinstance(value, Symbol):
        return value.name
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "items"):  # a mapping of Preserves, whose keys are symbols
        return {_plain(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value


def _argv(argv: Any) -> list[str]:
    if isinstance(argv, str) and argv.strip():
        return ["sh", "-c", argv]
    if isinstance(argv, list) and argv and all(isinstance(word, str) and "\0" not in word for word in argv):
        return argv
    raise BadArgument(f"argv is a shell line or a list of words, not {argv!r:.80}")


def _environment(spec: dict[str, Any], given: dict[str, Any]) -> None:
    env = _is(given.get("env", {}), dict, "env")
    spec["env"] = {}
    for name, value in env.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise BadArgument(f"env: {name!r} cannot be the name of a variable")
        if value is not False and value is not None and not isinstance(value, str):
            raise BadArgument(f"env: {name} is text, or #f to unset it")
        spec["env"][name] = value if isinstance(value, str) else None
    if given.get("clear-env"):
        spec["clear_env"] = True


def _readiness(spec: dict[str, Any], given: dict[str, Any]) -> tuple[str, str]:
    protocol = str(given.get("protocol", "none"))
    if protocol not in PROTOCOLS:
        raise BadArgument(f"protocol is one of {', '.join(PROTOCOLS)}, not {protocol!r}")
    ready = str(given.get("ready", "none" if given.get("ready-on-start") is False else "start"))
    if ready == "fd":
        spec["notify_fd"] = _is(given.get("ready-fd", 3), int, "ready-fd")
        if not 3 <= spec["notify_fd"] <= 9:
            raise BadArgument("ready-fd is a descriptor from 3 to 9")
    elif ready == "sd-notify":
        spec["sd_notify"] = True
    elif ready not in ("start", "none") and ready.partition(":")[0] not in ("tcp", "unix"):
        raise BadArgument(f"ready is start, fd, sd-notify, tcp:HOST:PORT, unix:PATH or none, not {ready!r:.60}")
    elif ready.startswith("tcp:") and not ready.rpartition(":")[2].isdecimal():
        raise BadArgument(f"ready: {ready!r} has no port: write tcp:127.0.0.1:5432")
    if given.get("watchdog"):
        spec["watchdog"] = _seconds(given["watchdog"], "watchdog")
        spec["sd_notify"] = True
    return ready, protocol


def _limit(name: str, value: Any) -> list[int]:
    if name not in LIMITS:
        raise BadArgument(f"limits: there is no {name!r}; there are: {', '.join(sorted(LIMITS))}")
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2 or not all(type(each) is int and each >= -1 for each in pair):
        raise BadArgument(f"limits: {name} is a number, or [soft, hard]; -1 is none")
    return pair


def _signal(value: Any) -> int:
    try:
        if type(value) is int:
            return signal.Signals(value).value
        return signal.Signals["SIG" + str(value).removeprefix("SIG")].value
    except (ValueError, KeyError):
        raise BadArgument(f"stop-signal: there is no signal {value!r:.40}") from None


def _times(value: Any) -> tuple[int, float] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or type(value[0]) is not int or value[0] < 1:
        raise BadArgument("restart-limit is [times, seconds]")
    return value[0], _seconds(value[1], "restart-limit")


def _seconds(value: Any, field: str) -> float:
    if type(value) not in (int, float) or not 0 <= value < 1e9:
        raise BadArgument(f"{field} is a number of seconds, not {value!r:.40}")
    return float(value)


def _is(value: Any, kinds: Any, field: str) -> Any:
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise BadArgument(f"{field} cannot be {value!r:.60}")
    return value
