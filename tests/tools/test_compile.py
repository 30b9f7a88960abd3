"""tools/compile.py, the build hook: a pure build asks for nothing, and a compiled one says what it lacks.

That it compiles is tested by `make test-compiled`, on what it made.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.source import TOP

NEEDED = "import hatchling.build; print(hatchling.build.get_requires_for_build_wheel())"


def run(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """This interpreter at the top of the checkout, with no program in reach but itself."""
    env = {"PATH": "/nonexistent", "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    return subprocess.run(
        [sys.executable, *argv], cwd=TOP, env=env, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.mark.parametrize("switch", ["", "0", None])
def test_a_pure_wheel_needs_no_compiler(switch: str | None, tmp_path: Path) -> None:
    """Without the variable the wheel is one for every Python 3, made with hatchling alone."""
    environment = {} if switch is None else {"REMIT_COMPILE": switch}
    done = run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), **environment)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as file:
        names = file.namelist()
    assert "remit/values/_decode.py" in names and "remit/py.typed" in names
    assert not [name for name in names if name.endswith((".so", ".c"))]


def test_only_a_compiled_build_asks_for_mypy(tmp_path: Path) -> None:
    """pip fetches what a build asks for: for a pure one nothing besides hatchling."""
    assert run("-c", NEEDED).stdout == "[]\n"
    assert "mypy" in run("-c", NEEDED, REMIT_COMPILE="1").stdout


def test_a_compiled_build_without_a_compiler_says_so(tmp_path: Path) -> None:
    """In one line, with both ways out, and no wheel that would be pure after all."""
    done = run("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path), REMIT_COMPILE="1", CC="no-such-compiler")
    assert done.returncode != 0 and list(tmp_path.iterdir()) == []
    (line,) = done.stderr.splitlines()
    assert "no C compiler (no-such-compiler)" in line and "install it, or unset REMIT_COMPILE" in line


def test_an_editable_install_does_not_pretend_to_be_compiled() -> None:
    """It runs the source in place, beside which nothing is written."""
    done = run("-c", "import hatchling.build as build; build.build_editable('/nonexistent')", REMIT_COMPILE="1")
    assert done.returncode != 0 and "an editable install is pure Python" in done.stderr


def test_whether_it_could_compile_can_be_asked() -> None:
    """`.ci/run` skips the compiled build where the hook itself says that a part is missing."""
    done = run("tools/compile.py", CC="no-such-compiler")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "remit: there is no C compiler (no-such-compiler): no compiled build here\n"
    assert run("tools/compile.py", PATH=os.defpath, CC="sh").stderr.find("no C compiler") < 0
