"""Text of a stranger's, as people may see it."""

from __future__ import annotations

import pytest

from remit.values import printable


@pytest.mark.parametrize("plain", ["", "plain", "ä \U0001f600 ß", "a  b", "\\x1b", "'quoted'"])
def test_plain_text_is_shown_as_it_is(plain: str) -> None:
    """Letters of any language, signs and blanks."""
    assert printable(plain) == plain


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb\x08c\x7f\0", "a\\rb\\x08c\\x7f\\x00"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("a\u2066b\u200fc\u200bd\ufeff", "a\\u2066b\\u200fc\\u200bd\\ufeff"),
        ("one\u2028two\x85three", "one\\u2028two\\x85three"),
        ("lone \ud800", "lone \\ud800"),
    ],
)
def test_what_tells_a_terminal_something_is_spelled_out(sent: str, shown: str) -> None:
    """Escapes, control characters, marks that turn text round or cannot be seen; with lines and without."""
    assert printable(sent) == printable(sent, lines=True) == shown


def test_lines_are_kept_where_they_may_be() -> None:
    """Elsewhere an end of line could begin a line that is none of ours."""
    assert printable("a\n\tb") == "a\\n\\tb"
    assert printable("a\n\tb", lines=True) == "a\n\tb"


def test_a_flood_is_cut() -> None:
    """Nobody needs a megabyte on the screen to see what is wrong."""
    shown = printable("x" * 1_000_000)
    assert len(shown) < 4100
    assert shown.endswith("… (1000000 characters in all)")
