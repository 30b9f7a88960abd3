"""Names of machines, offers and bindings, and where a dotted name leads.

A name has letters, digits, `-` and `_`; the dot stands only between a machine and what is on it: `db-machine.customers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from remit.errors import BadArgument, Missing

__all__ = ["check_name", "missing", "near", "split_name"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", re.ASCII)
_RULE: Final = "1 to 63 letters, digits, '-' and '_', not beginning with '-'"


def check_name(what: str, name: object) -> str:
    """The name, if it may be one; `what` says of what ("machine", "offer"). Raises `BadArgument` with the rule."""
    if type(name) is not str or not _NAME.fullmatch(name):
        raise BadArgument(f"{str(name)[:80]!r} cannot be the name of a {what}: a name has {_RULE}")
    return name


def split_name(what: str, dotted: object) -> tuple[str, str]:
    """Machine and name of `machine.name`. Raises `BadArgument` naming the form."""
    machine, dot, name = dotted.partition(".") if type(dotted) is str else ("", "", "")
    if not dot:
        raise BadArgument(f"{str(dotted)[:80]!r} is no {what}: write machine.name, such as db-machine.customers")
    return check_name("machine", machine), check_name(what, name)


def missing(what: str, name: str, known: Iterable[str]) -> Missing:
    """The error for a name that is not there, with the nearest ones that are."""
    return Missing(f"no {what} {name!r}: {near(name, known)}")


def near(name: str, known: Iterable[str]) -> str:
    """What is said beside a name that is not there: the nearest ones, or all that there are."""
    names = sorted(known)
    from difflib import get_close_matches  # for errors only

    found = get_close_matches(name, names, n=3)
    if found:
        return f"did you mean {' or '.join(found)}?"
    if names:
        return f"there are: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"
    return "there is none yet"
