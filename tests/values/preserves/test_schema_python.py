"""Schemas as Python modules: the source is laid out as the house's own, its types hold, and it does what the schema says."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from remit.errors import BadArgument
from remit.values import Symbol, Tagged, decode, same
from remit.values import encode as syrup
from remit.values.preserves import Map, parse, schema
from tests.house.source import SRC, TOP

CHAT = r"""
version 1 .
# Somebody is here.
Present = <test.python.Present @who string @from int @bytes bytes> .
# Says "something",
# and \ more.
Says = <test.python.Says @who string @what Content> .
Event = Present / Says / @beep =beep / @on bool .
Content = @text string / @parts [Content ...] / @quote <quote @of [shapes.Point ...]> .
Table = {symbol: Event ...:...} .
Names = #{string} .
Fixed = 5 .
Same = <test.python.Same @a any> .
Twice = @first <test.python.twice @a 7 @b <<lit> [1]> @c 1.5> / @other <test.python.twice> .
Any = any .
Nothing = @n <<lit> <void>> / @s =sym .
"""
SHAPES = "version 1 . Point = [@x double @y double] . Path = <<rec> @label symbol @points [Point ...]> ."

PROGRAM = """
from generated import chat, shapes
from generated.chat import Content, Event

def words(content: Content) -> int:
    if isinstance(content, str):
        return len(content)
    if isinstance(content, list):
        return sum(words(each) for each in content)
    return int(sum(point.x for point in content.of))

def who(event: Event) -> str:
    match event:
        case chat.Present(who=name) | chat.Says(who=name):
            return name
    return ""

reveal_type(chat.parse_event(5))
reveal_type(chat.Says("a", "b").what)
reveal_type(chat.parse_table({}))
chat.Says(5, "b")
shapes.Point(1.0)
"""
REVEALED = [
    "generated.chat.Present | generated.chat.Says | remit.values._data.Symbol | bool",
    "str | list[...",
    "Mapping[remit.values._data.Symbol, generated.chat.Present | generated.chat.Says",
    'Argument 1 to "Says" has incompatible type "int"; expected "str"',
    'Missing positional argument "y" in call to "Point"',
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a package of two generated modules."""
    top = tmp_path_factory.mktemp("python")
    package = top / "generated"
    package.mkdir()
    (package / "__init__.py").touch()
    texts = {"chat": CHAT, "shapes": SHAPES}
    for name, source in texts.items():
        loaded = schema.load(source, name=name, modules=texts.__getitem__)
        (package / f"{name}.py").write_text(schema.python_source(loaded), encoding="utf-8")
    return top


@pytest.fixture(scope="module")
def chat(place: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(place))
    try:
        yield importlib.import_module("generated.chat")
    finally:
        sys.path.remove(str(place))


def test_a_generated_module_parses_and_unparses(chat: ModuleType) -> None:
    """Its functions give instances of its classes, and values back; other generated modules' classes are used, too."""
    value = parse('<test.python.Says "alice" <quote [[1.0 2.0]]>>')
    says = chat.parse_event(value)
    assert type(says) is chat.Says
    point = importlib.import_module("generated.shapes").Point
    assert says == chat.Says("alice", chat.ContentQuote([point(1.0, 2.0)]))
    assert same(chat.unparse_event(says), value)
    assert chat.parse_table(parse("{a: beep}")) == Map({Symbol("a"): Symbol("beep")})
    with pytest.raises(BadArgument, match="no chat.Event"):
        chat.parse_event(5)


def test_decoding_gives_the_generated_classes(chat: ModuleType) -> None:
    """Labels that the schema uses once are its classes' own; those that it uses twice are nobody's."""
    assert type(decode(syrup(chat.Same(5)))) is chat.Same
    assert type(decode(syrup(chat.TwiceFirst(7, [1], 1.5)))) is Tagged
    local = schema.python_source(chat.SCHEMA, known=False)
    assert local.count("@record(") == local.count(", known=False)")


def test_descriptions_become_docstrings(chat: ModuleType) -> None:
    """With their quotes and backslashes."""
    assert chat.Present.__doc__ == "Somebody is here."
    assert chat.Says.__doc__ is not None
    assert chat.Says.__doc__.split("\n")[0] == 'Says "something",'
    assert "and \\ more." in chat.Says.__doc__


def test_nothing_in_a_generated_module_is_hidden() -> None:
    """What a comment of the schema holds of control characters and marks of direction is spelled out."""
    loaded = schema.load('version 1 .\n# a\0b\u202ec """\nX = <test.python.hidden @\'a\u200bb\' any> .')
    source = schema.python_source(loaded)
    assert source.replace("\n", "").isprintable()
    names: dict[str, object] = {"__name__": "generated.hidden"}
    exec(source, names)
    assert schema.schema_value(names["SCHEMA"]) == schema.schema_value(loaded)  # type: ignore[arg-type]


def test_a_module_of_every_form_is_python(place: Path) -> None:
    """The metaschema's module, too, can be imported, and describes the metaschema."""
    source = schema.python_source(schema.metaschema(), known=False)
    names: dict[str, object] = {"__name__": "generated.meta"}
    exec(source, names)
    meta = schema.metaschema()
    value = schema.schema_value(meta)
    parsed = names["parse_schema"](value)  # type: ignore[operator]
    assert type(parsed) is names["Schema"] and same(names["unparse_schema"](parsed), value)  # type: ignore[operator]


def test_the_source_is_laid_out_as_the_house_does(place: Path) -> None:
    """Ruff's formatter has nothing to change."""
    command = [str(Path(sys.executable).parent / "ruff"), "format", "--check", "--config", str(TOP / "pyproject.toml")]
    done = subprocess.run([*command, str(place / "generated")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_type_checkers_understand_it(place: Path) -> None:
    """mypy --strict finds nothing in the modules, knows what parsing gives, and refuses wrong fields."""
    (place / "program.py").write_text(PROGRAM, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        "--no-error-summary",
        "--follow-imports=silent",
    ]
    done = subprocess.run(
        [*command, "generated", "program.py"],
        cwd=place,
        env={**os.environ, "MYPYPATH": str(SRC)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith("program.py")] == []
    assert len(lines) == len(REVEALED), done.stdout
    for line, expected in zip(lines, REVEALED, strict=True):
        assert expected in line.replace("typing.", "")
