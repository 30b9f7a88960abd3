"""Devices: effects are asked of them after the commit, and answer by a message. (docs/design.md, section 3)"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from remit.errors import Broken, Missing, Misuse, NoSuchMethod, Uncertain
from remit.values import Symbol
from remit.vat import Ref, Vat, actor, call, send, tell
from tests.vat.kit import broken, run, settle


class Disk:
    """A device: notes what it does, and waits when told to."""

    data = "no method"

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.gate = asyncio.Event()
        self.cut = 0

    async def write(self, text: str, *, twice: bool = False) -> str:
        await asyncio.sleep(0)
        self.done += [text] * (2 if twice else 1)
        return f"wrote {text}"

    def plain(self, value: Any) -> Any:
        self.done.append(value)
        return value

    async def fail(self) -> None:
        raise Missing("no such file")

    async def odd(self) -> Any:
        return object()

    async def wait(self) -> str:
        try:
            await self.gate.wait()
        finally:
            self.cut += 1
        return "at last"

    async def ask_back(self, ref: Ref[Any]) -> Any:
        return await ref.get()

    def give(self, ref: Ref[Any]) -> Any:
        return ref

    async def cancel(self) -> None:
        raise asyncio.CancelledError

    def _secret(self) -> str:
        return "secret"

    def __call__(self, value: int = 0) -> int:
        return value + 1


@actor(kind="tests.writer")
class Writer:
    disk: Ref[Any]
    state: str = "new"

    def write(self, text: str, fail: bool = False) -> Any:
        self.state = "asked"
        answer = self.disk.write(text)
        if fail:
            raise ValueError("no")
        return answer

    async def write_and_note(self, text: str) -> str:
        self.state = await self.disk.write(text)
        return self.state

    async def survive(self) -> str:
        try:
            await self.disk.fail()
        except Missing:
            return "survived"
        return "?"

    def get(self) -> str:
        return self.state

    def call_it(self) -> Any:
        return call(self.disk).plain(1)


def finish(vat: Vat) -> None:
    """Run what devices were asked, and the vat, until nothing is left."""

    async def main() -> None:
        while vat.unstarted or run(vat):
            while vat.unstarted:
                await vat.unstarted.pop(0)

    asyncio.run(main())


def writer() -> tuple[Vat, Disk, Ref[Writer]]:
    vat, disk = Vat(), Disk()
    return vat, disk, vat.spawn(Writer, vat.device("disk", disk))


def test_a_device_is_asked_after_the_commit() -> None:
    """The device's method starts when the turn that asked has ended, and outside of it."""
    vat, disk, it = writer()
    answer = it.write("a")
    vat.run()
    assert it._at.state == "asked"
    assert disk.done == []
    assert len(vat.unstarted) == 1
    finish(vat)
    assert disk.done == ["a"]
    assert settle(answer) == "wrote a"


def test_a_device_is_not_asked_by_a_turn_that_raises() -> None:
    """What a failed turn asked of a device never happens."""
    vat, disk, it = writer()
    error = broken(it.write("a", fail=True))
    assert error.kind == "ValueError"
    assert vat.unstarted == []
    assert disk.done == []


def test_a_device_answers_by_a_message() -> None:
    """An awaiting method goes on in a turn of its own, with the device's result; errors come as errors."""
    vat, disk, it = writer()
    note = it.write_and_note("b")
    survive = it.survive()
    finish(vat)
    assert settle(note) == "wrote b"
    assert settle(it.get()) == "wrote b"
    assert settle(survive) == "survived"
    assert disk.done == ["b"]


def test_what_a_device_raises_is_its_answer() -> None:
    """Errors keep their class; a result that cannot pass, a missing or hidden name, and data that is no method are errors."""
    vat, _, it = writer()
    disk = it._at.disk
    asked: list[tuple[Any, type[Broken], str]] = [
        (disk.fail(), Missing, "no such file"),
        (disk.odd(), Broken, "object"),
        (disk.missing(), NoSuchMethod, "missing"),
        (send(disk, "_secret"), NoSuchMethod, "_secret"),
        (send(disk, "__init__"), NoSuchMethod, "__init__"),
        (send(disk, "-secret"), NoSuchMethod, "-secret"),
        (disk.data(), NoSuchMethod, "data"),
        (disk.write(), Broken, "text"),
        (disk.cancel(), Uncertain, "may have been done"),
    ]

    async def main() -> None:
        vat.run()
        for work in vat.unstarted:
            with pytest.raises(asyncio.CancelledError) if work is vat.unstarted[-1] else _nothing():
                await work
        vat.unstarted.clear()

    asyncio.run(main())
    for answer, cls, words in asked:
        error = broken(answer)
        assert isinstance(error, cls)
        assert words in error.message


def _nothing() -> Any:
    import contextlib

    return contextlib.nullcontext()


def test_every_way_of_asking() -> None:
    """Plain methods, keyword arguments, names with hyphens, the device as a function, and selectors as they come off the wire."""
    vat, disk, it = writer()
    ref = it._at.disk
    answers = [
        ref.plain(1),
        ref.write("x", twice=True),
        send(ref, "ask-back", it),
        ref(1),
        ref(Symbol("plain"), 2),
        ref.give(it),
    ]
    tell(ref).plain(3)

    async def main() -> None:
        async with asyncio.timeout(5):
            async with vat:
                assert [await answer for answer in answers] == [1, "wrote x", "new", 2, 2, it]

    asyncio.run(main())
    assert disk.done == [1, 2, 3, "x", "x"]


def test_a_device_is_never_near() -> None:
    """`call` refuses a device: its effects could not be undone."""
    _, disk, it = writer()
    assert broken(it.call_it()).kind == "NotNear"
    assert disk.done == []


def test_arguments_of_devices_are_copies() -> None:
    """A device gets what any other receiver would get."""
    vat, disk, it = writer()
    mine = [1]
    answer = it._at.disk.plain(mine)
    mine.append(2)
    finish(vat)
    assert settle(answer) == [1]
    assert disk.done == [[1]]


def test_names_of_devices_are_unique() -> None:
    """A name stands for one device of its vat."""
    vat, disk, it = writer()
    assert vat.devices["disk"] is it._at.disk
    with pytest.raises(Misuse, match="disk"):
        vat.device("disk", disk)


def test_stopping_cuts_devices_short() -> None:
    """What is under way when its vat ends is cancelled, and who waits for it hears that it may have been done."""

    async def main() -> None:
        async with asyncio.timeout(5):
            disk = Disk()
            async with Vat() as vat:
                ref = vat.device("disk", disk)
                answer = ref.wait()
                waiting = asyncio.ensure_future(_await(answer))
                while not vat._driver or not vat._driver.tasks:
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
            with pytest.raises(Uncertain, match="may have been done"):
                await waiting
            assert disk.cut == 1
            with pytest.raises(Broken, match="stopped"):
                await ref.plain(1)
            assert disk.done == []

    asyncio.run(main())


async def _await(promise: Any) -> Any:
    return await promise


def test_a_vat_run_by_hand_drops_what_was_not_begun() -> None:
    """Stopping a vat that nobody drove breaks what its devices were asked and leaves no coroutine behind."""
    vat, disk, it = writer()
    answer = it._at.disk.plain(1)
    vat.run()
    vat.stop()
    assert isinstance(broken(answer), Uncertain)
    assert vat.unstarted == []
    assert disk.done == []
