"""The parts of a server's control object: for each its module and the function there that makes it. Imported when a part is first asked for.

`make(server, who) -> Ref` makes the object of a part for one holder; `who` is an id, a key or "local". It is called outside of turns, in the
server's loop. The object's methods are the part's messages; it may ask devices of `server.vat`. What an application adds is `Server.part`.
"""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any, Final

from remit.errors import Missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.ensemble._server import Server
    from remit.vat import Ref

__all__ = ["AUDITED", "PARTS", "make_part", "no_part"]

PARTS: Final[dict[str, tuple[str, str]]] = {
    "eval": ("remit.ensemble.repl", "make_eval"),
    "load": ("remit.ensemble.code", "make_load"),
    "inspect": ("remit.ensemble._part_inspect", "make_inspect"),
    "logs": ("remit.ensemble._part_logs", "make_logs"),
    "ping": ("remit.ensemble._part_ping", "make_ping"),
    "shutdown": ("remit.ensemble._part_shutdown", "make_shutdown"),
}
AUDITED: Final = frozenset({"eval", "exec", "load", "shutdown"})
"""The parts of which each use is written down, before it happens: by the device `audit` of the server's vat."""


def make_part(server: Server, name: str, who: str) -> Ref[Any]:
    """The object of a built-in part."""
    module, function = PARTS[name]
    make: Callable[[Server, str], Ref[Any]] = getattr(importlib.import_module(module), function)
    return make(server, who)


def no_part(name: str, known: list[str]) -> Missing:
    """What to say of a part that there is not."""
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
    return Missing(f"the server has no part {name[:40]!r}; {hint}")
