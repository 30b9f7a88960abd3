"""The shell library: texts into Preserves and out of it, values into their items, and how the library itself is kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house.source import TOP
from tests.shell.kit import LIBRARY, PATIENCE, bash

EACH = "while IFS= read -r -d '' value; do {}; printf '%s\\0' \"$REPLY\"; done"
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
AWKWARD = [
    "",
    'he said "no"',
    "back\\slash \\\\ \\u0041 \\n",
    "two\nlines\r\n\ttab \x01\x1b[31m\x7f",
    '"> 1>]]\n[[0 <A <evil> 2>]]',
    "$(touch /tmp/x) `id` ${HOME} $((1/0)) & * ? ~ !",
    "# no comment @ : ; ' #:[0 0]",
    "naïve 😀 \u2028 \ufeff",
]


def each(function: str, values: list[str]) -> list[str]:
    """What a function answers for each of these values, in one bash."""
    stdin = b"".join(value.encode() + b"\0" for value in values)
    return [answer.decode() for answer in bash(EACH.format(function), stdin=stdin).split(b"\0")[:-1]]


@settings(max_examples=15, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=30))
def test_any_text_becomes_one_string_and_comes_back(texts: list[str]) -> None:
    """Whatever a user types is one String of Preserves, written as in JSON, on one line: nothing in it is read as anything else."""
    texts = [*AWKWARD, *texts]
    quoted = each('syndicate_quote "$value"', texts)
    assert [json.loads(text) for text in quoted] == texts
    assert not any(char < " " for text in quoted for char in text)
    assert each('syndicate_text "$value"', quoted) == texts


def test_strings_as_others_write_them_are_read() -> None:
    """Every escape of JSON, pairs of surrogates included; a NUL, which no shell variable can hold, is shown as unknown."""
    written = [json.dumps(text) for text in AWKWARD] + [
        '"\\/\\b\\f\\n\\r\\t\\"\\\\"',
        '"a\\u0000b"',
        "'a \\' symbol'",
        "17",
    ]
    read = [*AWKWARD, '/\b\f\n\r\t"\\', "a\ufffdb", "a ' symbol", "17"]
    assert each('syndicate_text "$value"', written) == read


def test_text_that_is_no_text_is_refused() -> None:
    """What is not UTF-8 would end the session; it is refused before it is sent."""
    for bad in (b"\xc3", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xff"):
        script = 'IFS= read -r -d "" x || :; ! syndicate_quote "$x" 2>/dev/null && echo refused'
        assert bash(script, stdin=bad) == b"refused\n"


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("[]", []),
        ('["a b" 1, 2.5 #t sym]', ['"a b"', "1", "2.5", "#t", "sym"]),
        ('<present "x]>" <inner [1 {a: 2}]>>', ["present", '"x]>"', "<inner [1 {a: 2}]>"]),
        ('{a: #:[1 2], "b":#{3 4}}', ["a", "#:[1 2]", '"b"', "#{3 4}"]),
        ("[#x\"a0\" #\"raw \\\"]\" #[YQ==] #xd\"7ff0000000000000\" 'q \\' ]' -5 +x]",
         ['#x"a0"', '#"raw \\"]"', "#[YQ==]", '#xd"7ff0000000000000"', "'q \\' ]'", "-5", "+x"]),
        ('["' + "x" * 5000 + '" 1]', ['"' + "x" * 5000 + '"', "1"]),
        ("[" + "[1 2] " * 400 + "]", ["[1 2]"] * 400),
    ],
)  # fmt: skip
def test_a_value_is_split_into_its_items(value: str, items: list[str]) -> None:
    """Sequences, sets, dictionaries and records, whatever stands inside: each item as it is written."""
    out = bash('IFS= read -r -d "" v || :; syndicate_items "$v"; printf "%s\\0" "${ITEMS[@]}"', stdin=value.encode())
    assert [item.decode() for item in out.split(b"\0")[:-1]] == (items or [""])


@pytest.mark.parametrize("value", ["17", '"text"', "[1 2", '["open', "<a", ""])
def test_what_has_no_items_says_so(value: str) -> None:
    """Atoms, and what is not whole."""
    assert bash('! syndicate_items "$1" && echo none', value) == b"none\n"


def test_the_library_is_small_and_checked() -> None:
    """At most 120 lines, and nothing that shellcheck objects to."""
    assert len(LIBRARY.read_text().splitlines()) <= 120
    scripts = [LIBRARY, *sorted((TOP / "examples").rglob("*.sh"))]
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed: only the size was looked at")
    done = subprocess.run(
        ["shellcheck", "-e", "SC1091", *map(str, scripts)], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_it_is_installed_where_the_user_says(tmp_path: Path) -> None:
    """`make install-shell PREFIX=…` puts the one file there, and a script can source it."""
    command = ["make", "--no-print-directory", "install-shell", f"PREFIX={tmp_path}/up front"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=PATIENCE, check=True)
    installed = tmp_path / "up front" / "share" / "remit" / "syndicate.sh"
    assert str(installed) in done.stdout
    assert bash('syndicate_quote "a"; echo "$REPLY"', library=installed) == b'"a"\n'
