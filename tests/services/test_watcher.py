"""The configuration watcher: files come into force, change and go while it runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from remit import Tagged, Vat
from remit.dataspace import Dataspace, Observe, bind, pattern
from remit.services._ear import Ear
from remit.services._watcher import Watcher
from remit.values.preserves import text
from remit.vat import Ref, actor, field
from tests.services.stage import eventually


@actor(kind="test.listener")
class Listener:
    """Remembers what comes and goes."""

    log: list[str] = field(list)

    def heard(self, what: str, present: bool, captures: list[object]) -> None:
        self.log.append(f"{'+' if present else '-'}{text(captures[0])}")

    def told(self) -> list[str]:
        return list(self.log)


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[tuple[Watcher, Ref[Listener]]]:
    async with Vat("services") as vat:
        space = vat.spawn(Dataspace)
        listener = vat.spawn(Listener)
        party = await space.open()
        await party.turn([["assert", 1, Observe(pattern(Tagged("out", [bind()])), vat.spawn(Ear, listener, "out"))]])
        watcher = Watcher(vat, directory, {"config": space})
        task = asyncio.ensure_future(watcher.run())
        await watcher.loaded.wait()
        try:
            yield watcher, listener
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def test_files_are_in_force_while_they_are_there(tmp_path: Path) -> None:
    """Those of the directory and below it, in the order of names; a new one begins, one that is gone ends; others are no files of ours."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "b.pr").write_text("<out b>")
    (tmp_path / "a.pr").write_text("<out a>")
    (tmp_path / ".hidden.pr").write_text("<out hidden>")
    (tmp_path / "notes.txt").write_text("<out notes>")
    (tmp_path / "inner" / "c.pr").write_text("<out c>")

    async def main() -> None:
        async with watched(tmp_path) as (_, listener):
            assert await listener.told() == ["+a", "+b", "+c"]
            (tmp_path / "inner" / "d.pr").write_text("<out d>")
            (tmp_path / "a.pr").unlink()
            async with asyncio.timeout(10):
                while set(await listener.told()) != {"+a", "+b", "+c", "+d", "-a"}:
                    await asyncio.sleep(0.02)

    asyncio.run(main())


def test_a_change_lets_what_both_versions_say_stand(tmp_path: Path) -> None:
    """The new version begins before the old one ends: what is common to both does not flap."""
    (tmp_path / "a.pr").write_text("<out same> <out old>")

    async def main() -> None:
        async with watched(tmp_path) as (_, listener):
            draft = tmp_path / ".draft"
            draft.write_text("<out same> <out new>")
            os.replace(draft, tmp_path / "a.pr")
            async with asyncio.timeout(10):
                while len(await listener.told()) < 4:
                    await asyncio.sleep(0.02)
            assert await listener.told() == ["+same", "+old", "+new", "-old"]

    asyncio.run(main())


def test_a_file_with_an_error_keeps_its_old_version(tmp_path: Path) -> None:
    """Nothing changes but that the fault is known, with its place, until the file is mended."""
    (tmp_path / "a.pr").write_text("<out a>")

    async def main() -> None:
        async with watched(tmp_path) as (watcher, listener):
            (tmp_path / "a.pr").write_text("<out\nb")
            await eventually(lambda: bool(watcher.faults), "the fault is known")
            (fault,) = watcher.faults.values()
            assert fault.line == 2
            assert await listener.told() == ["+a"]
            (tmp_path / "a.pr").write_text("<out c>")
            await eventually(lambda: not watcher.faults, "it is mended")
            assert await listener.told() == ["+a", "+c", "-a"]

    asyncio.run(main())
