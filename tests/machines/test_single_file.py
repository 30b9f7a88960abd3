"""A program as one file: `remit bundle`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remit.errors import BadArgument, Missing, StoreError
from remit.machines import Parcel, parcel, single_file
from tests.cli.kit import process

PROGRAM = """
import json, sys
import helper, cryptography, msgspec, remit
from pathlib import Path

def go():
    print("called", sys.argv[1:])
    return 7

if __name__ == "__main__":
    import shop.main
    found = [Path(each.__file__) for each in (helper, cryptography, msgspec, remit)]
    print(json.dumps([sys.argv[1:], shop.main.TEXT, len({path.parts[: path.parts.index("bundles") + 2] if "bundles" in path.parts else path.parts[:3] for path in found})]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """A parcel of what runs these tests."""
    return parcel(tmp_path_factory.mktemp("store"), extras=[])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Parcel:
    """What takes the place of a parcel where Remit itself is not wanted."""
    place = tmp_path_factory.mktemp("small")
    (place / "lib").mkdir()
    (place / "lib" / "remit.py").write_text("")
    (place / "parcel.json").write_text('{"python": ""}')
    return Parcel("small", "0", "", place)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    top = tmp_path / "source"
    (top / "shop").mkdir(parents=True)
    (top / "prog.py").write_text(PROGRAM)
    (top / "helper.py").write_text("X = 1\n")
    (top / "shop" / "__init__.py").write_text("")
    (top / "shop" / "main.py").write_text(
        "from pathlib import Path\nTEXT = Path(__file__).with_name('t.txt').read_text()\n"
    )
    (top / "shop" / "t.txt").write_text("data")
    return top


def run(file: Path, home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """As on a host with a Python and nothing else of ours: no environment, and none of the packages that are installed here."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home), "LC_ALL": "C.UTF-8", **more}
    base = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run(
        [base, "-S", str(file), *words], env=env, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )


def test_it_runs_with_a_python_and_nothing_else(made: Parcel, source: Path, tmp_path: Path) -> None:
    """Its own modules, data and Remit with extension modules come out of the file; it is unpacked once, privately."""
    done = single_file("prog", tmp_path / "prog.pyz", made.path, path=[str(source)])
    assert os.access(done.path, os.X_OK) and done.path.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    said = run(done.path, tmp_path / "home", "a", "b c")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == [["a", "b c"], "data", 1]
    place = tmp_path / "home" / ".cache" / "remit" / "bundles" / done.digest
    assert place.parent.stat().st_mode & 0o777 == 0o700 and [each.name for each in place.parent.iterdir()] == [
        done.digest
    ]
    marked = place / "app" / "shop" / "t.txt"
    marked.write_text("found again")
    assert json.loads(run(done.path, tmp_path / "home").stdout)[1] == "found again"


def test_the_same_files_make_the_same_file(small: Parcel, source: Path, tmp_path: Path) -> None:
    """To the byte, so that what is shipped can be compared."""
    one = single_file("helper", tmp_path / "one.pyz", small.path, path=[str(source)])
    (source / "helper.py").touch()
    two = single_file("helper", tmp_path / "two.pyz", small.path, path=[str(source)])
    assert one.path.read_bytes() == two.path.read_bytes() and one.digest == two.digest
    (source / "helper.py").write_text("X = 2\n")
    assert single_file("helper", tmp_path / "two.pyz", small.path, path=[str(source)]).digest != one.digest


def test_a_function_is_called_and_its_result_is_the_exit_code(small: Parcel, source: Path, tmp_path: Path) -> None:
    """module:function, as in entry points."""
    (source / "prog.py").write_text("import sys\ndef go():\n    print(sys.argv[1:], __name__)\n    return 7\n")
    done = single_file("prog:go", tmp_path / "go.pyz", small.path, path=[str(source)])
    said = run(done.path, tmp_path / "home", "x")
    assert (said.returncode, said.stdout) == (7, "['x'] prog\n"), said.stderr


def test_it_runs_where_nothing_can_be_kept(small: Parcel, source: Path, tmp_path: Path) -> None:
    """Unpacked for one run, and gone after it; so, too, where others could have put something into the cache."""
    (source / "prog.py").write_text("import helper\nprint(helper.__file__)\n")
    done = single_file("prog", tmp_path / "prog.pyz", small.path, path=[str(source)])
    (tmp_path / "file").touch()
    open_place = tmp_path / "open" / "remit" / "bundles"
    open_place.mkdir(parents=True)
    open_place.chmod(0o777)
    for cache in (tmp_path / "file", tmp_path / "open"):
        said = run(done.path, tmp_path, XDG_CACHE_HOME=str(cache), TMPDIR=str(tmp_path))
        assert said.returncode == 0 and "remit-bundle-" in said.stdout, said.stderr
        assert not Path(said.stdout.strip()).exists()


def test_another_python_is_told_which_one_it_takes(source: Path, small: Parcel, tmp_path: Path) -> None:
    """Not a traceback of an extension module that cannot be loaded."""
    other = tmp_path / "other"
    (other / "lib").mkdir(parents=True)
    (other / "lib" / "x.py").touch()
    (other / "parcel.json").write_text('{"python": ".cpython-399-x86_64-linux-gnu.so"}')
    done = single_file("helper", tmp_path / "helper.pyz", other, path=[str(source)])
    said = run(done.path, tmp_path / "home")
    assert said.returncode == 1 and "made for Python 3.99" in said.stderr and "Traceback" not in said.stderr


def test_what_cannot_come_along_is_refused(small: Parcel, source: Path, tmp_path: Path) -> None:
    """With what to do; nothing is left behind."""
    (source / "needy.py").write_text("import nowhere_at_all\n")
    for program, error, words in (
        ("needy", BadArgument, "--present nowhere_at_all"),
        ("progg", Missing, "did you mean prog"),
        ("prog:a.b", BadArgument, "module:function"),
    ):
        with pytest.raises(error, match=words):
            single_file(program, tmp_path / "x.pyz", small.path, path=[str(source)])
    assert single_file("needy", tmp_path / "y.pyz", small.path, path=[str(source)], present=["nowhere_at_all"]).files
    with pytest.raises(StoreError, match="cannot be written"):
        single_file("helper", tmp_path / "none" / "x.pyz", small.path, path=[str(source)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "y.pyz"]


def test_the_command_makes_it(source: Path, tmp_path: Path) -> None:
    """A file of this directory, or a module by its name; what is wrong is said in one line."""
    done = process(tmp_path, "bundle", "prog.py", "-o", "p.pyz", "--json", cwd=source)
    assert done.code == 0, done.err
    assert json.loads(done.out)["file"] == str(source / "p.pyz") and (source / "p.pyz").stat().st_size > 1 << 20
    missing = process(tmp_path, "bundle", "helpers", cwd=source)
    assert missing.code == 1 and "did you mean helper?" in missing.err
    assert "no file no.py" in process(tmp_path, "bundle", "no.py", cwd=source).err
