"""Run every code block of README.md, docs/*.md and the examples' pages, as a reader would: `make tour`, or `python tools/tour.py PAGE...`

    ```python     run in order; all blocks of a page share one module, and one temporary directory to work in
    ```console    each `$ command` is run by one bash for the whole page, in the same directory; the lines below it, if
                  there are any, must be its output (stdout and stderr), where `...` stands for anything

A line of its own before a block may say otherwise:

    <!-- not run: why -->     the block is left out, and the reason is printed
    <!-- file: name -->       the block, of any language, is the text of a file in that directory

The checkout's `examples` are there under that name, too.

Other languages are not run. A python block may use `await`. Each page is run by a process of its own. What it leaves running
ends with it, even what has been made a daemon: that process adopts its orphans and ends its descendants by their ids. Each
step has at most STEP seconds.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import ctypes
import inspect
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

TOP = Path(__file__).parents[1]
RUNS = {"python", "console"}
STEP = 120.0  # seconds for one block of python or one command of a console block
GRACE = 10.0  # seconds for what a page left running to end after SIGTERM, before SIGKILL

FENCE = re.compile(r"(?P<indent> {0,3})(?P<fence>`{3,}|~{3,}) *(?P<language>[\w+-]*)")
NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+?) -->")
FILE = re.compile(r"<!-- file: (?P<name>[\w.-]+) -->")


class WrongOutput(Exception):
    """A command did not do what its page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block: where it begins, its language, its text, and the line before it, which may say what to do with it."""

    line: int
    language: str
    text: str
    before: str

    @property
    def not_run(self) -> str | None:
        """Why it is not run, if it is not."""
        match = NOT_RUN.fullmatch(self.before)
        return match and match["reason"]

    @property
    def file(self) -> str | None:
        """The name of the file that it is, if it is one."""
        match = FILE.fullmatch(self.before)
        return match and match["name"]


@dataclass(frozen=True)
class Command:
    """One `$ command` of a console block with the output that the page shows for it."""

    line: int
    text: str
    expected: tuple[str, ...]


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = page.splitlines()
    before = ""
    at = 0
    while at < len(lines):
        opening = FENCE.match(lines[at])
        if opening is None:
            before = lines[at].strip() or before
            at += 1
            continue
        begin = at + 1
        end = begin
        while end < len(lines) and lines[end].strip() != opening["fence"]:
            end += 1
        text = "\n".join(line.removeprefix(opening["indent"]) for line in lines[begin:end])
        yield Block(begin + 1, opening["language"], text, before)
        before = ""
        at = end + 1


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; one goes on over lines that end in a backslash, or begin with `> ` or are a lone `>`."""
    current: list[str] | None = None
    expected: list[str] = []
    begin = block.line
    for line, text in enumerate(block.text.splitlines(), block.line):
        if text.startswith("$ "):
            if current is not None:
                yield Command(begin, "\n".join(current), tuple(expected))
            current, expected, begin = [text[2:]], [], line
        elif current is None:
            if text.strip():
                raise WrongOutput(f"line {line}: a console block begins with `$ command`, not with {text!r}")
        elif not expected and (current[-1].endswith("\\") or text.startswith("> ") or text == ">"):
            current.append("" if text == ">" else text.removeprefix("> "))
        else:
            expected.append(text)
    if current is not None:
        yield Command(begin, "\n".join(current), tuple(expected))


def fits(expected: Sequence[str], output: str) -> bool:
    """Is this the output that a page shows? `...` stands for anything in a line, and alone in a line for any lines."""
    pattern = ""
    for line in "\n".join(expected).strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += re.escape(line.rstrip()).replace(re.escape("..."), ".*") + r"[ \t]*\n"
    return re.fullmatch(pattern, output.strip() + "\n") is not None


class Shell:
    """One bash for a page: it keeps its directory, variables and background jobs from command to command."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self._mark = f"--- {secrets.token_hex(8)} "  # ends each command's output; no page can know it
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=place,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._unread = b""

    def run(self, command: str, limit: float) -> tuple[int, str]:
        """The exit status and the output of one command; output of background jobs comes as it comes."""
        assert self._process.stdin is not None
        # The command is read by `eval`, so that its unbalanced quotes are its own and what it reads is not our script.
        script = f"eval {quoted(command)} </dev/null\nprintf '\\n%s%d\\n' {quoted(self._mark)} $?\n"
        self._process.stdin.write(script.encode())
        self._process.stdin.flush()
        before, status = self._until_mark(time.monotonic() + limit)
        return status, before.decode(errors="replace")

    def _until_mark(self, deadline: float) -> tuple[bytes, int]:
        assert self._process.stdout is not None
        pattern = re.compile(rb"(?:\n|^)" + re.escape(self._mark.encode()) + rb"(\d+)\n")
        while (match := pattern.search(self._unread)) is None:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data:
                why = "the shell has ended" if ready else "it does not come to an end"
                raise WrongOutput(f"{why}; so far it printed:\n{self._unread.decode(errors='replace')}")
            self._unread += data
        output, self._unread = self._unread[: match.start()], self._unread[match.end() :]
        return output, int(match[1])

    def close(self) -> None:
        """No more commands; the jobs that they started go on."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def adopt_orphans() -> None:
    """From now on a descendant whose parent ends becomes this process's child (prctl(2), PR_SET_CHILD_SUBREAPER; Linux only)."""
    if ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "this process cannot adopt orphans")


def end_descendants() -> None:
    """End every process that this one has started, directly or not: politely, and after GRACE seconds not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        told: set[int] = set()
        while (left := descendants()) and time.monotonic() < deadline:
            for pid in left - told:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            told |= left
            time.sleep(0.02)
            reap()
    reap()


def reap() -> None:
    """Take note of the children that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants() -> set[int]:
    """The ids of the processes below this one that still run."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    parents[int(entry.name)] = int(parent)
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def quoted(text: str) -> str:
    """The text as one word of the shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def run_console(block: Block, shell: Shell) -> None:
    """Run a block's commands and compare what they print; without output shown, each must only succeed."""
    for command in commands(block):
        try:
            status, output = shell.run(command.text, STEP)
        except WrongOutput as error:
            raise WrongOutput(f"line {command.line}: $ {command.text}\n{error}") from None
        shown = f"line {command.line}: $ {command.text}\nexit status {status}, and it printed:\n{output}"
        if command.expected:
            if not fits(command.expected, output):
                raise WrongOutput(f"{shown}\nwhere the page shows:\n" + "\n".join(command.expected))
        elif status != 0:
            raise WrongOutput(shown)


def run_python(block: Block, names: dict[str, object], page: str) -> None:
    """Run a block in the page's namespace; a top-level `await` or `async with` makes it run in an event loop."""
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    with limited(STEP):
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))  # noqa: S307  # the page's own code: this is what a tour is
        else:
            exec(code, names)  # noqa: S102  # as above


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Break off what takes longer."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise WrongOutput(f"it does not come to an end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def tour(page: Path, say: Callable[[str], None]) -> int:
    """Run a page's blocks in order, in a temporary directory; says how many ran, or raises what went wrong.

    All descendants of this process end with the page.
    """
    found = list(blocks(page.read_text(encoding="utf-8")))
    if not any(block.language in RUNS or block.file for block in found):
        return 0
    place = Path(tempfile.mkdtemp(prefix="tour-"))
    before = Path.cwd()
    shell = Shell(place, environment(place))
    names: dict[str, object] = {"__name__": "__tour__"}
    done = 0
    try:
        os.chdir(place)
        (place / "examples").symlink_to(TOP / "examples")
        for block in found:
            if block.file is not None:
                (place / block.file).write_text(block.text + "\n", encoding="utf-8")
            elif block.language not in RUNS:
                continue
            elif block.not_run is not None:
                say(f"{page.name}:{block.line}: not run: {block.not_run}")
                continue
            elif block.language == "console":
                run_console(block, shell)
            else:
                run_python(block, names, str(page))
            done += 1
    finally:
        os.chdir(before)
        shell.close()
        end_descendants()
        shutil.rmtree(place, ignore_errors=True)
    return done


def environment(place: Path) -> dict[str, str]:
    """What the commands of a page see: the project's own programs first, a home and a state of their own, no colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REMIT", "PYTHON"))}
    programs = str(Path(sys.executable).parent)
    return {
        **kept,
        "PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "HOME": str(place),
        "XDG_CONFIG_HOME": str(place / ".config"),
        "XDG_STATE_HOME": str(place / ".state"),
        "XDG_RUNTIME_DIR": str(place / ".run"),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }


def pages() -> list[Path]:
    """README.md and the manual."""
    return [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / "examples").rglob("*.md"))]


def one_page(page: Path) -> int:
    """Run a page in this process, and say how it went; the exit status of the process."""
    adopt_orphans()
    begun = time.monotonic()
    try:
        done = tour(page, print)
    except WrongOutput as error:
        print(f"{page}: FAILED: {error}")
        return 1
    except Exception:  # noqa: BLE001  # a page's python raises what it likes
        print(f"{page}: FAILED\n{traceback.format_exc(limit=-4)}")
        return 1
    if done:
        print(f"{page}: {done} blocks held ({time.monotonic() - begun:.1f} s)")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pages given, or all; the exit status says whether all held."""
    parser = argparse.ArgumentParser(description="Run the code blocks of the manual's pages.")
    parser.add_argument("page", nargs="*", type=Path, help="a Markdown file; without any, README.md and docs/**/*.md")
    parser.add_argument("--here", action="store_true", help="run the one page in this process")
    options = parser.parse_args(arguments)
    if options.here:
        return one_page(options.page[0])
    chosen = options.page or pages()
    failed = 0
    for page in chosen:
        # Not stdin: a page that asks for input must not wait for the person who runs the tour.
        done = subprocess.run([sys.executable, "-u", __file__, "--here", page], stdin=subprocess.DEVNULL, check=False)
        failed += done.returncode != 0
    print(f"tour: {len(chosen)} pages, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
