"""What the tests of durable vats share: an object that can be changed in every way, and stores that tell or wait."""

from __future__ import annotations

import threading
from typing import Any

from remit.durable import Batch, DurableVat, MemoryStore, Snapshot
from remit.vat import Ref, TurnDict, TurnList, TurnSet, actor, become, call, promise, resolved, send, spawn, tell, this


@actor(kind="test.box", version=1)
class Box:
    """Holds anything, and is changed by scripts: `edit(["table", "a"], "append", 1)`."""

    value: Any = None
    items: list[Any] = []
    table: dict[Any, Any] = {}
    tags: set[Any] = set()

    def set(self, value: Any) -> None:
        self.value = value

    def get(self) -> Any:
        return self.value

    def edit(self, path: list[Any], op: str, *args: Any) -> None:
        target = getattr(self, path[0])
        for step in path[1:]:
            target = target[step]
        if op not in ("replace", "tags") and not isinstance(target, list | dict | set):
            raise TypeError(f"{path} is no container")
        if op == "set":
            target[args[0]] = args[1]
        elif op == "del":
            del target[args[0]]
        elif op == "slice":
            target[args[0] : args[1]] = args[2]
        elif op == "replace":
            setattr(self, path[0], args[0])
        elif op == "tags":
            self.tags = set(args[0])
        else:
            getattr(target, op)(*args)

    def edits(self, steps: list[list[Any]]) -> None:
        for path, op, *args in steps:
            self.edit(path, op, *args)

    def child(self) -> Ref[Box]:
        self.value = spawn(Box)
        return self.value

    def spawn_idle(self) -> Ref[Box]:
        return spawn(Box)

    def fail_after(self, value: Any) -> None:
        self.value = value
        raise ValueError("as asked")

    def call_set(self, other: Ref[Box], value: Any) -> None:
        call(other).set(value)

    def call_fail(self, other: Ref[Box], value: Any) -> None:
        try:
            call(other).fail_after(value)
        except Exception:
            self.value = "caught"

    def turn_into(self, text: str) -> None:
        become(Stone(text))

    def later(self) -> None:
        self.value, _ = promise()

    def made(self, value: Any) -> None:
        self.value, resolver = promise()
        tell(resolver).fulfill(value)

    async def steps(self, other: Ref[Any]) -> Any:
        self.value = "before"
        answer = await other.get()
        self.value = ["after", answer]
        return answer

    def pass_on(self, other: Ref[Any], value: Any) -> None:
        self.value = value
        tell(other).set(value)

    def myself(self) -> Ref[Box]:
        return this()


@actor(kind="test.stone", version=1)
class Stone:
    text: str

    def get(self) -> str:
        return self.text


def plain(value: Any) -> Any:
    """Containers of vats as built-in ones."""
    if isinstance(value, TurnDict):
        return {name: plain(entry) for name, entry in value.items()}
    if isinstance(value, TurnList):
        return [plain(entry) for entry in value]
    return set(value) if isinstance(value, TurnSet) else value


def picture(kept: DurableVat, value: Any) -> Any:
    """A value to be compared: by kind, and references by their objects' ids."""
    if isinstance(value, dict):
        return "dict", sorted((repr(name), picture(kept, entry)) for name, entry in value.items())
    if isinstance(value, set):
        return "set", sorted(repr(picture(kept, entry)) for entry in value)
    if isinstance(value, list):
        return "list", [picture(kept, entry) for entry in value]
    if isinstance(value, Ref):
        return "object", kept.id_of(value)
    return type(value).__name__, repr(value)


def state(kept: DurableVat, ref: Any) -> Any:
    """A box's fields, to be compared."""
    return {name: picture(kept, getattr(ref._at, name)) for name in ref._at._remit_.fields}


class Spy:
    """A memory store that remembers each batch; `reopen` as a restarted process would."""

    def __init__(self, inner: MemoryStore | None = None) -> None:
        self.inner = inner or MemoryStore()
        self.commits: list[Batch] = []

    def load(self) -> Snapshot:
        return self.inner.load()

    def commit(self, batch: Batch) -> None:
        self.commits.append(batch)
        self.inner.commit(batch)

    def close(self) -> None:
        self.inner.close()

    def reopen(self) -> Spy:
        return Spy(self.inner.reopen())

    def take(self) -> list[Batch]:
        taken, self.commits = self.commits, []
        return taken


class Gated(Spy):
    """A store whose commits wait for the test: `allow(n)` lets so many through, with an error if one is given."""

    def __init__(self, inner: MemoryStore | None = None) -> None:
        super().__init__(inner)
        self.error: Exception | None = None
        self.asked = 0
        self._gate = threading.Semaphore(0)
        self.shut = False

    def commit(self, batch: Batch) -> None:
        self.asked += 1
        if self.shut and not self._gate.acquire(timeout=20):
            raise AssertionError("the test never let this commit through")
        if self.error is not None:
            raise self.error
        super().commit(batch)

    def allow(self, commits: int = 1) -> None:
        self._gate.release(commits)


def opened(store: Any, **options: Any) -> DurableVat:
    options.setdefault("roots", {"main": (Box,)})
    kept = DurableVat.open(store, classes=[Box, Stone], **options)
    if isinstance(store, Gated):
        kept._keeper.pace.limit = 0.0  # commits that wait for the test wait in the writer's thread
    return kept


def do(kept: DurableVat, ref: Any, selector: str, *args: Any) -> Any:
    """Send, run, and give the result."""
    made = send(ref, selector, *args)
    kept.vat.run()
    return resolved(made)
