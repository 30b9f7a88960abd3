"""Parcels: what an agent needs, made from what is installed, known by its digest."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from remit.errors import BadArgument, Missing, ProviderError
from remit.machines import Parcel, digest_of, find_parcel, pack, parcel, unpack
from remit.machines._parcel_contents import requirement
from tests.house.source import TOP

ASK = "import json, sys, remit, msgspec, click, cryptography; print(json.dumps([sys.path[0], remit.__file__, msgspec.__file__]))"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """A parcel of what runs these tests."""
    return parcel(tmp_path_factory.mktemp("store"), extras=[])


def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A program with next to no environment, as on a host that knows nothing of us."""
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **more}
    return subprocess.run(
        list(map(str, words)), env=env, capture_output=True, text=True, timeout=60, check=False, cwd="/"
    )


def test_it_is_named_by_what_is_in_it(made: Parcel, tmp_path: Path) -> None:
    """Made again, elsewhere, it has the same digest; a changed, added or missing file has another; what Python leaves there counts for nothing."""
    assert made.path.name == made.digest == digest_of(made.path)
    again = parcel(tmp_path, extras=[])
    assert again.digest == made.digest
    (again.path / "lib" / "remit" / "__pycache__").mkdir(exist_ok=True)
    (again.path / "lib" / "remit" / "__pycache__" / "x.pyc").write_bytes(b"x")
    assert digest_of(again.path) == made.digest
    (again.path / "lib" / "more.py").write_text("")
    assert digest_of(again.path) != made.digest


def test_it_runs_with_its_own_modules(made: Parcel) -> None:
    """remit and its dependencies come out of the parcel, with nothing of the environment that made it; `remit` and `remit-agent` are there."""
    done = run(made.path / "bin" / "remit-python", "-c", ASK)
    assert done.returncode == 0, done.stderr
    assert all(each.startswith(f"{made.path}/lib") for each in json.loads(done.stdout))
    assert "--state" in run(made.agent, "--help").stdout
    assert run(made.path / "bin" / "remit", "--version").stdout.startswith(f"remit {made.version}")


def test_it_holds_no_path_of_where_it_was_made(made: Parcel) -> None:
    """Neither the installation's own notes nor caches are in it."""
    names = {path.name for path in made.path.rglob("*")}
    assert not names & {"RECORD", "direct_url.json", "INSTALLER", "_editable_impl_remit.pth"}
    note = json.loads((made.path / "parcel.json").read_text())
    assert {"remit", "click", "msgspec", "cryptography", "cffi"} <= set(note["distributions"])
    assert not {"pytest", "mypy", "asyncssh"} & set(note["distributions"])
    assert (note["python"], made.python) == (sysconfig.get_config_var("EXT_SUFFIX"),) * 2


def test_extension_modules_of_remit_are_left_out_unless_asked_for(made: Parcel, tmp_path: Path) -> None:
    """Its source does the same on any Python; those of dependencies are needed."""
    assert not list((made.path / "lib" / "remit").rglob("*.so"))
    assert list((made.path / "lib" / "msgspec").glob("*.so"))


def test_a_python_that_does_not_fit_is_not_taken(made: Parcel, tmp_path: Path) -> None:
    """The launcher says plainly what it needs and where it has looked."""
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = run(made.agent, "--help", REMIT_PYTHON=str(old))
    assert done.returncode == 127
    assert f"needs Python 3.{sys.version_info[1]} (" in done.stderr and str(old) in done.stderr
    assert "REMIT_PYTHON=/path/to/python3" in done.stderr


def packed(made: Parcel) -> bytes:
    file = io.BytesIO()
    pack(made, file)
    return file.getvalue()


def test_packing_is_reproducible_and_undone_by_unpacking(made: Parcel, tmp_path: Path) -> None:
    """The same bytes each time; unpacked, the same parcel, that runs; unpacked again, nothing happens."""
    data = packed(made)
    assert packed(made) == data
    for _ in range(2):
        other = unpack(io.BytesIO(data), tmp_path, made.digest)
        assert (other.digest, other.version, other.path) == (made.digest, made.version, tmp_path / made.digest)
    assert run(other.path / "bin" / "remit-python", "-c", ASK).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == [made.digest]


def test_a_damaged_parcel_is_refused(made: Parcel, tmp_path: Path) -> None:
    """By its digest, by its form, by names that lead elsewhere; nothing is left of it."""
    with pytest.raises(BadArgument, match="damaged or exchanged"):
        unpack(io.BytesIO(packed(made)), tmp_path, "0" * 64)
    with pytest.raises(BadArgument, match="no parcel"):
        unpack(io.BytesIO(b"something else"), tmp_path)
    with pytest.raises(BadArgument, match="no parcel"):
        unpack(io.BytesIO(packed(made)[:100_000]), tmp_path)
    for entry in (tarfile.TarInfo("../x"), tarfile.TarInfo("/x"), link()):
        with pytest.raises(BadArgument, match="does not belong"):
            unpack(archive(entry), tmp_path)
    assert list(tmp_path.iterdir()) == []


def link() -> tarfile.TarInfo:
    entry = tarfile.TarInfo("lib/link")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


def archive(entry: tarfile.TarInfo) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        made.addfile(entry, io.BytesIO())
    return io.BytesIO(file.getvalue())


def test_a_parcel_is_found_by_the_beginning_of_its_digest(made: Parcel) -> None:
    """As people see it; nothing and a wrong one are said, with what there is."""
    assert find_parcel(made.path.parent, made.short) == made
    for wrong in ("", "zz"):
        with pytest.raises(Missing, match=made.short):
            find_parcel(made.path.parent, wrong)


def test_an_extra_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    """By name; without names, what is there is taken."""
    with pytest.raises(ProviderError, match=r"remit has no such extra"):
        parcel(tmp_path, extras=["nonsense"])
    with pytest.raises(ProviderError, match=r"not installed here; try: pip install 'remit\[fuzz"):
        parcel(tmp_path, extras=["fuzz"])


def test_a_parcel_makes_itself(made: Parcel, tmp_path: Path) -> None:
    """A boss that runs out of a parcel gives the same one to its machines."""
    script = "import sys; from remit.machines import parcel; print(parcel(sys.argv[1]).digest)"
    done = run(made.path / "bin" / "remit-python", "-c", script, tmp_path)
    assert done.stdout.strip() == made.digest, done.stderr
    assert digest_of(tmp_path / made.digest) == made.digest


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("cffi>=2.0.0 ; platform_python_implementation != 'PyPy'", ("cffi", set(), "", True)),
        ("msgspec>=0.19", ("msgspec", set(), "", False)),
        ('psycopg[binary,pool]>=3.2; extra == "dev"', ("psycopg", {"binary", "pool"}, "dev", False)),
        ("async-timeout; (python_version < '3.12') and extra == 'redis'", ("async-timeout", set(), "redis", True)),
        ("Typing_Extensions (>=4)", ("typing-extensions", set(), "", False)),
    ],
)
def test_requirements_are_read(line: str, read: tuple[str, set[str], str, bool]) -> None:
    """Name, extras, and the extra of ours that they are for."""
    assert requirement(line) == read


def test_an_installed_wheel_and_a_checkout_make_the_same_parcel(made: Parcel, tmp_path: Path) -> None:
    """It is the files that count, not how they were installed."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=TOP,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
    script = "import sys; from remit.machines import parcel; print(parcel(sys.argv[1], extras=[]).digest)"
    done = run(sys.executable, "-c", script, tmp_path / "store", PYTHONPATH=str(tmp_path / "site"))
    assert done.stdout.strip() == made.digest, done.stderr
