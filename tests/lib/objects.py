"""Objects and helpers that several tests of `remit.lib` use."""

from __future__ import annotations

from typing import Any

from remit.lib import FREE, Attenuation, Membrane, keyed
from remit.vat import Failed, Promise, Ref, Vat, actor, final, promise, reads, spawn, this


@actor(kind="test.table", version=1)
class Table:
    """A service with reading methods, keys, and others to be had from it."""

    rows: dict[str, Any] = {}
    heard: list[Any] = []

    @reads
    @keyed("name")
    def get(self, name: str) -> Any:
        return self.rows.get(name)

    @keyed("name")
    def put(self, name: str, value: Any) -> None:
        self.rows[name] = value

    @keyed("old", "new")
    def rename(self, old: str, new: str) -> None:
        self.rows[new] = self.rows.pop(old)

    @reads
    def size(self) -> int:
        return len(self.rows)

    @reads
    def me(self) -> Ref[Any]:
        return this()

    @reads
    def part(self) -> Ref[Any]:
        return spawn(Table)

    def deposit_gift(self, gift: Any) -> Any:
        self.heard.append(gift)
        return gift

    def fail(self) -> None:
        raise ValueError("no such luck")

    def echo(self, *values: Any, **named: Any) -> Any:
        return [list(values), named]


@actor(kind="test.party", version=1)
class Party:
    """Keeps what it is given, gives it back, and calls it."""

    held: dict[str, Any] = {}
    log: list[Any] = []

    def keep(self, name: str, value: Any) -> None:
        self.held[name] = value

    def give(self, name: str) -> Any:
        return self.held[name]

    def note(self, *what: Any) -> int:
        self.log.append(list(what))
        return len(self.log)

    def me(self) -> Ref[Any]:
        return this()

    async def ask(self, other: Any, *args: Any) -> Any:
        return await other.note(*args)

    def later(self, name: str) -> Any:
        made, resolver = promise()
        self.held[name] = resolver
        return made

    def settle(self, name: str, value: Any) -> None:
        self.held[name].fulfill(value)


def outcome(vat: Vat, promised: Ref[Any]) -> Any:
    """Run the vat until nothing is left to do; what the promise became: a value, a reference, an error, or the promise itself."""
    vat.run()
    if not isinstance(promised, Promise):
        return promised
    end = final(promised)
    if isinstance(end._value, Failed):
        return end._value.error
    return end if repr(end).startswith("<promise in") else end._value


def granted(vat: Vat, target: Ref[Any], attenuation: Attenuation = FREE, **more: Any) -> tuple[Any, Any]:
    """A membrane and its root."""
    made = vat.spawn(Membrane, target, attenuation, **more)
    return made, outcome(vat, made.root())
