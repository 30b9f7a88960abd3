"""tools/setup: what it asks of a machine, what it says where that is missing, and when it does nothing.

pip is not run for real here (`make test` itself has done that): a stand-in for the interpreter notes what it is asked to do.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.house.source import TOP

# Stands for an interpreter: notes its calls, and makes "virtual environments" that hold a copy of itself.
PYTHON = """#!/bin/sh
echo "$0 $*" >>{log}
case "$*" in
    *ensurepip*) [ ! -e {log}.no-ensurepip ] || exit 1; exec {real} "$@" ;;
    *"-m venv"*) for made in "$@"; do :; done; mkdir -p "$made/bin"; cp "$0" "$made/bin/python" ;;
    *"-m pip"*) sleep 0.2; [ ! -e {log}.no-pip ] || exit 1 ;;
    *) exec {real} "$@" ;;
esac
"""


class Checkout:
    """A copy of what setting up needs, with programs of its own in front of the system's."""

    def __init__(self, place: Path) -> None:
        self.place = place / "checkout"
        self.programs = place / "bin"
        self.log = place / "log"
        self.compiler = "true"
        (self.place / "tools").mkdir(parents=True)
        self.programs.mkdir()
        shutil.copy(TOP / "tools" / "setup", self.place / "tools")
        shutil.copy(TOP / "tools" / "compile.py", self.place / "tools")
        shutil.copy(TOP / "pyproject.toml", self.place)
        (self.place / "src").mkdir()
        (self.place / "src" / "module.py").write_text("one = 1\n", encoding="utf-8")
        self.program("mypython", PYTHON.format(log=self.log, real=sys.executable))
        self.program(
            "apt-get", f"#!/bin/sh\necho apt-get $* >>{self.log}\n[ $1 != install ] || rm {self.log}.no-ensurepip\n"
        )
        self.program("id", "#!/bin/sh\necho 1000\n")

    def program(self, name: str, text: str) -> None:
        """Put a program in front of the system's."""
        path = self.programs / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def start(self, which: str = "core", python: str | None = "mypython") -> subprocess.Popen[str]:
        """Begin to set up."""
        environment = {"PATH": f"{self.programs}:/usr/bin:/bin", "HOME": str(self.place), "CC": self.compiler}
        if python is not None:
            environment["PYTHON"] = python
        command = [str(self.place / "tools" / "setup"), which]
        return subprocess.Popen(
            command, env=environment, cwd="/", stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, which: str = "core", python: str | None = "mypython") -> tuple[int, str]:
        """Set up; the exit status and what was said."""
        process = self.start(which, python)
        out, err = process.communicate(timeout=30)
        assert out == ""
        return process.returncode, err

    def did(self, what: str) -> int:
        """How often the interpreter or apt-get was asked to do this."""
        return sum(what in line for line in self.log.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_it_sets_up_once(checkout: Checkout) -> None:
    """The second run is silent and installs nothing; one line tells the first time."""
    status, said = checkout.run()
    assert (status, said.count("\n")) == (0, 1)
    assert "setting up .venv" in said
    assert checkout.run() == (0, "")
    assert checkout.did("-m venv") == checkout.did("-m pip") == 1


def test_it_installs_again_when_pyproject_changes(checkout: Checkout) -> None:
    """A new dependency arrives by itself; the environment is kept."""
    checkout.run()
    with (checkout.place / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert checkout.run() == (0, "")
    assert (checkout.did("-m venv"), checkout.did("-m pip")) == (1, 2)


def test_dev_holds_core(checkout: Checkout) -> None:
    """After `dev` nothing is left to do for `core`, but not the other way round."""
    checkout.run("core")
    assert checkout.did("-m pip") == 1
    checkout.run("dev")
    assert checkout.did("-m pip") == 2
    checkout.run("core")
    assert checkout.did("-m pip") == 2
    assert checkout.did("-e .[dev]") == 1


@pytest.mark.skipif(
    not Path(sysconfig.get_path("include"), "Python.h").exists(), reason="Python's C headers are missing"
)
def test_the_compiled_build_lies_beside_and_is_made_again_when_source_changes(checkout: Checkout) -> None:
    """The pure environment is left alone; what is needed for compiling is installed once, and not for each build."""
    status, said = checkout.run("compiled")
    assert (status, "setting up .venv-compiled" in said, "compiling" in said) == (0, True, True)
    assert not (checkout.place / ".venv").exists()
    assert checkout.run("compiled") == (0, "")
    assert (checkout.did("-e .[dev,uvloop]"), checkout.did("--no-build-isolation")) == (1, 1)
    (checkout.place / "src" / "module.py").write_text("one = 2\n", encoding="utf-8")
    status, said = checkout.run("compiled")
    assert (status, said.count("\n")) == (0, 1)
    assert (checkout.did("-e .[dev,uvloop]"), checkout.did("--no-build-isolation")) == (1, 2)


def test_without_a_compiler_the_compiled_build_is_refused(checkout: Checkout) -> None:
    """With an exit code of its own, and a line that says what is missing."""
    checkout.compiler = "no-such-compiler"
    status, said = checkout.run("compiled")
    assert status == 3 and "no C compiler (no-such-compiler)" in said
    assert checkout.did("--no-build-isolation") == 0


def test_a_moved_checkout_gets_a_new_environment(checkout: Checkout) -> None:
    """Virtual environments hold absolute paths."""
    checkout.run()
    moved = checkout.place.with_name("moved")
    checkout.place.rename(moved)
    checkout.place = moved
    assert "setting up" in checkout.run()[1]


def test_an_environment_that_does_not_run_is_made_anew(checkout: Checkout) -> None:
    """Its interpreter may have been removed by an upgrade."""
    checkout.run()
    python = checkout.place / ".venv" / "bin" / "python"
    python.write_text("#!/gone\n", encoding="utf-8")
    assert "setting up" in checkout.run()[1]


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    """The second waits for the first, and finds the work done."""
    processes = [checkout.start("dev") for _ in range(3)]
    said = [process.communicate(timeout=30)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sum("setting up" in text for text in said) == 1
    assert checkout.did("-m pip") == 1


def test_a_failed_install_is_tried_again(checkout: Checkout) -> None:
    """Nothing says that it is done before it is; the message says where to look."""
    trouble = Path(f"{checkout.log}.no-pip")
    trouble.touch()
    status, said = checkout.run()
    assert status == 1
    assert "pip could not install" in said
    trouble.unlink()
    assert checkout.run()[0] == 0


def test_an_ordinary_user_without_venv_is_told_in_one_line(checkout: Checkout) -> None:
    """The line names the package to install."""
    Path(f"{checkout.log}.no-ensurepip").touch()
    status, said = checkout.run()
    assert status == 1
    assert said.count("\n") == 1
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in said
    assert checkout.did("apt-get") == 0


def test_root_without_venv_gets_it_installed(checkout: Checkout) -> None:
    """On Debian and Ubuntu root's run installs the package, and goes on."""
    Path(f"{checkout.log}.no-ensurepip").touch()
    checkout.program("id", "#!/bin/sh\necho 0\n")
    assert checkout.run()[0] == 0
    assert checkout.did(f"install -qq -y python3.{sys.version_info.minor}-venv") == 1


def test_a_python_that_is_too_old_is_refused(checkout: Checkout) -> None:
    """The message names the interpreter that was asked for, and the way to name another."""
    checkout.program("old", "#!/bin/sh\nexit 1\n")
    status, said = checkout.run(python="old")
    assert status == 1
    assert "no Python 3.11 or newer was found at PYTHON=old" in said


def test_an_interpreter_that_only_pretends_is_passed_over(checkout: Checkout) -> None:
    """A version manager's shim for a version that is not active is tried, not believed."""
    checkout.program("python3.13", "#!/bin/sh\necho 'not active' >&2\nexit 127\n")
    (checkout.programs / "mypython").rename(checkout.programs / "python3.12")
    assert checkout.run(python=None)[0] == 0
    assert checkout.did("python3.12 -I -m venv") == 1
