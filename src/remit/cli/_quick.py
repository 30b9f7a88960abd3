"""`remit server ping ID [ACTOR]` for who has the server's `control.ref`: the one command that scripts run in loops.

Nothing is loaded but what one question takes. Whatever is not plain (options, a server elsewhere, an error) is left to `_server_ping.py`,
which asks again and says what is wrong: a ping changes nothing, so that asking twice does no harm.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from remit.ensemble import Home
from remit.errors import RemitError
from remit.net import ask_once

__all__ = ["pinged"]


def pinged(words: Sequence[str]) -> bool:
    """Whether the server, or its actor, has answered; "OK" is printed then."""
    if not 1 <= len(words) <= 2 or any(word.startswith("-") for word in words):
        return False
    try:
        home = Home.find()
        ask_once(home.control(home.id_of(words[0])), "ping", *words[1:])
    except (RemitError, OSError, RuntimeError):
        return False
    sys.stdout.write("OK\n")
    return True
