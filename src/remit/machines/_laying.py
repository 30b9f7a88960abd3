"""How a binding is laid out on its machine: what the one who binds may choose, as data."""

from __future__ import annotations

import re
import signal as signals
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from remit.errors import BadArgument
from remit.values import record

__all__ = ["PLAIN", "Laying", "check_laying"]

LOCAL: Final = ("", "socket", "port")
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,31}\$?|[0-9]{1,10}", re.ASCII)
_MOST: Final = 32  # words of a command, templates of a binding
_LENGTH: Final = 4096  # characters of a word or a path


@record("remit.machines.laying")
class Laying:
    """Immutable; without arguments it is how bindings are laid out anyway.

    `local`: what a tunnel is on this machine, "socket" or "port"; "" leaves it to the kind of service. `user`: whose programs it is for, by name or
    number; "" is the user of the machine's agent. `reload`: a command, as a list of words, run after files were rewritten. `signal`: a
    signal and a service of this machine that gets it then, such as `HUP web`. `templates`: pairs of paths on the machine; the text of the first, with
    `{name.entry}` filled in, is written to the second.
    """

    local: str = ""
    user: str = ""
    reload: Sequence[str] = ()
    signal: str = ""
    templates: Sequence[Sequence[str]] = ()

    @property
    def acts(self) -> bool:
        """Whether it has the machine do something, or write elsewhere than among its bindings."""
        return bool(self.user or self.reload or self.signal or self.templates)

    def told(self) -> dict[str, Any]:
        """As plain data, without what is not set."""
        names: tuple[str, ...] = self.__record_fields__  # type: ignore[attr-defined]  # @record adds it
        return {name: _plain(value) for name in names if (value := getattr(self, name))}


PLAIN: Final = Laying()


def check_laying(value: object) -> Laying:
    """The laying, if it is one that can be followed. Raises `BadArgument`; a peer may send anything."""
    if type(value) is not Laying:
        raise BadArgument(f"how a binding is laid out is a remit.machines.Laying, not {type(value).__name__}")
    if value.local not in LOCAL:
        raise BadArgument(f"`local` is one of socket and port, not {value.local!r}")
    if type(value.user) is not str or (value.user and not _USER.fullmatch(value.user)):
        raise BadArgument("`user` is the name or the number of a user of the machine")
    if not _words(value.reload):
        raise BadArgument(
            f"`reload` is a command as a list of at most {_MOST} words, such as ['systemctl', 'reload', 'web']"
        )
    if value.reload and not value.reload[0].startswith("/"):
        raise BadArgument(f"`reload` names its program by a whole path: /usr/bin/{value.reload[0][:40]}, say")
    if type(value.signal) is not str or (value.signal and not _signal(value.signal)):
        raise BadArgument("`signal` is a signal and a service, such as 'HUP web'")
    pairs = value.templates
    if not isinstance(pairs, list | tuple) or len(pairs) > _MOST or not all(_pair(pair) for pair in pairs):
        raise BadArgument(
            f"`templates` are at most {_MOST} pairs of whole paths: the template, and the file that is made of it"
        )
    return value


def signal_of(text: str) -> tuple[signals.Signals, str]:
    """Signal and service of such a text."""
    name, _, service = text.partition(" ")
    return signals.Signals[f"SIG{name.removeprefix('SIG')}"], service


def _signal(text: str) -> bool:
    name, _, service = text.partition(" ")
    return f"SIG{name.removeprefix('SIG')}" in signals.Signals.__members__ and 0 < len(service) <= _LENGTH


def _words(value: object) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) <= _MOST
        and all(type(each) is str and 0 < len(each) <= _LENGTH and "\0" not in each for each in value)
    )


def _pair(value: object) -> bool:
    if not _words(value) or len(value) != 2:  # type: ignore[arg-type]  # _words has seen to it
        return False
    return all(PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts for path in value)  # type: ignore[attr-defined]


def _plain(value: Any) -> Any:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
