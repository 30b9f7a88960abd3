"""Operations made by the grammar of CapTP, some right, most nearly so. (OCapN draft specification *CapTP*.)"""

from __future__ import annotations

from typing import Any, Final

from fuzz._tape import Tape
from fuzz._town import Town
from fuzz.values import integer, text, value
from remit.captp import Session
from remit.captp._crypto import key_value, signature_value
from remit.values import Locator, Record, Symbol, Tagged, encode

__all__ = ["operation"]

METHODS: Final = (
    *("increment", "echo", "keep", "held", "me", "child", "later", "settle", "part", "fail", "ask", "poke", "forget"),
    *("fulfill", "break", "fetch", "deposit-gift", "withdraw-gift", "op:flush", "_at", "__init__", "__class__", ""),
)
KWARGS: Final[tuple[Any, ...]] = (
    {},
    {"by": 2},
    {"by": "x"},
    {"self": 1},
    {"_x": 1},
    {"method": "increment"},
    {"": 1},
    5,
)
OPS: Final = (
    *("deliver", "deliver", "deliver", "deliver-only", "listen", "get", "index", "untag", "gc-exports", "gc-export"),
    *("gc-answers", "gc-answer", "abort", "start-session", "pick", ""),
)


def _record(label: str, *fields: Any) -> Record:
    return Record(Symbol(label), list(fields))


class Grammar:
    """Makes one message of the hostile node's to the victim; `session` is the victim's end."""

    def __init__(self, tape: Tape, town: Town, session: Session) -> None:
        self.tape = tape
        self.town = town
        self.session = session

    def position(self) -> Any:
        """One that may well be in use; or anything."""
        kind = self.tape.number(8)
        if kind < 5:
            return self.tape.number(8)
        if kind == 5:
            return self.tape.choose([*self.session.exports.by_position])
        return integer(self.tape) if kind == 6 else self.tape.choose((True, False, "1", -1, b"", None))

    def target(self) -> Any:
        """What a message goes to."""
        kind = self.tape.choose(("export", "export", "answer", "answer", "import-object", "import-promise", "x"))
        return _record(f"desc:{kind}", self.position()) if kind != "x" else self.argument(1)

    def resolver(self) -> Any:
        """Who is to be told."""
        kind = self.tape.choose(("import-object", "import-promise", "export", "no", "no", "x"))
        if kind == "no":
            return False
        return _record(f"desc:{kind}", self.position()) if kind != "x" else self.argument(1)

    def argument(self, depth: int = 3) -> Any:
        """Anything that may stand where a value may, or not."""
        kind = self.tape.number(9 if depth else 4)
        if kind < 3:
            return value(self.tape, 1)
        if kind == 3:
            label = self.tape.choose(("export", "answer", "import-object", "import-promise", "import"))
            return _record(f"desc:{label}", self.position())
        if kind == 4:
            return [self.argument(depth - 1) for _ in range(self.tape.number(4))]
        if kind == 5:
            return {text(self.tape): self.argument(depth - 1) for _ in range(self.tape.number(3))}
        if kind == 6:
            return Tagged(self.tape.choose(("kwargs", "remit.address", "x")), self.argument(depth - 1))
        return self.envelope() if kind == 7 else self.operation(depth - 1)

    def envelope(self) -> Record:
        """A signed give, or a signed receive around one; with at most one thing wrong, so that it gets far."""
        theirs, mine = self.town.theirs, self.session
        wrong = self.tape.number(14)
        exporter: Any = self.tape.choose(
            (self.town.c.locator, mine.location, theirs.location, Locator("remit", "nobody"))
        )
        gift = self.tape.choose((b"", b"g", b"g" * 32, self.tape.some(40)))
        session = self.town.honest if self.tape.flag() else mine
        give = [key_value(mine.key.public), exporter, session.id, session.remote_side, gift]
        if wrong < 5:
            give[wrong] = value(self.tape, 1)
        signed = self._signed(_record("desc:handoff-give", *give), theirs if wrong != 5 else self.town.honest)
        if self.tape.flag():
            return signed
        count: Any = integer(self.tape) if self.tape.flag() else self.tape.number(4)
        receive = [mine.id, mine.remote_side, count, signed]
        if 6 <= wrong < 10:
            receive[wrong - 6] = value(self.tape, 1)
        return self._signed(_record("desc:handoff-receive", *receive), mine if wrong != 10 else theirs)

    def _signed(self, record: Record, session: Session) -> Record:
        signature: Any = signature_value(session.key.sign(encode(record)))
        if self.tape.number(16) == 15:
            signature = value(self.tape, 1)
        return _record("desc:sig-envelope", record, signature)

    def numbers(self) -> Any:
        """What gc takes: a list of positions, or one."""
        if self.tape.number(6) == 5:
            return self.position()
        return [self.position() for _ in range(self.tape.number(5))]

    def arguments(self) -> list[Any]:
        """Method, values, and at times keyword arguments."""
        args = [Symbol(self.tape.choose(METHODS)), *(self.argument() for _ in range(self.tape.number(3)))]
        if self.tape.number(6) == 5:
            args.append(Tagged("kwargs", self.tape.choose(KWARGS)))
        return args if self.tape.number(12) != 11 else args[1:]

    def operation(self, depth: int = 3) -> Record:
        """One operation, rarely with a field too many or too few."""
        name = self.tape.choose(OPS)
        fields = self._fields(name)
        odd = self.tape.number(24)
        if odd == 23 and fields:
            fields.pop(self.tape.number(len(fields)))
        elif odd == 22:
            fields.insert(self.tape.number(len(fields) + 1), self.argument(1) if depth else None)
        return _record(f"op:{name}", *fields)

    def _fields(self, name: str) -> list[Any]:
        if name == "deliver":
            return [self.target(), self.arguments(), self.position() if self.tape.flag() else False, self.resolver()]
        if name == "deliver-only":
            return [self.target(), self.arguments()]
        if name == "listen":
            return [self.target(), self.resolver(), self.tape.flag()]
        if name in ("get", "index", "untag"):
            which: Any = self.tape.choose(("a", "b", "", 0, 1, -1, 10**30, "x", Symbol("a"), None))
            return [self.target(), which, self.position()]
        if name.startswith("gc-export"):
            return [self.numbers(), self.numbers()]
        if name.startswith("gc-answer"):
            return [self.numbers()]
        return [value(self.tape, 1)]


def operation(tape: Tape, town: Town, session: Session) -> bytes:
    """One message for this session of the victim's; b"" where the grammar made what nobody can write."""
    try:
        return encode(Grammar(tape, town, session).operation())
    except Exception:  # noqa: BLE001  # a value that is none, such as a struct's key that is no text
        return b""
