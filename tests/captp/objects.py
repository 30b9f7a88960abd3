"""Objects that the protocol tests talk to."""

from __future__ import annotations

from typing import Any

from remit.vat import Ref, actor, promise, spawn, this


@actor(kind="test.counter")
class Counter:
    """Counts, remembers, fails, hands itself and others out."""

    count: int = 0
    seen: list = []  # fields are copied for each object

    def increment(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def note(self, what: Any) -> int:
        self.seen.append(what)
        return len(self.seen)

    def notes(self) -> list[Any]:
        return list(self.seen)

    def echo(self, *args: Any, **kwargs: Any) -> list[Any]:
        return [list(args), kwargs]

    def me(self) -> Ref[Counter]:
        return this()

    def child(self) -> Ref[Counter]:
        return spawn(Counter)

    def fail(self) -> None:
        raise ValueError("as asked")

    def struct(self) -> dict[str, Any]:
        return {"name": "x", "list": [1, 2, 3]}

    async def ask(self, other: Ref[Any], by: int) -> int:
        return await other.increment(by)


@actor(kind="test.shelf")
class Shelf:
    """Holds one value, and promises of values to come."""

    value: Any = None
    resolver: Any = None

    def put(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def later(self) -> Any:
        made, self.resolver = promise()
        return made

    def fulfil(self, value: Any) -> None:
        self.resolver.fulfill(value)

    def break_it(self, why: str) -> None:
        self.resolver.break_(why)
