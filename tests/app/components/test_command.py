"""Commands: what their words mean, and who calls them."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from remit.app import App, CliCommand, Worker, graph_of
from remit.app.components import run_words
from remit.app.targets import InProcess
from remit.errors import Misuse


class Greet(CliCommand):
    """Greet somebody."""

    async def run(
        self, name: str, *more: str, loud: bool = False, times: int = 1, tone: Literal["warm", "cold"] = "warm"
    ) -> int | str | None:
        if name == "nobody":
            return 3
        text = f"{tone} hello {name} {' '.join(more)}".strip() * times
        return text.upper() if loud else text


class Caller(Worker):
    greet: Greet

    async def run(self) -> None:
        said.append(await self.greet.run("Ann", loud=True))


said: list[Any] = []


def shop() -> App:
    app = App("shop")
    greet = Greet(app / "greet")
    Caller(app / "caller", greet=greet)
    return app


async def told(*words: str) -> tuple[int, list[str]]:
    """The exit code and the output of the command with these words."""
    app = shop()
    spec = graph_of(shop).by_id["shop/greet"].spec
    lines: list[str] = []
    async with InProcess(app) as running:
        code = await run_words(spec, running.personas["shop/greet"].body.run, list(words), lines.append)
    return code, lines


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["World"], 0, "warm hello World"),
        (["World", "and", "all", "--loud"], 0, "WARM HELLO WORLD AND ALL"),
        (["--times", "2", "--tone=cold", "x"], 0, "cold hello xcold hello x"),
        (["-h"], 0, None),
        (["nobody"], 3, None),
        ([], 2, "Missing argument 'NAME...'"),
        (["x", "--times", "many"], 2, "'many' is not a valid integer"),
        (["x", "--tone", "hot"], 2, "'hot' is not one of"),
        (["x", "--laud"], 2, "Did you mean"),
    ],
)
async def test_words_are_parameters(words: list[str], code: int, line: str | None) -> None:
    """Arguments by place and options by name, typed as the method is; what is wrong is said, with exit code 2; an int is the exit code."""
    found, lines = await told(*words)
    assert found == code
    assert line is None or line.replace("...", "") in lines[0].replace("...", ""), lines


async def test_other_components_call_it() -> None:
    """A component that was given a command calls its `run`, as any method."""
    said.clear()
    async with InProcess(shop()) as running:
        await running.finished()
    assert said == ["WARM HELLO ANN"]


def test_the_graph_has_what_a_command_takes() -> None:
    """Name, help and parameters stand in the graph, so that targets can show and run it without the program."""
    spec = graph_of(shop).by_id["shop/greet"].spec
    assert (spec["command"], spec["help"]) == ("greet", "Greet somebody.")
    assert spec["parameters"] == [
        {"name": "name", "type": "str", "option": False},
        {"name": "more", "type": "str", "option": False, "rest": True},
        {"name": "loud", "type": "bool", "option": True, "default": False},
        {"name": "times", "type": "int", "option": True, "default": 1},
        {"name": "tone", "type": "str", "option": True, "choices": ["warm", "cold"], "default": "warm"},
    ]


def test_what_no_command_line_can_give_is_refused() -> None:
    """A parameter of another type, and `**options`, are refused when the command is made; a `run` that is not async, with its class."""

    class Odd(CliCommand):
        async def run(self, what: dict[str, int]) -> None: ...

    with pytest.raises(Misuse, match=r"Odd.run takes what"):
        Odd(App("shop") / "odd")
    with pytest.raises(Misuse, match="write async def run"):

        class Sync(CliCommand):
            def run(self) -> None: ...  # type: ignore[override]
