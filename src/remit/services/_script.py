"""Configuration scripts: what a file of Preserves text says, as instructions that can be checked and run. Pure.

The forms are those of Synit's configuration language ("Configuration scripting language"):

    <record …>, {…}            assert it at the target        + = value, as `+= value`   assert any value
    [ … ]                      one after the other            $name instruction          at another target
    ! value                    send it as a message           ? pattern instruction      for each match
    ?? pattern instruction     for each matching message      ?- instruction             when the facet stops
    let ?x = expression        bind                           $v =~ pattern instruction rest…

Expressions: a template, `dataspace`, `facet`, `timestamp`, `scriptdir`, `stringify e`, `join separator list`. `<* $cap [caveat …]>` attenuates.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Self

from remit.errors import BadArgument
from remit.services._tree import children
from remit.values import Symbol, Tagged
from remit.values.preserves import Map, text

__all__ = [
    "Assert",
    "During",
    "Expression",
    "Instruction",
    "Let",
    "Match",
    "Misread",
    "OnMessage",
    "OnStop",
    "Send",
    "Sequence",
    "Target",
    "read",
    "shown",
    "variable_of",
    "walk",
]

_WORDS: Final = frozenset({"+=", "!", "?", "??", "?-", "let", "=", "=~"})


class Instruction:
    """One instruction; each kind says what it holds. Not changed once it is read.

    `path` leads to its first token: its number among the values of the file, and in each sequence on the way; () where it came from no text.
    """

    __slots__ = ("path",)

    path: tuple[int, ...]

    def __new__(cls, *_: Any) -> Self:
        made = super().__new__(cls)
        made.path = ()
        return made


class Assert(Instruction):
    """Assert what the template makes, for as long as the facet lasts."""

    __slots__ = ("template",)

    def __init__(self, template: Any) -> None:
        self.template = template


class Send(Instruction):
    """Send it as a message."""

    __slots__ = ("template",)

    def __init__(self, template: Any) -> None:
        self.template = template


class Sequence(Instruction):
    """One after the other; what `let` binds holds until the end."""

    __slots__ = ("steps",)

    def __init__(self, steps: list[Instruction]) -> None:
        self.steps = steps


class Target(Instruction):
    """The same at the object that a name is bound to."""

    __slots__ = ("name", "step")

    def __init__(self, name: str, step: Instruction) -> None:
        self.name = name
        self.step = step


class _Watching(Instruction):
    __slots__ = ("pattern", "step")

    def __init__(self, pattern: Any, step: Instruction) -> None:
        self.pattern = pattern
        self.step = step


class During(_Watching):
    """For each match, while it is there."""

    __slots__ = ()


class OnMessage(_Watching):
    """For each message that matches."""

    __slots__ = ()


class OnStop(Instruction):
    """When the facet stops."""

    __slots__ = ("step",)

    def __init__(self, step: Instruction) -> None:
        self.step = step


class Let(Instruction):
    """Bind what the pattern captures of the expression's value."""

    __slots__ = ("expression", "pattern")

    def __init__(self, pattern: Any, expression: Expression) -> None:
        self.pattern = pattern
        self.expression = expression


class Match(Instruction):
    """If the value of a name matches, the one; otherwise the rest of the sequence."""

    __slots__ = ("name", "pattern", "rest", "step")

    def __init__(self, name: str, pattern: Any, step: Instruction, rest: Sequence) -> None:
        self.name = name
        self.pattern = pattern
        self.step = step
        self.rest = rest


class Expression:
    """`kind` is template, dataspace, facet, timestamp, scriptdir, stringify or join; `parts` are its templates or expressions."""

    __slots__ = ("kind", "parts")

    def __init__(self, kind: str, parts: list[Any]) -> None:
        self.kind = kind
        self.parts = parts


class Tokens:
    """The values of a sequence, taken one by one. `path` leads to the sequence; `inner` is the one inside of it that is being read."""

    def __init__(self, values: list[Any], path: tuple[int, ...] = ()) -> None:
        self.values = values
        self.path = path
        self.at = 0
        self.inner: Tokens | None = None

    def last(self) -> tuple[int, ...]:
        """The path to the value that was read last, in the innermost sequence."""
        return (*self.path, max(0, self.at - 1)) if self.inner is None else self.inner.last()

    def more(self) -> bool:
        """Whether any are left."""
        return self.at < len(self.values)

    def peek(self) -> Any:
        """The next one, not taken; None at the end."""
        return self.values[self.at] if self.more() else None

    def take(self, why: str) -> Any:
        """The next one. Raises `BadArgument` where there is none."""
        if not self.more():
            raise BadArgument(f"the {'script' if not self.values else 'sequence'} ends where {why} should stand")
        self.at += 1
        return self.values[self.at - 1]


class Misread(BadArgument):
    """What spells no instruction; `path` leads to the value that was read last."""

    def __init__(self, message: str, path: tuple[int, ...]) -> None:
        super().__init__(message)
        self.path = path


def read(values: list[Any]) -> Sequence:
    """The instructions that these values spell. Raises `Misread`."""
    tokens = Tokens(values)
    try:
        return _sequence(tokens)
    except BadArgument as error:
        raise Misread(error.message, tokens.last()) from None


def _sequence(tokens: Tokens) -> Sequence:
    steps: list[Instruction] = []
    while tokens.more():
        first, path = tokens.peek(), (*tokens.path, tokens.at)
        name = variable_of(first)
        if name is not None and tokens.at + 1 < len(tokens.values) and tokens.values[tokens.at + 1] == Symbol("=~"):
            tokens.at += 2
            pattern = _pattern(tokens.take("the pattern of =~"))
            step = _instruction(tokens)
            steps.append(Match(name, pattern, step, _sequence(tokens)))
            steps[-1].path = path
        else:
            steps.append(_instruction(tokens))
    return Sequence(steps)


def _instruction(tokens: Tokens) -> Instruction:
    path = (*tokens.path, tokens.at)
    step = _one(tokens)
    step.path = path
    return step


def _one(tokens: Tokens) -> Instruction:
    path = (*tokens.path, tokens.at)
    value = tokens.take("an instruction")
    if isinstance(value, list):
        tokens.inner = Tokens(value, path)
        step = _sequence(tokens.inner)
        tokens.inner = None
        return step
    if isinstance(value, Symbol):
        return _worded(value.name, tokens)
    if _is_record(value) or isinstance(value, dict | Map):
        _template(value)
        return Assert(value)
    raise BadArgument(
        f"{shown(value)} is no instruction: records and dictionaries are asserted, += asserts other values"
    )


def _worded(word: str, tokens: Tokens) -> Instruction:
    if word == "+=":
        return Assert(_template(tokens.take("what += asserts")))
    if word == "!":
        return Send(_template(tokens.take("what ! sends")))
    if word in ("?", "??"):
        pattern = _pattern(tokens.take(f"the pattern of {word}"))
        step = _instruction(tokens)
        return During(pattern, step) if word == "?" else OnMessage(pattern, step)
    if word == "?-":
        return OnStop(_instruction(tokens))
    if word == "let":
        pattern = _pattern(tokens.take("the pattern of let"))
        equals = tokens.take("the = of let")
        if equals != Symbol("="):
            raise BadArgument(f"let is written `let ?x = expression`, and {shown(equals)} stands where the = should")
        return Let(pattern, _expression(tokens))
    if word.startswith("$") and len(word) > 1 and word != "$.":
        return Target(word[1:], _instruction(tokens))
    hint = "; a symbol is asserted by +=" if word not in _WORDS else ""
    raise BadArgument(f"{word!r} is no instruction{hint}")


def _expression(tokens: Tokens) -> Expression:
    value = tokens.take("an expression")
    word = value.name if isinstance(value, Symbol) else ""
    if word in ("dataspace", "facet", "timestamp", "scriptdir"):
        return Expression(word, [])
    if word == "stringify":
        return Expression(word, [_expression(tokens)])
    if word == "join":
        return Expression(word, [_expression(tokens), _expression(tokens)])
    return Expression("template", [_template(value)])


def _template(value: Any) -> Any:
    """Check that nothing is captured in it."""
    if isinstance(value, Symbol) and value.name.startswith("?") and len(value.name) > 1 and value.name not in _WORDS:
        raise BadArgument(
            f"{value.name} captures, and stands where a value is made: it is written ${value.name[1:]} there"
        )
    if isinstance(value, Tagged) and value.tag == "*" and isinstance(value.value, list):
        if len(value.value) != 2 or not isinstance(value.value[1], list):
            raise BadArgument(f"an attenuated reference is written <* $cap [caveat …]>, not {shown(value)}")
        return value
    for each in children(value):
        _template(each)
    return value


def _pattern(value: Any) -> Any:
    """Check that each name is captured once, and nothing stands in it that cannot be matched."""
    names = [name for name in _captured(value) if name]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise BadArgument(f"?{min(twice)} stands twice in the pattern {shown(value)}")
    return value


def _captured(value: Any) -> Iterator[str]:
    if isinstance(value, Symbol) and value.name.startswith("?") and len(value.name) > 1:
        yield value.name[1:]
    if isinstance(value, Tagged) and value.tag.startswith("?") and len(value.tag) > 1:
        yield value.tag[1:]
        if not isinstance(value.value, list) or len(value.value) != 1:
            raise BadArgument(f"<{value.tag} pattern> takes one pattern, not {shown(value)}")
    for each in children(value):
        yield from _captured(each)


def variable_of(value: Any) -> str | None:
    """The name behind the $ of a symbol."""
    if isinstance(value, Symbol) and value.name.startswith("$") and len(value.name) > 1:
        return value.name[1:]
    return None


def _is_record(value: Any) -> bool:
    return isinstance(value, Tagged) or (hasattr(value, "__record_label__") and not isinstance(value, Map))


def shown(value: Any) -> str:
    """A value as it is written, cut short."""
    written = text(value)
    return written if len(written) <= 80 else f"{written[:77]}…"


def walk(step: Instruction) -> Iterator[Instruction]:
    """An instruction and all within it."""
    yield step
    inner: list[Instruction] = []
    if isinstance(step, Sequence):
        inner = step.steps
    elif isinstance(step, Match):
        inner = [step.step, step.rest]
    elif isinstance(step, Target | During | OnMessage | OnStop):
        inner = [step.step]
    for each in inner:
        yield from walk(each)
