"""Uploads: pieces that go on where they were left, archives that stay inside of themselves, versions that are exchanged in one step."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.ensemble.supervisor import Uploads, Versions
from remit.ensemble.supervisor._places import Places
from remit.ensemble.supervisor._unpack import unpack
from remit.ensemble.supervisor._versions import KEPT
from remit.errors import BadArgument, Conflict, LimitExceeded, Missing, RemitError
from tests.ensemble.supervisor.stage import eventually, hosted

DATA = bytes(range(256)) * 40


class Bench:
    """Uploads in a directory, at a time that the test tells."""

    def __init__(self, directory: Path, largest: int = 1 << 20) -> None:
        self.now = 1000.0
        self.places = Places(directory / "state", directory)
        self.versions = Versions(self.places, self._tick)
        self.uploads = Uploads(self.places, self.versions, lambda: self.now, largest)

    def _tick(self) -> float:
        self.now += 1.0
        return self.now

    def send(self, data: bytes, name: str = "tool", kind: str = "program", switch: bool = True) -> str:
        """All of it in one piece; its digest."""
        digest = sha256(data).hexdigest()
        begun = self.uploads.begin(kind, name, digest, len(data))
        self.uploads.put(begun["upload"], begun["offset"], data[begun["offset"] :])
        self.uploads.finish(begun["upload"], switch=switch)
        return digest


def test_an_upload_goes_on_where_it_was_left(tmp_path: Path) -> None:
    """E22: after a lost connection, and after a restart, `begin` gives the offset that has come; the rest makes it whole."""
    digest = sha256(DATA).hexdigest()
    begun = Bench(tmp_path).uploads.begin("program", "tool", digest, len(DATA))
    assert (begun["offset"], begun["done"]) == (0, False)
    assert Bench(tmp_path).uploads.put(begun["upload"], 0, DATA[:3000]) == 3000
    later = Bench(tmp_path)
    again = later.uploads.begin("program", "tool", digest, len(DATA))
    assert again == {"upload": begun["upload"], "offset": 3000, "done": False}
    with pytest.raises(Conflict, match="3000 of 10240"):
        later.uploads.finish(again["upload"])
    later.uploads.put(again["upload"], again["offset"], DATA[3000:])
    assert later.uploads.finish(again["upload"])["version"] == digest
    assert later.places.current("program", "tool").read_bytes() == DATA
    assert os.access(later.places.current("program", "tool"), os.X_OK)
    assert later.uploads.begin("program", "tool", digest, len(DATA))["done"] is True
    assert list(later.places.uploads.iterdir()) == []


@given(pieces=st.lists(st.tuples(st.integers(0, 600), st.integers(1, 600)), max_size=12))
def test_pieces_that_come_twice_or_overlap_make_what_was_sent(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, int]]
) -> None:
    """Whatever is sent again after an uncertain answer: nothing is doubled, nothing is left out, holes are refused."""
    data = DATA[:600]
    bench = Bench(tmp_path_factory.mktemp("uploads"))
    id = bench.uploads.begin("files", "f", sha256(data).hexdigest(), len(data))["upload"]
    there = 0
    for offset, size in pieces:
        piece = data[offset : offset + size]
        if offset > there:
            with pytest.raises(Conflict, match=f"has {there} bytes"):
                bench.uploads.put(id, offset, piece)
        else:
            there = max(there, offset + len(piece))
            assert bench.uploads.put(id, offset, piece) == there
    assert bench.places.uploads.joinpath(f"{id}.part").read_bytes() == data[:there]


def test_what_does_not_have_its_digest_is_thrown_away(tmp_path: Path) -> None:
    """Damaged on its way: it is no version, and the next attempt begins anew."""
    bench = Bench(tmp_path)
    digest = sha256(DATA).hexdigest()
    id = bench.uploads.begin("program", "tool", digest, len(DATA))["upload"]
    bench.uploads.put(id, 0, DATA[:-1] + b"x")
    with pytest.raises(BadArgument, match="damaged on its way"):
        bench.uploads.finish(id)
    assert bench.uploads.begin("program", "tool", digest, len(DATA))["offset"] == 0
    assert not bench.places.kept("program", "tool").exists()


def test_uploads_are_bounded_in_size_and_number(tmp_path: Path) -> None:
    """Neither more bytes than were announced, nor than may be announced; not many at once; those that nobody goes on with are forgotten."""
    bench = Bench(tmp_path, largest=1000)
    with pytest.raises(LimitExceeded, match="1 to 1000"):
        bench.uploads.begin("program", "tool", "0" * 64, 1001)
    id = bench.uploads.begin("program", "tool", "0" * 64, 10)["upload"]
    with pytest.raises(LimitExceeded, match="was to have 10"):
        bench.uploads.put(id, 0, b"x" * 11)
    for number in range(15):
        bench.uploads.begin("program", f"t{number}", "0" * 64, 10)
    with pytest.raises(LimitExceeded, match="on their way"):
        bench.uploads.begin("program", "more", "0" * 64, 10)
    bench.uploads.begin("program", "tool", "0" * 64, 10)
    bench.now = os.stat(tmp_path).st_mtime + 90_000
    bench.uploads.begin("program", "more", "0" * 64, 10)


@pytest.mark.parametrize(
    ("kind", "name"), [("program", "../x"), ("program", ".x"), ("other", "x"), ("files", "a/b"), ("env", "")]
)
def test_no_name_leads_out_of_the_store(tmp_path: Path, kind: str, name: str) -> None:
    """Neither of a kind nor of a thing, nor of an upload."""
    bench = Bench(tmp_path)
    with pytest.raises(BadArgument):
        bench.uploads.begin(kind, name, "0" * 64, 10)
    for work in (bench.versions.view, bench.versions.rollback):
        with pytest.raises(RemitError):
            work(kind, name)
    with pytest.raises(RemitError):
        bench.uploads.put("../roster", 0, b"")


# --- archives ---------------------------------------------------------------------------------------------


def archive(fill: Callable[[tarfile.TarFile], None], path: Path, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as made:  # type: ignore[call-overload]
        fill(made)
    return path


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = b"", mode: int = 0o644
) -> Callable[[tarfile.TarFile], None]:
    def add(made: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size, info.mode = kind, link, len(data), mode
        made.addfile(info, io.BytesIO(data))

    return add


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_is_unpacked_with_its_links_and_modes(tmp_path: Path, mode: str) -> None:
    """Files, directories, links inside; the bit to run it is kept, those for another user are not."""

    def fill(made: tarfile.TarFile) -> None:
        for add in (
            member("./", tarfile.DIRTYPE),
            member("bin/tool", data=b"#!", mode=0o4755),
            member("lib/a.py", data=b"a = 1"),
            member("bin/link", tarfile.SYMTYPE, "../lib/a.py"),
            member("hard", tarfile.LNKTYPE, "lib/a.py"),
        ):
            add(made)

    target = tmp_path / "out"
    target.mkdir()
    unpack(archive(fill, tmp_path / "a.tar", mode), target)
    assert (target / "bin/tool").stat().st_mode & 0o7777 == 0o755
    assert (target / "bin/link").read_bytes() == (target / "hard").read_bytes() == b"a = 1"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([member("../x")], "outside of itself"),
        ([member("/etc/x")], "outside of itself"),
        ([member("a/../../x")], "outside of itself"),
        ([member("l", tarfile.SYMTYPE, "/etc/passwd")], "leads out"),
        ([member("a/l", tarfile.SYMTYPE, "../../x")], "leads out"),
        ([member("a/l", tarfile.SYMTYPE, "../../a/x")], "leads out"),
        ([member("d", tarfile.SYMTYPE, "."), member("d/x")], "behind a link"),
        ([member("h", tarfile.LNKTYPE, "../../etc/passwd")], "not in it"),
        ([member("s", tarfile.SYMTYPE, "x"), member("h", tarfile.LNKTYPE, "s")], "not in it"),
        ([member("dev", tarfile.CHRTYPE)], "neither file"),
        ([member("pipe", tarfile.FIFOTYPE)], "neither file"),
        ([member("a", data=b"1"), member("a", data=b"2")], "of one name"),
        ([member("a", data=b"1"), member("a/b", data=b"2")], "cannot be unpacked"),
        ([], "is empty"),
    ],
)
def test_an_archive_that_reaches_outside_is_refused(
    tmp_path: Path, members: list[Callable[[tarfile.TarFile], None]], words: str
) -> None:
    """E26: `..`, absolute names, links that lead out or that others stand behind, devices: refused with the member's name, and nothing of it becomes a version."""
    path = archive(lambda made: [add(made) for add in members] and None, tmp_path / "a.tar")
    (tmp_path / "a").mkdir()
    bench = Bench(tmp_path / "b")
    with pytest.raises(BadArgument, match=words):
        bench.send(path.read_bytes(), "x", "env")
    assert [each.name for each in bench.places.kept("env", "x").iterdir()] == []
    assert list(bench.places.uploads.iterdir()) == []


@pytest.mark.parametrize("bound", ["files", "bytes"])
def test_what_is_unpacked_is_bounded(tmp_path: Path, bound: str) -> None:
    """An archive of many or large members is refused while it is read."""
    path = archive(
        lambda made: [member(f"m{number}", data=bytes(100))(made) for number in range(20)] and None, tmp_path / "a.tar"
    )
    (tmp_path / "o").mkdir()
    with pytest.raises(BadArgument, match="more than"):
        unpack(path, tmp_path / "o", **({"most_files": 10} if bound == "files" else {"most_bytes": 1000}))
    with pytest.raises(BadArgument, match="no tar archive"):
        Bench(tmp_path).send(b"nonsense", "x", "files")


# --- versions ---------------------------------------------------------------------------------------------


def test_versions_are_switched_listed_and_rolled_back(tmp_path: Path) -> None:
    """E26: The path in use stays the same; a version that was only brought is used by name; back is back to what was before."""
    bench = Bench(tmp_path)
    one, two = bench.send(b"one"), bench.send(b"two")
    path = bench.places.current("program", "tool")
    assert path.read_bytes() == b"two"
    three = bench.send(b"three", switch=False)
    assert path.read_bytes() == b"two" and bench.places.current("program", f"tool:{three}").read_bytes() == b"three"
    assert bench.versions.rollback("program", "tool")["version"] == one and path.read_bytes() == b"one"
    assert bench.versions.rollback("program", "tool", three[:10])["version"] == three and path.read_bytes() == b"three"
    assert {row["version"] for row in bench.versions.listing()[0]["versions"]} == {one, two, three}
    with pytest.raises(Conflict, match="is in use"):
        bench.versions.forget("program", "tool", three)
    assert len(bench.versions.forget("program", "tool", two)["versions"]) == 2
    with pytest.raises(Missing, match="there are: "):
        bench.versions.rollback("program", "tool", "ffff")
    with pytest.raises(Missing, match="upload it first"):
        bench.versions.rollback("program", "none")


def test_there_is_nothing_before_the_first_version(tmp_path: Path) -> None:
    """A rollback that leads nowhere says so, and changes nothing."""
    bench = Bench(tmp_path)
    bench.send(b"one")
    with pytest.raises(Missing, match="nothing to go back to"):
        bench.versions.rollback("program", "tool")
    assert bench.places.current("program", "tool").read_bytes() == b"one"


def test_old_versions_go_and_the_one_before_stays(tmp_path: Path) -> None:
    """What is kept is bounded; a rollback works all the same."""
    bench = Bench(tmp_path)
    for number in range(KEPT + 5):
        bench.send(f"{number}".encode())
    assert len(bench.versions.view("program", "tool")["versions"]) == KEPT
    bench.versions.rollback("program", "tool")
    assert bench.places.current("program", "tool").read_bytes() == f"{KEPT + 3}".encode()


def test_a_server_runs_what_was_uploaded_and_goes_back_with_a_rollback(tmp_path: Path) -> None:
    """A program with its environment and files: another version is run from the next restart on."""
    config = '[roles.r]\nprogram = "tool"\nenv = "lib"\nfiles = "page"\narguments = ["{id}"]\nstop-timeout = 1\n'
    tool = b"#!/bin/sh\necho one $1 $(greet) $(cat page.txt); exec sleep 1000\n"
    lib = archive(member("bin/greet", data=b"#!/bin/sh\necho hello", mode=0o755), tmp_path / "lib.tar").read_bytes()
    page = archive(member("page.txt", data=b"world\n"), tmp_path / "page.tar").read_bytes()

    async def main() -> None:
        async with hosted(tmp_path, config) as host:

            async def upload(kind: str, name: str, data: bytes) -> None:
                begun = await host.ask("begin_upload", kind, name, sha256(data).hexdigest(), len(data))
                for at in range(begun["offset"], len(data), 1000):
                    await host.ask("put", begun["upload"], at, data[at : at + 1000])
                await host.ask("finish_upload", begun["upload"])

            for kind, name, data in (("program", "tool", tool), ("env", "lib", lib), ("files", "page", page)):
                await upload(kind, name, data)
            await host.ask("start", "r", "s")
            await host.until_log("s", "one s hello world")
            await upload("program", "tool", tool.replace(b"one", b"two"))
            await host.ask("restart", ["s"])
            await host.until_log("s", "one s hello world", "two s hello world")
            await host.ask("rollback", "program", "tool")
            await host.ask("restart", ["s"])
            await host.until_log("s", "one s hello world", "two s hello world", "one s hello world")
            assert [row["name"] for row in await host.ask("versions")] == ["tool", "lib", "page"]

    asyncio.run(main())


def test_a_full_disk_is_told_and_the_upload_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come stays; the answer says to free some room."""

    async def main() -> None:
        async with hosted(tmp_path) as host:
            begun = await host.ask("begin_upload", "program", "tool", sha256(DATA).hexdigest(), len(DATA))
            await host.ask("put", begun["upload"], 0, DATA[:10])

            def full(*_: object) -> int:
                raise OSError(28, "No space left on device")

            with monkeypatch.context() as patched:
                patched.setattr(host.desk._uploads, "put", full)
                with pytest.raises(RemitError, match="free some room"):
                    await host.ask("put", begun["upload"], 10, DATA[10:])
            again = await host.ask("begin_upload", "program", "tool", sha256(DATA).hexdigest(), len(DATA))
            assert again["offset"] == 10
            await eventually(lambda: True, "it is over")

    asyncio.run(main())
