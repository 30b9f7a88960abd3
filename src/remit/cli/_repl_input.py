"""Where `remit server repl` reads: a terminal with editing, completion and history, or a script."""

from __future__ import annotations

import ast
import codeop
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TextIO

from remit.durable import write_secret_file

__all__ = ["at_terminal", "from_script"]

KEPT: Final = 1000
"""Lines of history."""
DELIMITERS: Final = " \t\n`~!@#$%^&*()-=+[{]}\\|;:'\",<>/?"
_GOES_ON: Final = re.compile(r"(else|elif|except|finally|case)\b|[)\]}#]")


def _compiler() -> codeop.CommandCompiler:
    made = codeop.CommandCompiler()
    made.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return made


def _incomplete(compiler: codeop.CommandCompiler, source: str) -> bool:
    """Whether more lines have to follow. What is wrong is complete: the server says what is wrong with it."""
    try:
        return compiler(source, "<input>", "single") is None
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return False


def from_script(stream: TextIO) -> Iterator[str]:
    """Pieces of code and control commands, each as soon as it is whole. A block ends where the next line begins at the margin."""
    compiler = _compiler()
    block = ""
    for line in stream:
        at_margin = bool(line.strip()) and not line[0].isspace() and _GOES_ON.match(line) is None
        if block and at_margin and _whole(block):
            yield block
            block = ""
        if not block and (not line.strip() or line.startswith(",")):
            if line.strip():
                yield line.rstrip("\n")
            continue
        block += line if line.endswith("\n") else f"{line}\n"
        if line.strip() and not _incomplete(compiler, block.rstrip("\n")):
            yield block
            block = ""
    if block:
        yield block


def _whole(block: str) -> bool:
    try:
        compile(block, "<input>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def at_terminal(prompt: str, history: Path, complete: Callable[[str], list[str]]) -> Iterator[str]:
    """The same from a terminal: a block ends with an empty line, ctrl-C forgets what was typed, ctrl-D ends."""
    compiler = _compiler()
    keep = _edited(history, complete)
    block = ""
    try:
        while True:
            try:
                line = input(f"{'...'.ljust(len(prompt) - 2)} " if block else prompt)
            except KeyboardInterrupt:
                sys.stdout.write("\n")
                block = ""
                continue
            except EOFError:
                sys.stdout.write("\n")
                return
            block = f"{block}\n{line}" if block else line
            if not block.strip():
                block = ""
            elif block.startswith(",") or not _incomplete(compiler, block):
                yield block
                block = ""
    finally:
        keep()


def _edited(history: Path, complete: Callable[[str], list[str]]) -> Callable[[], None]:
    """Have lines edited, completed and remembered; what keeps them is given. Without `readline` there is none of it."""
    try:
        import readline
    except ImportError:  # Python can be built without
        return lambda: None
    found: list[str] = []

    def next_one(text: str, state: int) -> str | None:
        if state == 0:
            found[:] = complete(readline.get_line_buffer()[: readline.get_endidx()])
        return found[state] if state < len(found) else None

    readline.set_completer_delims(DELIMITERS)
    readline.set_completer(next_one)
    readline.parse_and_bind("tab: complete")
    readline.set_auto_history(True)
    readline.clear_history()
    if history.is_file():
        for line in history.read_text(encoding="utf-8", errors="replace").splitlines()[-KEPT:]:
            readline.add_history(line)

    def keep() -> None:
        count = readline.get_current_history_length()
        lines = [readline.get_history_item(index) for index in range(max(1, count - KEPT + 1), count + 1)]
        text = "".join(f"{line}\n" for line in lines if line)
        try:
            write_secret_file(history, text.encode("utf-8", "replace"), replace=True)
        except OSError:
            return  # a full disk costs the history, not the session

    return keep
