"""Arguments of calls and options of machines, as they are written on a command line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import click
import pytest

from remit.cli._arguments import argument, pairs
from remit.values import same


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ada", "ada"),
        ("5", 5),
        ("2.5", 2.5),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ('{"a": [1]}', {"a": [1]}),
        ("", ""),
        ("{a", "{a"),
        ("ada@example.org", "ada@example.org"),
    ],
)
def test_an_argument_is_json_or_else_text(text: str, value: Any) -> None:
    """A number that is meant as text is written with its quotes."""
    assert same(argument(text), value)


def test_an_argument_comes_from_a_file(home: Path) -> None:
    """`@FILE`: what is secret, or long."""
    (home / "letter").write_text("Dear Ada,\n")
    (home / "table").write_text('{"a": 1}\n')
    assert argument("@letter") == "Dear Ada,\n"
    assert argument("@~/table") == {"a": 1}


def test_an_argument_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """`-`."""
    monkeypatch.setattr("sys.stdin", io.StringIO("[1, 2]"))
    assert argument("-") == [1, 2]


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"\xff", "not UTF-8")])
def test_a_file_that_cannot_be_read_is_wrong_usage(home: Path, content: bytes | None, why: str) -> None:
    """With the file's name and the reason."""
    if content is not None:
        (home / "x").write_bytes(content)
    with pytest.raises(click.BadParameter, match=rf"cannot read x: .*{why}"):
        argument("@x")


def test_options_are_pairs(home: Path) -> None:
    """What may come several times is a list; paths are absolute, since agents stand elsewhere."""
    given = ("size=4=5", "classes=a", "classes=b", "path=code", "path=/opt", "path=~/more", "empty=")
    assert pairs(given) == {
        "size": "4=5",
        "classes": ["a", "b"],
        "path": [str(home / "code"), "/opt", str(home / "more")],
        "empty": "",
    }


@pytest.mark.parametrize("given", [("size",), ("=4",), ("size=4", "size=5")])
def test_what_is_no_pair_or_contradicts_is_wrong_usage(given: tuple[str, ...]) -> None:
    """`KEY=VALUE`, each key once."""
    with pytest.raises(click.BadParameter, match="is not KEY=VALUE|is given twice"):
        pairs(given)
