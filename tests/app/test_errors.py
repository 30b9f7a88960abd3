"""Bad input: what failed, where, the cause, and what to do next."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit.app import ApiServer, App, Store, Worker, endpoint, exposed, own
from remit.app.targets import InProcess
from remit.errors import BadArgument, Misuse, NotAllowed
from tests.app.conformance.kits import remit

HEAD = """
from remit.app import ApiServer, App, Component, Store, Worker, endpoint, exposed, own
app = App("shop")
class Idle(Worker):
    async def run(self) -> None: ...
"""


class Server(ApiServer):
    db: Store[str] = own(Store[str])

    @endpoint("GET")
    async def read(self, key: str) -> str | None:
        return await self.db.get(key)


def test_calls_at_the_wrong_time() -> None:
    """A method that answers calls is refused at start-up; components are not made, nor narrowed, at run time (A2)."""
    app = App("shop")
    server = Server(app / "server")
    with pytest.raises(Misuse, match=r"read\(\) of shop/server was called at start-up: components answer at run time"):
        server.read("a")

    class Late(Worker):
        server: Server

        async def run(self) -> None:
            for wrong in (lambda: Server(app / "late"), lambda: server.read_only(), lambda: App("other")):
                with pytest.raises(Misuse, match="belongs to start-up, and it is run time, in shop/late"):
                    wrong()
            with pytest.raises(Misuse, match="stays as it is"):
                self.server = server
            Late.done = True

    Late(app / "late-worker", server=server)
    app.declarations["shop/late"] = app.declarations.pop("shop/late-worker")
    app.declarations["shop/late"].id = app / "late"

    async def main() -> None:
        async with InProcess(app) as running:
            await running.finished()
            assert running.failed == {}

    asyncio.run(main())
    assert Late.done


def test_a_component_cannot_be_sent() -> None:
    """A component is passed at start-up; as an argument at run time it is refused, with the edge and the method."""

    class Sender(Worker):
        server: Server

        async def run(self) -> None:
            with pytest.raises(Exception, match=r"edge shop/sender/server to shop/server, read\(\)") as caught:
                await self.server.read(self)  # type: ignore[arg-type]
            Sender.caught = caught.value

    app = App("shop")
    Sender(app / "sender", server=Server(app / "server"))

    async def main() -> None:
        async with InProcess(app) as running:
            await running.finished()
            assert running.failed == {}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        ("Idle(app / 'a'); Idle(app / 'a')", 1, ["two components with one id, shop/a", "app.py:6"]),
        ("import random\nIdle(app / f'a{random.random()}')", 1, ["random", "app.py:7"]),
        ("Idle(app / str(hash('a')).strip('-'))", 1, ["not deterministic", "+++ second"]),
        ("raise KeyError('x')", 1, ["app.py:6: raise KeyError('x')"]),
        ("", 0, []),
    ],
)
def test_programs_that_are_wrong(tmp_path: Path, text: str, code: int, told: list[str]) -> None:
    """`remit up` of a program that is wrong ends with 1 and says where and why; nothing has been done."""
    path = tmp_path / "app.py"
    path.write_text(HEAD + text)
    done = remit("up", path, check=False)
    assert done.returncode == code, done.stderr
    for each in told:
        assert each in done.stderr
    assert "Traceback" not in done.stderr and "fault in Remit" not in done.stderr


def test_a_target_that_lacks_something_says_so_before_anything_is_made(tmp_path: Path) -> None:
    """What a target cannot have is told, all of it, and nothing is left."""
    path = tmp_path / "app.py"
    path.write_text(
        HEAD
        + """
class Strange(Component):
    kind = "strange"
    @exposed()
    async def it(self) -> None: ...
Strange(app / "one"); Strange(app / "two")
"""
    )
    done = remit("up", path, "--target", "processes", "--yes", check=False)
    assert done.returncode == 1
    assert "shop/one: the target processes knows no component of kind 'strange'" in done.stderr
    assert "shop/two" in done.stderr and "nothing was done" in done.stderr
    assert not list((tmp_path / ".remit").glob("**/components/*"))


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["up", "no.py"], 1, "there is no program"),
        (["up", "app.py", "--target", "proceses"], 1, "did you mean processes?"),
        (["plan", "app.py"], 2, "say --target processes"),
        (["up", "--target", "processes"], 2, "name the file"),
        (["up", "app.py", "--target", "processes"], 2, "give --yes"),
        (["up", "app.py", "--target", "processes", "--step", "--yes"], 2, "leave out --target"),
        (["logs", "app.py", "nobody"], 1, "has no component 'nobody'"),
        (["exec", "app.py", "nothing"], 1, "has no command 'nothing'"),
        (["build", "app.py", "--target", "processes"], 1, "has no build"),
        (["graph", "app.py", "--format", "pdf"], 2, "pdf"),
        (["up", "app.py", "--set", "x"], 2, "no NAME=VALUE"),
        (["down", "app.py"], 0, "nothing of this application is deployed"),
    ],
)
def test_commands_that_are_wrong(tmp_path: Path, words: list[str], code: int, told: str) -> None:
    """Each wrong command says what is wrong and what is right, with its exit code."""
    (tmp_path / "app.py").write_text(HEAD + "Idle(app / 'a')\n")
    done = remit(*[tmp_path / word if word.endswith(".py") else word for word in words], check=False)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr


def test_a_custom_kind_needs_a_kind() -> None:
    """A class that is no kind of component is not made by itself."""
    from remit.app import Component

    class Nothing(Component):
        @exposed()
        async def it(self) -> Any: ...

    with pytest.raises(Misuse, match="no kind of component by itself"):
        Nothing(App("shop") / "a")


def test_a_restart_that_is_none() -> None:
    """A worker's restart policy is checked when it is made."""

    class Wrong(Worker):
        restart = "sometimes"

    with pytest.raises(BadArgument, match="never, on-failure, always"):
        Wrong(App("shop") / "a")


def test_a_store_that_is_shared_without_being_passed_is_found() -> None:
    """A component that uses a store which it knows as a global variable is told so, with its own name and the store's (A5)."""
    app = App("shop")
    shared = Store[str](app / "shared")

    class Sneaky(Worker):
        async def run(self) -> None:
            for use in (lambda: shared.get("a"), lambda: shared.set("a", "b"), lambda: shared.keys()):
                with pytest.raises(NotAllowed, match="shop/sneaky reaches for shop/shared, which it was not given"):
                    await use()
            with pytest.raises(NotAllowed, match="shop/sneaky reaches for shop/shared"):
                await shared.modify("a", lambda _: "b")

    Sneaky(app / "sneaky")

    async def main() -> None:
        async with InProcess(app) as running:
            await running.finished()
            assert running.failed == {}

    asyncio.run(main())
