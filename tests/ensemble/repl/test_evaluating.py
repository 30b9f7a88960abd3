"""What a piece of code gives: its value, its output, its errors, as bounded text."""

from __future__ import annotations

import asyncio
import re

import pytest

from remit.errors import BadArgument
from remit.values import Secret
from tests.ensemble.repl.kit import Counter, on_stage


def evaluated(*pieces):
    """What the last of these pieces of one session gave."""
    found = []

    async def main(stage):
        session = await stage.part().session("s")
        found.extend([await session.run(piece) for piece in pieces])

    on_stage(main)
    return found[-1]


def test_an_expression_is_shown_and_statements_are_not():
    """The value of the last expression is told as its repr; a statement, and None, tell nothing."""
    assert evaluated("1 + 1").text == "2"
    assert evaluated("x = 3\nx * 2").text == "6"
    assert (evaluated("x = 3").text, evaluated("None").text) == ("", "")


def test_a_session_remembers_names_and_its_last_value():
    """What one piece has defined the next one has, `_` being the last value that was shown."""
    assert evaluated("def double(x):\n    return 2 * x\n", "double(4)", "_ + 1").text == "9"


def test_a_future_import_holds_for_what_follows():
    """`from __future__` is remembered by the session, as by Python's own."""
    assert evaluated("from __future__ import annotations", "def f(x: nope): pass\nf.__annotations__").text == (
        "{'x': 'nope'}"
    )


def test_code_awaits_references_at_the_top_level():
    """A promise can be awaited anywhere, in the server's own loop; so can timeouts and tasks of asyncio."""
    assert evaluated("await counter.increment(5)", "[await counter.increment() for _ in range(3)]").text == "[6, 7, 8]"
    timed = "import asyncio\ntry:\n    async with asyncio.timeout(0.01):\n        await asyncio.sleep(60)\nexcept TimeoutError:\n    x = 1\nx"
    assert evaluated(timed).text == "1"
    tasks = "import asyncio\nawait asyncio.gather(*(asyncio.create_task(asyncio.sleep(0, i)) for i in range(3)))"
    assert evaluated(tasks).text == "[0, 1, 2]"


def test_what_code_prints_is_its_session_s_and_what_the_server_prints_is_not(capsys):
    """Output is captured by context: tasks that the code has started print to the session, the server prints as it did."""

    async def main(stage):
        one, two = await stage.part().session("1"), await stage.part().session("2")
        piece = "import asyncio, sys\nprint('{0}')\nawait asyncio.create_task(asyncio.sleep(0.01))\nprint('{0}', file=sys.stderr)"
        running = [one.run(piece.format("one")), two.run(piece.format("two"))]
        await asyncio.sleep(0)
        print("the server")
        first, second = [(await each).output for each in running]
        assert (first, second) == ("one\none\n", "two\ntwo\n")
        task = await one.run("async def later():\n    print('task')\nawait asyncio.create_task(later())")
        assert task.output == "task\n"

    on_stage(main)
    assert capsys.readouterr() == ("the server\n", "")


def test_streams_are_put_back_when_the_last_session_ends():
    """`sys.stdout` is stood in for only while there are sessions."""
    import sys

    before = sys.stdout, sys.stderr

    async def main(stage):
        session = await stage.part().session("s")
        assert sys.stdout is not before[0]
        await session.close()
        assert (sys.stdout, sys.stderr) == before

    on_stage(main)


def test_a_traceback_quotes_the_session_s_own_lines_and_none_of_ours():
    """Errors are told with the lines that were typed, earlier pieces included; the evaluator is not in it."""
    error = evaluated("def f():\n    raise ValueError('no')\n", "f()").error
    assert re.sub(r"input \d+", "input N", re.sub(r" *[~^]+\n", "", error)) == (
        "Traceback (most recent call last):\n"
        '  File "<input N>", line 1, in <module>\n    f()\n'
        "  File \"<input N>\", line 2, in f\n    raise ValueError('no')\n"
        "ValueError: no\n"
    )


@pytest.mark.parametrize("piece", ["if:", "x = (", "return 1", "\0", "'\ud800'.encode()", "(" * 5000, "nope", "1/0"])
def test_code_that_is_wrong_is_an_answer(piece):
    """A syntax error, and whatever else a piece of code cannot do, is told as an error and harms nothing."""

    async def main(stage):
        session = await stage.part().session("s")
        wrong = await session.run(piece) if piece.isprintable() or piece == "\0" else None
        assert wrong is None or (wrong.error and "remit" not in wrong.error)
        assert (await session.run("2 + 2")).text == "4"

    on_stage(main)


@pytest.mark.parametrize("piece", ["exit()", "quit()", "raise SystemExit(3)", "raise KeyboardInterrupt", "input()"])
def test_no_code_ends_the_server_or_reads_its_terminal(piece):
    """SystemExit, KeyboardInterrupt, exit() and input() are errors of the code."""
    done = evaluated(piece)
    assert done.error.startswith("Traceback")


HOSTILE = """
class Wild(Exception):
    def __repr__(self): raise SystemExit('repr')
    __str__ = __repr__
class Long(Exception):
    def __repr__(self): return 'z' * 10_000_000
    __str__ = __repr__
"""


def test_values_and_errors_whose_repr_misbehaves_are_told_in_bounds():
    """A repr that raises is named; one that is huge is cut, for values and for errors."""
    assert "whose repr raised SystemExit" in evaluated(HOSTILE, "[Wild(), 1]").text
    assert len(evaluated(HOSTILE, "Long()").text) < 20_000
    for piece in ("raise Wild()", "raise Long()", "raise ValueError('x' * 10_000_000) from Long()"):
        assert 0 < len(evaluated(HOSTILE, piece).error) < 50_000


@pytest.mark.parametrize(
    "piece",
    ["'x' * 10**7", "list(range(10**6))", "10 ** 100_000", "b'x' * 10**7", "{i: [i] * 100 for i in range(10**4)}"],
)
def test_large_values_are_cut(piece):
    """What is told of a value has a bound, and says how much there was."""
    text = evaluated(piece).text
    assert len(text) < 40_000
    assert "in all" in text or "bits" in text


def test_deep_and_circular_values_are_told():
    """A list that holds itself, and one that is deeper than anybody reads, have an end."""
    assert len(evaluated("x = []\nx.append(x)\nx").text) < 100
    assert "…" in evaluated("x = []\nfor _ in range(10_000): x = [x]\nx").text


def test_secrets_are_not_shown():
    """A secret is told as one, wherever it is."""

    async def main(stage):
        stage.desk._names = lambda: {"secret": Secret("hunter2")}
        done = await (await stage.part().session("s")).run("[secret, {'a': secret}]")
        assert done.text == "[<secret>, {'a': <secret>}]"

    on_stage(main)


def test_each_use_is_written_down_before_it_happens():
    """Who, and what, stands in the audit log, for sessions and single pieces."""

    async def main(stage):
        await stage.part("anna").evaluate("1")
        await (await stage.part("bert").session("s")).run("2")
        assert stage.lines == [["anna", "eval", "1"], ["bert", "eval", "2"]]

    on_stage(main)


def test_a_piece_of_code_has_a_bound():
    """A module is loaded, not pasted."""

    async def main(stage):
        with pytest.raises(BadArgument, match="load a module"):
            await (await stage.part().session("s")).run("#" * 300_000)

    on_stage(main)


def test_completion_knows_names_attributes_modules_and_methods_of_references():
    """The last word is completed from the session's names; a reference by the methods that its object has."""

    async def main(stage):
        session = await stage.part().session("s")
        await session.run("apple = 'x'")
        assert await session.complete("print(app") == ["apple"]
        assert "apple.upper" in await session.complete("x = apple.up")
        assert await session.complete("await counter.") == ["counter.increment"]
        assert "asyncio" in await session.complete("import async")
        assert await session.complete("nope.nope.") == []
        assert "lambda" in await session.complete("lamb")

    on_stage(main)


def test_defined_says_whether_a_name_leads_to_something():
    """As the manual's `defined?`: of a name, or a dotted one."""

    async def main(stage):
        session = await stage.part().session("s")
        await session.run("import os")
        names = ["os", "os.path.join", "os.nope", "print", "counter.increment", "counter.nope", "1 +", "nope"]
        assert [await session.defined(name) for name in names] == [True, True, False, True, True, False, False, False]

    on_stage(main)


def test_objects_are_made_and_called_as_by_any_program():
    """A hundred thousand spawns take many shifts with the loop, and all of them count."""

    async def main(stage):
        stage.desk._names = lambda: {"vat": stage.vat, "Counter": Counter}
        session = await stage.part().session("s")
        done = await session.run("made = [vat.spawn(Counter) for _ in range(20_000)]\nawait made[-1].increment(7)")
        assert (done.text, done.error) == ("7", "")

    on_stage(main)
