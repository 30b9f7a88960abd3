"""Configuration scripts: how each form is read and run, what is wrong with a file and where, and what can be checked without running it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit import Symbol, Tagged, Vat
from remit.dataspace import ANY, Dataspace, bind, compiled, pattern
from remit.services import check_files
from remit.services._interpreter import Loaded, Script
from remit.services._matching import captures, match, written
from remit.services._reading import Fault, read_file
from remit.testing import run_virtual
from remit.values import same
from remit.values.preserves import parse, text
from remit.vat import Ref


class Ground:
    """A dataspace `config`, and another one, `log`, with scripts in force."""

    def __init__(self, vat: Vat) -> None:
        self.vat = vat
        self.config, self.log = vat.spawn(Dataspace), vat.spawn(Dataspace)

    async def load(self, source: str) -> Ref[Script]:
        script = self.vat.spawn(Script, "/etc/it/a.pr")
        env = {"config": self.config, "log": self.log}
        object.__setattr__(script._at, "_load", Loaded(read_file("a.pr", source), env, lambda: "2026-01-02T03:04:05Z"))
        await script.run()
        await self.quiet()
        return script

    async def quiet(self) -> None:
        await asyncio.sleep(0.01)

    async def there(self, label: str = "out", space: Ref[Any] | None = None) -> list[str]:
        """What is asserted under this label, as text, in order."""
        found = await (space or self.config).query(bind(Tagged(label, [bind()])))
        return sorted(text(value) for value, _ in found)

    async def say(self, *values: str) -> Ref[Any]:
        party = await self.config.open()
        await party.turn([["assert", n, parse(value)] for n, value in enumerate(values)])
        await self.quiet()
        return party


def on_ground(work: Callable[[Ground], Awaitable[None]]) -> None:
    async def main() -> None:
        async with Vat("scripts") as vat:
            await work(Ground(vat))

    run_virtual(main)


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("<out 1> # a comment\n", ["<out 1>"]),
        ("[<out 1> [<out 2>]]", ["<out 1>", "<out 2>"]),
        ("let ?x = 5 <out [$x =x x]>", ["<out [5 x x]>"]),
        ("let <pair ?a ?b> = <pair 1 2> <out {a: $a b: $b}>", ["<out {a: 1 b: 2}>"]),
        ("let ?x = timestamp <out $x>", ['<out "2026-01-02T03:04:05Z">']),
        ("let ?x = scriptdir <out $x>", ['<out "/etc/it">']),
        ('let ?x = stringify <a "b"> <out $x>', ['<out "<a \\"b\\">">']),
        ('let ?x = join "/" ["a" "b"] <out $x>', ['<out "a/b">']),
        ("let ?x = 1 $x =~ 1 <out yes> <out no>", ["<out yes>"]),
        ("let ?x = 2 $x =~ 1 <out yes> <out no> <out more>", ["<out more>", "<out no>"]),
        ("let ?x = <a 1> $x =~ <a ?y> [<out $y>] <out no>", ["<out 1>"]),
        ("let ?d = dataspace $d [<out 1>] <out 2>", ["<out 2>"]),
        ("$config <out 1> $log <out 2>", ["<out 1>"]),
        ("+= <out 1>", ["<out 1>"]),
        ("<in 1> <in 2> ? <in ?x> <out $x>", ["<out 1>", "<out 2>"]),
        ("<in [1 2]> ? <in <?all [?a ?b]>> <out [$all $a $b]>", ["<out [[1 2] 1 2]>"]),
        ("<in {b: 1 a: 2}> ? <in {b: ?x a: ?y}> <out [$x $y]>", ["<out [1 2]>"]),
        ("let ?n = 2 <in 1 a> <in 2 b> ? <in $n ?x> <out $x>", ["<out b>"]),
        ("<in _x> ? <in _> <out any>", ["<out any>"]),
        ("let ?x = 3 [let ?x = 4 <out $x>] <out [$x]>", ["<out 4>", "<out [3]>"]),
    ],
)
def test_each_form_does_what_it_says(source: str, out: list[str]) -> None:
    """Assertions, sequences, targets, bindings, expressions, conditions, patterns and templates."""

    async def work(ground: Ground) -> None:
        await ground.load(source)
        assert await ground.there() == out

    on_ground(work)


def test_what_a_match_has_begun_ends_with_it_and_all_ends_with_the_file() -> None:
    """`?` runs in a facet for each match, `?-` when that stops, and nothing is left of a script that stops."""

    async def work(ground: Ground) -> None:
        script = await ground.load("? <in ?x> [<out $x> ?- <out [last $x]> ? <more $x ?y> <out [$x $y]>]")
        party = await ground.say("<in 1>", "<more 1 a>", "<more 2 b>")
        assert await ground.there() == ["<out 1>", "<out [1 a]>"]
        await party.turn([["retract", 0]])
        await ground.quiet()
        assert await ground.there() == ["<out [last 1]>"]
        await script.stop()
        await ground.quiet()
        assert await ground.there() == []

    on_ground(work)


def test_messages_are_heard_and_sent() -> None:
    """`??` runs for each message, `!` sends one; `facet` is an object that stops its facet."""

    async def work(ground: Ground) -> None:
        source = "?? <ping ?x> [! <pong $x>] ?? <pong ?x> [<out $x>] [let ?f = facet <out facet> ?? <end> [$f ! stop]]"
        await ground.load(source)
        party = await ground.say()
        await party.turn([["message", parse("<ping 7>")]])
        await ground.quiet()
        assert await ground.there() == ["<out 7>", "<out facet>"]
        await party.turn([["message", parse("<end>")]])
        await ground.quiet()
        assert await ground.there() == []

    on_ground(work)


def test_an_error_stops_the_facet_in_which_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """What a match has begun ends where one of its instructions fails; the others go on, and the log names the file."""

    async def work(ground: Ground) -> None:
        with caplog.at_level(logging.ERROR, "remit.services"):
            await ground.load("? <in ?x> [<out $x> $x =~ 2 [<out $nobody>] <out [$x]>]")
            await ground.say("<in 1>", "<in 2>")
        assert await ground.there() == ["<out 1>", "<out [1]>"]
        assert "/etc/it/a.pr: $nobody is not bound here" in caplog.text

    on_ground(work)


@pytest.mark.parametrize(
    ("source", "line", "column", "says"),
    [
        ("<a>\n  <b", 2, 5, "ends"),
        ("<a>\n# c\n   5\n", 3, 4, "5 is no instruction"),
        ("<a> foo", 1, 5, "'foo' is no instruction"),
        ("<a>\nlet ?x 5", 2, 8, "where the = should"),
        ("let ?x =", 1, 8, "ends where an expression"),
        ("? <a ?x ?x> <b>", 1, 3, "stands twice"),
        ("<a ?x>", 1, 1, "captures, and stands where a value is made"),
        ("\n<* 5>", 2, 1, "attenuated reference is written"),
        ("<a> [\n  <b>\n  [ <c>, # d\n   foo <e> ] ]", 4, 4, "'foo' is no instruction"),
        ("<a>\n? <b ?x> [\n  let ?y = $x\n  ! <c ?y>\n]", 4, 5, "captures, and stands where a value is made"),
        ("?- [\n  let ?x\n]", 2, 7, "ends where the = of let"),
        ("[[\n]  5]", 2, 4, "5 is no instruction"),
        ("", 0, 0, ""),
    ],
)
def test_what_is_wrong_with_a_script_has_line_and_column(source: str, line: int, column: int, says: str) -> None:
    """Syntax and instructions alike: where it is wrong, in the innermost sequence, counted from 1, and what should be there."""
    if not line:
        read_file("a.pr", source)
        return
    with pytest.raises(Fault) as caught:
        read_file("a.pr", source)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in caught.value.text


def test_a_table_of_toml_is_a_daemon_with_what_it_needs() -> None:
    """needs, prefers, after, want, start-within, milestones; the rest describes the process."""
    source = """
[web]
run = ["serve"]
ready = "fd"
needs = ["db", "migrate:complete", "<milestone network>"]
start-within = 5
[network]
milestone = true
want = false
"""
    values = [text(step.template) for step in read_file("a.toml", source).steps]  # type: ignore[attr-defined]
    assert values == [
        "<depends-on <daemon web> <service-state <daemon db> ready>>",
        "<depends-on <daemon web> <service-state <daemon migrate> complete>>",
        "<depends-on <daemon web> <service-state <milestone network> ready>>",
        "<start-timeout <daemon web> 5>",
        "<require-service <daemon web>>",
        '<daemon web {"argv": ["serve"] "ready": "fd"}>',
    ]


@pytest.mark.parametrize(
    ("source", "place", "says"),
    [
        ("[web]\nrun = [", "2:", "Invalid"),
        ("\n\n[web]\nready = 'fd'", "3:1", "says not what to run"),
        ("[a]\nrun='x'\n[b]\nrun='x'\nneeds=3", "3:1", "needs is a list of names"),
        ("x = 3", "1:1", "x is no table"),
    ],
)
def test_what_is_wrong_with_a_toml_file_has_a_place(source: str, place: str, says: str) -> None:
    """Line and column of the syntax, or of the table."""
    with pytest.raises(Fault) as caught:
        read_file("a.toml", source)
    assert f"a.toml:{place}" in caught.value.at("a.toml") and says in caught.value.text


def test_a_directory_is_checked_without_running_it() -> None:
    """Files that cannot be read, wrong descriptions, unbound names, cycles and missing providers, each with its file."""
    files = {
        "a.pr": '<require-service <daemon a>> <daemon a ["x"]> <depends-on <daemon a> <service-state <daemon b> ready>>',
        "b.pr": '<daemon bb {argv: "x" redy: fd}> <out $nothing>',
        "c.pr": '<daemon c "x"> <daemon d "x"> <depends-on <daemon c> <service-state <daemon d> ready>>'
        " <depends-on <daemon d> <service-state <daemon c> ready>> <require-service <daemon c>>",
        "d.pr": "? <run-service <thing ?x>> [<service-state <thing $x> ready>] <require-service <thing 1>> <require-service <other 1>>",
        "e.pr": "<a",
        "f.toml": "[f]\nrun = 'x'\nneeds = ['<milestone m>', '<interface \"eth0\">']",
    }
    found = check_files(files)
    assert len(found) == 6, found
    assert found[0] == "b.pr:1:1: <daemon bb>: a process has no 'redy': did you mean ready?"
    assert found[1].startswith("b.pr:1:34: $nothing is not bound in <out $nothing>")
    assert found[2].startswith("e.pr:1:")
    assert found[3].startswith("a.pr: <daemon a> needs <daemon b>, which nobody provides; did you mean <daemon bb> or ")
    assert found[4].startswith("c.pr: <daemon ") and "> depends on itself: <daemon " in found[4]
    assert found[5] == "d.pr: <other 1> nobody provides it; did you mean <thing 1>?"
    assert check_files({name: files[name] for name in ("f.toml", "c.pr")}) != []
    assert check_files({"f.toml": files["f.toml"]}) == []
    assert check_files({"g.pr": "<a>\n? <b ?x> [\n  <c $x>\n  $log ! <d $y>\n]"}) == [
        "g.pr:4:8: $y is not bound in <d $y>; bound are: config, control, gatekeeper, log, x"
    ]


ATOMS = st.one_of(st.integers(-3, 3), st.booleans(), st.sampled_from([Symbol("a"), Symbol("b"), "a", 1.0]))
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["k", "l"]), inner, max_size=2),
        st.builds(lambda fields: Tagged("r", fields), st.lists(inner, max_size=3)),
    ),
    max_leaves=8,
)


@given(VALUES, st.data())
def test_patterns_match_as_those_of_a_dataspace_do(value: Any, data: st.DataObject) -> None:
    """`let` and `=~` bind what an observer of the same pattern is told, in the same cases."""
    count = [0]

    def blurred(part: Any) -> Any:
        """The value with parts of it replaced by what matches anything, or binds."""
        choice = data.draw(st.integers(0, 5))
        if choice == 0:
            return Symbol("_")
        if choice == 1:
            count[0] += 1
            return Symbol(f"?x{count[0]}")
        if isinstance(part, list):
            return [blurred(each) for each in part]
        if isinstance(part, dict):
            return {name: blurred(each) for name, each in part.items()}
        if isinstance(part, Tagged):
            return Tagged("r", [blurred(each) for each in part.value])
        return part

    script = blurred(value)
    other = data.draw(VALUES)
    for candidate in (value, other):
        found = match(candidate, script, {})

        async def main(candidate: Any = candidate) -> Any:
            async with Vat("v") as vat:
                space = vat.spawn(Dataspace)
                party = await space.open()
                await party.turn([["assert", 1, Tagged("w", [candidate])]])
                return await space.query(Tagged("w", [written(script, {})]))

        seen = run_virtual(main)
        assert (found is not None) == bool(seen)
        if found is not None:
            assert same([found[name] for name in captures(script)], seen[0])


def test_written_patterns_are_dataspace_patterns() -> None:
    """`_`, `?x` and `<?x p>` are ANY and bind."""
    assert pattern(written(parse("<a _ ?x <?y 5>>"), {})) == pattern(Tagged("a", [ANY, bind(), bind(5)]))


def test_records_that_are_labelled_as_patterns_are_matched_as_records() -> None:
    """A script's `<bind ?x>` and `<group _ ?members>` ask for such records: what a script captures is written with `?`."""
    found = compiled(pattern(written(parse("<bind ?x>"), {}))).match(parse("<bind 5>"))
    assert found == [5]
    found = compiled(pattern(written(parse("<group _ ?members>"), {}))).match(parse('<group admins ["ada"]>'))
    assert found == [["ada"]]
