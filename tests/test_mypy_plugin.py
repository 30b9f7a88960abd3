"""Static types of references: what mypy with `remit.mypy_plugin` says about small programs.

In a snippet, `# -> T` at the end of a line is the type that `reveal_type` shows there, and `# E: text` a part of the error
that the line has; every other line must have none.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.source import SRC

PRELUDE = """
from __future__ import annotations
from typing import Any, overload
from remit import Promise, Ref, Vat, actor, call, field, promise, reads, send, spawn, tell, this

@actor
class Counter:
    count: int = 0
    peer: Ref[Counter] | None = None

    def increment(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def reset(self) -> None:
        self.count = 0

    async def later(self, word: str) -> str:
        return word

    def twin(self) -> Ref[Counter]:
        return spawn(Counter)

    async def slow_twin(self) -> Ref[Counter]:
        return spawn(Counter)

    def relayed(self) -> Promise[int]:
        return self.twin().increment()

    def maybe(self) -> Ref[Counter] | None:
        return self.peer

    def meet(self, other: Ref[Counter], name: str = "") -> bool:
        return other is self.peer

    def pair(self) -> tuple[int, str]:
        return 1, ""

    def many(self) -> tuple[int, ...]:
        return (1,)

    @reads
    def look(self) -> int:
        return self.count

    def anything(self) -> Any:
        return 1

    @overload
    def get(self, name: str) -> str: ...
    @overload
    def get(self, name: int) -> int: ...
    def get(self, name: str | int) -> str | int:
        return name

    def __call__(self, a: int) -> str:
        return ""

    def _private(self) -> int:
        return 1
"""

SNIPPETS = {
    "a method gives a promise of its result": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.increment(2))  # -> Promise[int]
    reveal_type(ref.increment())  # -> Promise[int]
    reveal_type(ref.increment(by=2))  # -> Promise[int]
    reveal_type(ref.reset())  # -> Promise[None]
    reveal_type(ref.look())  # -> Promise[int]
    reveal_type(ref.anything())  # -> Promise[Any]
""",
    "arguments are checked": """
def use(ref: Ref[Counter]) -> None:
    ref.increment("2")  # E: Argument 1 to "increment" of "Counter" has incompatible type "str"; expected "int"
    ref.increment(1, 2)  # E: Too many arguments
    ref.increment(to=2)  # E: Unexpected keyword argument "to"
    ref.later()  # E: Missing positional argument "word"
    tell(ref).increment("2")  # E: incompatible type "str"
    call(ref).increment("2")  # E: incompatible type "str"
""",
    "an async method gives a promise of what it returns": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.later("a"))  # -> Promise[str]
    reveal_type(ref.slow_twin())  # -> Promise[Ref[Counter]]
""",
    "awaiting gives the value": """
async def use(ref: Ref[Counter]) -> None:
    reveal_type(await ref.increment())  # -> int
    reveal_type(await ref.twin())  # -> Ref[Counter]
    reveal_type(await ref)  # -> Ref[Counter]
    reveal_type(await (await ref.slow_twin()).later("a"))  # -> str
""",
    "tell gives nothing": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(tell(ref).increment(2))  # -> None
    reveal_type(tell(ref).later("a"))  # -> None
    reveal_type(tell(ref.twin()).increment(2))  # -> None
    n: int = tell(ref).increment()  # E: expression has type "None", variable has type "int"
""",
    "call gives the plain result": """
def use(ref: Ref[Counter], got: Promise[Ref[Counter]]) -> None:
    reveal_type(call(ref).increment(2))  # -> int
    reveal_type(call(ref).twin())  # -> Ref[Counter]
    reveal_type(call(got).increment())  # -> int
    call(ref).later("a")  # E: "later" is async and cannot be called at once: send instead
""",
    "messages to a promised reference are those of its object": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.twin())  # -> Promise[Ref[Counter]]
    reveal_type(ref.twin().increment())  # -> Promise[int]
    reveal_type(ref.twin().slow_twin().later("x"))  # -> Promise[str]
    ref.twin().increment("1")  # E: incompatible type "str"
    ref.twin().decrement()  # E: "Counter" has no attribute "decrement"
""",
    "a promise of a promise is a promise": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.relayed())  # -> Promise[int]
""",
    "unknown methods are errors": """
def use(ref: Ref[Counter]) -> None:
    ref.incremnt()  # E: "Counter" has no attribute "incremnt"; maybe "increment"?
    tell(ref).incremnt()  # E: "Counter" has no attribute "incremnt"
    call(ref).incremnt()  # E: "Counter" has no attribute "incremnt"
""",
    "fields and private names cannot be reached": """
def use(ref: Ref[Counter]) -> None:
    ref.count  # E: "count" is a field of "Counter": only its methods can be reached through a reference
    ref.peer  # E: "peer" is a field of "Counter"
    ref._private()  # E: "_private" begins with an underscore: it can never be called from outside
    tell(ref)._private()  # E: "_private" begins with an underscore
""",
    "data takes no messages": """
def use(ref: Ref[Counter]) -> None:
    ref.increment().bit_length()  # E: this promise may become "int", which takes no messages: await it
    ref.maybe().increment()  # E: this promise may become "None", which takes no messages: await it
""",
    "a promised reference may be given for a reference": """
def use(ref: Ref[Counter]) -> None:
    ref.meet(ref)
    ref.meet(ref.twin())
    ref.meet(ref.slow_twin(), "x")
    ref.meet(ref.increment())  # E: incompatible type "Promise[int]"
    ref.meet(ref, 3)  # E: Argument 2 to "meet" of "Counter" has incompatible type "int"; expected "str"
""",
    "tuples arrive as lists": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.pair())  # -> Promise[list[int | str]]
    reveal_type(ref.many())  # -> Promise[list[int]]
    reveal_type(call(ref).many())  # -> list[int]
""",
    "an object that is a function": """
def use(ref: Ref[Counter], got: Promise[Ref[Counter]]) -> None:
    reveal_type(ref(1))  # -> Promise[str]
    reveal_type(got(1))  # -> Promise[str]
    reveal_type(tell(ref)(1))  # -> None
    reveal_type(call(ref)(1))  # -> str
    ref("1")  # E: incompatible type "str"; expected "int"
""",
    "overloads stay": """
def use(ref: Ref[Counter]) -> None:
    reveal_type(ref.get("a"))  # -> Promise[str]
    reveal_type(ref.get(1))  # -> Promise[int]
    ref.get(b"")  # E: No overload variant of "get" of "Counter" matches argument type "bytes"
""",
    "references to Any stay unchecked": """
def use(ref: Ref[Any], got: Promise[Any]) -> None:
    reveal_type(ref.whatever(1))  # -> Promise[Any]
    reveal_type(got.whatever(1))  # -> Promise[Any]
    reveal_type(tell(ref).whatever(1))  # -> None
    reveal_type(call(ref).whatever(1))  # -> Any
    reveal_type(send(ref, "deposit-gift", 1))  # -> Promise[Any]

def free(ref: Any) -> None:
    reveal_type(ref.whatever(1))  # -> Any
    reveal_type(tell(ref).whatever(1))  # -> None
    reveal_type(call(ref).whatever(1))  # -> Any
""",
    "spawning checks the constructor": """
async def use() -> None:
    async with Vat() as vat:
        reveal_type(vat.spawn(Counter))  # -> Ref[Counter]
        reveal_type(vat.spawn(Counter, 3))  # -> Ref[Counter]
        vat.spawn(Counter, "3")  # E: incompatible type "str"; expected "int"
        vat.spawn(Counter, total=3)  # E: Unexpected keyword argument "total"

@actor
class Maker:
    def make(self, start: int) -> Ref[Counter]:
        spawn(Counter, "3")  # E: incompatible type "str"; expected "int"
        return spawn(Counter, start)
""",
    "a field with a factory has a default": """
@actor
class Table:
    name: str
    rows: dict[str, int] = field(dict)
    notes: list[str] = field(factory=list)

def use(vat: Vat) -> None:
    reveal_type(vat.spawn(Table, "t"))  # -> Ref[Table]
    vat.spawn(Table)  # E: Missing positional argument "name"
    vat.spawn(Table, "t", {"a": ""})  # E: Dict entry 0 has incompatible type "str": "str"; expected "str": "int"
""",
    "a union of references takes the messages of both": """
@actor
class Other:
    def increment(self, by: int = 1) -> str:
        return ""

def use(ref: Ref[Counter] | Ref[Other], none: Ref[Counter] | None) -> None:
    reveal_type(ref.increment(1))  # -> Promise[int] | Promise[str]
    none.increment()  # E: Item "None" of "Ref[Counter] | None" has no attribute "increment"
    if none is not None:
        reveal_type(none.increment())  # -> Promise[int]
""",
    "an object that becomes another takes the messages of both": """
@actor
class Pending:
    def look(self) -> str:
        return ""

    def go(self) -> None: ...

def use(ref: Ref[Pending | Counter]) -> None:
    reveal_type(ref.look())  # -> Promise[str] | Promise[int]
    reveal_type(ref.increment())  # -> Promise[int]
    reveal_type(call(ref).look())  # -> str | int
    tell(ref).go()
    ref.nothing()  # E: "Pending" has no attribute "nothing"
""",
    "a bound type variable takes the messages of its bound": """
from typing import Generic, Protocol, TypeVar

class Counts(Protocol):
    def increment(self, by: int = 1) -> int: ...

C = TypeVar("C", bound=Counts)
R = TypeVar("R", bound=Ref[Counter])

def use(ref: Ref[C], other: R, any: Ref[Counts]) -> None:
    reveal_type(ref.increment())  # -> Promise[int]
    reveal_type(other.increment())  # -> Promise[int]
    reveal_type(any.increment())  # -> Promise[int]
""",
    "generic classes keep their arguments": """
from typing import Generic, TypeVar

T = TypeVar("T")

@actor
class Cell(Generic[T]):
    value: T

    def get(self) -> T:
        return self.value

    def put(self, value: T) -> None:
        self.value = value

def use(ref: Ref[Cell[int]], refs: Ref[Cell[Ref[Counter]]]) -> None:
    reveal_type(ref.get())  # -> Promise[int]
    ref.put("a")  # E: incompatible type "str"; expected "int"
    reveal_type(refs.get().increment())  # -> Promise[int]
""",
}

NAMES = {name: f"snippet_{number}.py" for number, name in enumerate(SNIPPETS)}
LINE = re.compile(r"(?P<file>[^:]+):(?P<line>\d+): (?P<kind>error|note): (?P<text>.*?)(?:  \[[\w-]+\])?")
REVEALED = re.compile(r'Revealed type is "(?P<type>.*)"')


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, list[str]]]:
    """What one run of mypy says about all snippets: for each file, each line's errors and revealed types."""
    place = tmp_path_factory.mktemp("snippets")
    for name, text in SNIPPETS.items():
        (place / NAMES[name]).write_text(PRELUDE + text, encoding="utf-8")
    (place / "mypy.ini").write_text("[mypy]\nplugins = remit.mypy_plugin\nstrict = true\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", *NAMES.values()]
    environment = {**os.environ, "MYPYPATH": str(SRC), "PYTHONPATH": str(SRC)}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 1, done.stdout + done.stderr  # some of the snippets are wrong on purpose
    found: dict[str, dict[int, list[str]]] = {file: {} for file in NAMES.values()}
    for line in done.stdout.splitlines():
        if match := LINE.fullmatch(line):
            revealed = REVEALED.fullmatch(match["text"])
            if revealed or match["kind"] == "error":
                text = f"-> {short(revealed['type'])}" if revealed else f"E: {match['text']}"
                found.setdefault(Path(match["file"]).name, {}).setdefault(int(match["line"]), []).append(text)
    assert found.keys() == set(NAMES.values()), done.stdout
    return found


def short(name: str) -> str:
    """A type without the modules that its parts are in."""
    name = re.sub(
        r"Union\[(?P<items>[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]",
        lambda match: match["items"].replace(", ", " | "),
        name,
    )
    return re.sub(r"\b(?:\w+\.)+(?=\w)", "", name).replace("`-1", "")


@pytest.mark.parametrize("name", SNIPPETS)
def test_types(said: dict[str, dict[int, list[str]]], name: str) -> None:
    """Each line has the type or the error written beside it, and no other."""
    got = said[NAMES[name]]
    for number, line in enumerate((PRELUDE + SNIPPETS[name]).splitlines(), 1):
        _, mark, wanted = line.partition("  # ")
        texts = got.pop(number, [])
        if not mark:
            assert texts == [], f"line {number}: {line}"
        elif wanted.startswith("-> "):
            assert texts == [wanted], f"line {number}: {line}"
        else:
            assert len(texts) == 1 and wanted.removeprefix("E: ") in texts[0], f"line {number}: {line}\n{texts}"
    assert got == {}
