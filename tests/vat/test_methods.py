"""What an object answers: names, functions, arguments, guards and `@reads`. (docs/design.md, section 3)"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from remit.errors import BadArgument, Broken, Misuse, NoSuchMethod, NotPassable
from remit.values import Symbol, Tagged, record
from remit.vat import Ref, Vat, actor, actor_type, call, reads, send, tell
from tests.vat.kit import broken, run, settle


@record("tests.vat.money")
class Money:
    amount: int


@actor(kind="tests.many")
class Many:
    heard: list[Any] = []

    def deposit_gift(self, value: Any) -> Any:
        return ["gift", value]

    def break_(self, value: Any = None) -> Any:
        return ["break", value]

    def args(self, a: Any, b: Any = "b", *rest: Any, c: Any = "c", **more: Any) -> Any:
        return [a, b, list(rest), c, more]

    def needs(self, a: Any, *, k: Any) -> Any:
        return [a, k]

    def _hidden(self) -> str:
        return "secret"

    @staticmethod
    def static() -> str:
        return "static"

    @property
    def prop(self) -> str:
        return "prop"

    constant = 5

    def type_error(self, x: Any) -> Any:
        self.heard.append(x)
        return len(5)  # type: ignore[arg-type]


@actor(kind="tests.function")
class Function:
    def __call__(self, *args: Any) -> Any:
        return ["called", *args]

    def named(self, value: Any = None) -> Any:
        return ["named", value]


@actor(kind="tests.less")
class Less(Many):
    deposit_gift = None  # type: ignore[assignment]


@actor(kind="tests.guarded")
class Guarded:
    calls: list[str] = []

    def number(self, n: int) -> None:
        self.calls.append("number")

    def real(self, x: float) -> Any:
        return x

    def text(self, s: str, *, mark: bytes | None = None) -> None:
        self.calls.append("text")

    def list_of(self, items: list[int]) -> None:
        self.calls.append("list")

    def table(self, items: dict[str, list[str]]) -> None:
        self.calls.append("dict")

    def money(self, m: Money) -> Any:
        return m.amount

    def loose(self, r: Ref[Any], x: Unknown, y: Any, z: Literal["a"] = "a") -> str:  # type: ignore[name-defined]  # noqa: F821
        self.calls.append("loose")
        return "taken"

    def symbol(self, s: Symbol) -> None:
        self.calls.append("symbol")

    async def later(self, n: int) -> None:
        self.calls.append("later")

    def __call__(self, n: int) -> int:
        return n

    def made(self) -> list[str]:
        return self.calls


@actor(kind="tests.near-caller")
class NearCaller:
    def pass_on(self, to: Ref[Any], selector: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        return send(to, selector, *args, **kwargs)

    async def number(self, to: Ref[Guarded], n: Any) -> Any:
        return await send(to, "number", n)


@actor(kind="tests.reader")
class Reader:
    value: int = 0
    table: dict[str, int] = {}
    other: Any = None

    @reads
    def honest(self) -> int:
        return self.value

    @reads
    def dishonest(self) -> int:
        self.value += 1
        return self.value

    @reads
    def sly(self) -> None:
        self.table["a"] = 1

    @reads
    def by_another(self) -> None:
        call(self.other).write()

    @reads
    async def late(self) -> None:
        await self.other.honest()
        self.value = 9

    @reads
    async def before_await(self) -> None:
        self.value = 9
        await self.other.honest()

    def write(self) -> None:
        self.value = 5

    def try_it(self) -> str:
        try:
            call(self.other).dishonest()
        except Misuse:
            return "refused"
        return "done"


def many() -> Ref[Many]:
    return Vat().spawn(Many)


def test_names_that_are_not_pythons() -> None:
    """`deposit_gift` answers to "deposit-gift" too, and `break_` to "break"."""
    it = many()
    assert settle(send(it, "deposit-gift", 1)) == ["gift", 1]
    assert settle(it.deposit_gift(1)) == ["gift", 1]
    assert settle(send(it, "break", 2)) == ["break", 2]
    assert settle(it.break_(2)) == ["break", 2]


@pytest.mark.parametrize(
    "name", ["_hidden", "__init__", "__class__", "static", "prop", "constant", "heard", "", "-hidden"]
)
def test_only_public_methods_answer(name: str) -> None:
    """Underscored names, fields, properties and what is no method are not messages; the error names what is."""
    error = broken(send(many(), name))
    assert isinstance(error, NoSuchMethod)
    assert "deposit_gift" in error.message


def test_underscored_names_cannot_even_be_written() -> None:
    """`ref._name` is an AttributeError for every way of calling."""
    it = many()
    for way in (it, tell(it), call(it)):
        with pytest.raises(AttributeError):
            way._hidden


def test_a_method_taken_away_by_a_subclass_is_gone() -> None:
    """A subclass that sets a method to something else does not answer it any more, under any of its names."""
    it = Vat().spawn(Less)
    assert isinstance(broken(send(it, "deposit_gift", 1)), NoSuchMethod)
    assert isinstance(broken(send(it, "deposit-gift", 1)), NoSuchMethod)
    assert settle(it.break_(1)) == ["break", 1]


def test_an_object_can_be_a_function() -> None:
    """`ref(...)` calls it; a leading symbol names a method if there is one, as on the wire, and is an argument if not."""
    it = Vat().spawn(Function)
    assert settle(it(1, 2)) == ["called", 1, 2]
    assert settle(it()) == ["called"]
    assert settle(it(Symbol("named"), 3)) == ["named", 3]
    assert settle(it(Symbol("other"), 3)) == ["called", Symbol("other"), 3]
    assert settle(send(it, "other", 3)) == ["called", Symbol("other"), 3]
    assert isinstance(broken(many()(1)), NoSuchMethod)


def test_arguments_bind_as_pythons() -> None:
    """Defaults, keyword arguments, and stars mean what they mean in Python."""
    it = many()
    assert settle(it.args(1)) == [1, "b", [], "c", {}]
    assert settle(it.args(1, 2, 3, c=4, d=5)) == [1, 2, [3], 4, {"d": 5}]
    assert settle(it.args(b=2, a=1)) == [1, 2, [], "c", {}]
    assert settle(it.needs(1, k=2)) == [1, 2]


@pytest.mark.parametrize(
    ("selector", "args", "kwargs", "words"),
    [
        ("needs", [1], {}, "lacks 'k'"),
        ("needs", [], {"k": 1}, "lacks 'a'"),
        ("needs", [1, 2], {"k": 1}, "at most 1"),
        ("needs", [1], {"k": 1, "z": 1}, "no parameter 'z'"),
        ("needs", [1], {"k": 1, "a": 1}, "two values"),
        ("deposit_gift", [], {}, "lacks 'value'"),
        ("deposit_gift", [1, 2], {}, "at most 1"),
    ],
)
def test_arguments_that_do_not_fit(selector: str, args: list[Any], kwargs: dict[str, Any], words: str) -> None:
    """A wrong number or name of arguments breaks the promise as `BadArgument`, near and from outside alike."""
    it = many()
    near = it._vat.spawn(NearCaller).pass_on(it, selector, args, kwargs)
    for answer in (send(it, selector, *args, **kwargs), near):
        error = broken(answer)
        assert isinstance(error, BadArgument)
        assert words in error.message


def test_a_type_error_inside_is_not_a_bad_argument() -> None:
    """A TypeError of the method's own stays one, and its turn is undone."""
    it = many()
    assert broken(it.type_error(1)).kind == "TypeError"
    assert it._at.heard == []


@pytest.mark.parametrize(
    ("selector", "args", "kwargs"),
    [
        ("number", ["1"], {}),
        ("number", [True], {}),
        ("number", [1.0], {}),
        ("number", [None], {}),
        ("real", ["1"], {}),
        ("text", [b"x"], {}),
        ("text", ["x"], {"mark": "y"}),
        ("list_of", [[1, "2"]], {}),
        ("list_of", [{"a": 1}], {}),
        ("table", [{"a": [1]}], {}),
        ("money", [Tagged("other", [1])], {}),
        ("symbol", ["x"], {}),
        ("later", ["x"], {}),
        (None, ["x"], {}),
    ],
)
def test_guards_refuse_before_the_turn(selector: Any, args: list[Any], kwargs: dict[str, Any]) -> None:
    """From another vat, plain data that does not fit its annotation breaks the promise before the method runs."""
    it = Vat().spawn(Guarded)
    answer = it(*args) if selector is None else send(it, selector, *args, **kwargs)
    error = broken(answer)
    assert isinstance(error, BadArgument)
    assert "must be" in error.message
    assert settle(it.made()) == []


def test_guards_let_pass_what_fits() -> None:
    """What fits passes, an int as a float too, and so does whatever a guard knows nothing of."""
    it = Vat().spawn(Guarded)
    assert settle(it.real(1)) == 1
    assert settle(it.real(1.5)) == 1.5
    assert settle(it.money(Money(3))) == 3
    assert settle(it.loose(it, 1, [], z="not a")) == "taken"
    for answer in (
        it.number(1),
        it.text("x", mark=b"y"),
        it.text("x"),
        it.list_of([]),
        it.list_of([1]),
        it.table({"a": ["b"]}),
        it.symbol(Symbol("x")),
        it.later(1),
        it(1),
    ):
        settle(answer)


def test_guards_are_for_messages_from_elsewhere() -> None:
    """Within a vat annotations are the type checker's business; between two vats they are checked."""
    vat = Vat()
    it, caller, stranger = vat.spawn(Guarded), vat.spawn(NearCaller), Vat("other").spawn(NearCaller)
    settle(caller.number(it, "a word"))
    assert settle(it.made()) == ["number"]
    assert broken(stranger.number(it, "a word"), stranger._vat, vat).kind == "BadArgument"
    assert settle(stranger.number(it, 1), stranger._vat, vat) is None


def test_guards_hold_through_promises() -> None:
    """A message that takes a detour through a promise of its own vat is still from another vat."""
    here, there = Vat("here"), Vat("there")
    it = there.spawn(Guarded)
    caller, lender = here.spawn(NearCaller), there.spawn(Lender, it)
    error = broken(caller.number(lender.lend(), "a word"), here, there)
    assert isinstance(error, BadArgument)


@actor(kind="tests.lender")
class Lender:
    it: Ref[Guarded]

    def lend(self) -> Ref[Guarded]:
        return self.it


@pytest.mark.parametrize("name", ["dishonest", "sly", "by_another", "late", "before_await"])
def test_reads_methods_change_nothing(name: str) -> None:
    """A method marked `@reads` that changes state, its own or another object's, fails, and the change is undone."""
    vat = Vat()
    other = vat.spawn(Reader)
    it = vat.spawn(Reader, other=other)
    error = broken(send(it, name))
    assert error.kind == "Misuse"
    assert "@reads" in error.message
    assert (it._at.value, dict(it._at.table), other._at.value) == (0, {}, 0)
    assert settle(it.honest()) == 0


def test_reads_is_kept_in_calls() -> None:
    """`call` of such a method fails in the same way, and the caller may catch it."""
    vat = Vat()
    it = vat.spawn(Reader, other=vat.spawn(Reader))
    assert settle(it.try_it()) == "refused"


def test_only_marked_classes_are_readable() -> None:
    """Only a class with such marks can be attenuated to read-only."""
    assert actor_type(Reader).readable
    assert not actor_type(Many).readable
    assert [name for name, method in actor_type(Reader).methods.items() if method.reads and name == "honest"] == [
        "honest"
    ]


def test_a_field_may_not_hide_a_method() -> None:
    """A field with a method's name is an error where the class is made."""
    with pytest.raises(Misuse, match="named"):

        @actor(kind="tests.clash")
        class Clash(Many):
            deposit_gift: int = 0  # type: ignore[assignment]


def test_plain_classes_are_not_objects() -> None:
    """Only `@actor` classes can be spawned; a subclass needs the mark itself."""

    class Plain(Many):
        pass

    for cls in (object, Plain, int):
        with pytest.raises(Misuse, match="not an @actor class"):
            Vat().spawn(cls)


def test_names_in_errors_are_not_arguments() -> None:
    """A failing message is described without its arguments, which may be secrets."""
    seen: list[str] = []

    class Record:
        def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
            seen.append(where)

    vat = Vat(recorder=Record())
    run(vat)
    broken(vat.spawn(Many).needs("s3cret"))
    assert seen
    assert "s3cret" not in "".join(seen)
    assert "needs" in seen[0]
    with pytest.raises(NotPassable):
        vat.spawn(Many).args(object())
