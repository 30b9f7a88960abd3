"""The application: the ids that are taken, and by what. One for each program, made when the program is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from remit.app._epoch import assert_startup
from remit.app._ids import Id, check_name
from remit.errors import BadArgument, Conflict

if TYPE_CHECKING:
    from remit.app._component import Declaration

__all__ = ["App", "collected", "place_of_caller"]

_made: ContextVar[list[App] | None] = ContextVar("remit.app.made", default=None)


class App:
    """A distributed system that one program describes. `name` is the first name of all ids, and never changes.

        app = App("shop")
        server = CustomerServer(app / "customer-server")

    It knows the components that were made with its ids, in their order.
    """

    def __init__(self, name: str) -> None:
        assert_startup(f"App({name!r})")
        self.name = check_name(name, "application's name")
        self.declarations: dict[str, Declaration] = {}
        self.moves: list[tuple[str, str]] = []
        self.path: Path | None = None  # of its program, where it was read from a file
        made = _made.get()
        if made is not None:
            made.append(self)

    def __truediv__(self, name: str) -> Id:
        return Id(self, (check_name(name),))

    def __repr__(self) -> str:
        return f"<application {self.name}: {len(self.declarations)} components>"

    def moved(self, old: str, new: str) -> None:
        """Say that what had the id `old` has the id `new` now, with all below it: it keeps its physical names and data, and is not made anew.

        Ids are written as after the application's name: `app.moved("server/db", "server/customers")`. It may stay in the program for ever.
        """
        assert_startup("moved()")
        pair = tuple("/".join(check_name(name) for name in each.split("/")) for each in (old, new))
        self.moves.append((f"{self.name}/{pair[0]}", f"{self.name}/{pair[1]}"))

    def take(self, declaration: Declaration) -> None:
        """An id is taken. Raises `Conflict`, which names both places where it was."""
        id = declaration.id
        if id.app is not self:
            raise BadArgument(f"{id!r} is of another application than {self.name}")
        known = self.declarations.setdefault(str(id), declaration)
        if known is not declaration:
            raise Conflict(
                f"two components with one id, {id}: {known.kind_name} at {known.place}, and {declaration.kind_name} at {declaration.place}; "
                "give one of them another id"
            )


@contextmanager
def collected() -> Iterator[list[App]]:
    """The applications that are made meanwhile."""
    made: list[App] = []
    token = _made.set(made)
    try:
        yield made
    finally:
        _made.reset(token)


def place_of_caller() -> str:
    """The file and line of the nearest frame that is not this package's: where a program has made a component."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("remit.app"):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
