"""The control commands of `remit server repl`: lines that begin with a comma. `,(load -f x)` is the same as `,load -f x`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Coroutine
from typing import Any, Final

from remit.cli._repl_link import Link, show
from remit.cli._show import tell
from remit.errors import BadArgument

__all__ = ["COMMANDS", "HELP", "Leave", "control", "words_of"]

HELP: Final = """\
Python is evaluated in the server: expressions, statements, `await` anywhere; `_` is the last value. Names last as long as the session.
  ,import MODULE           import a module, in the server: its name is the session's from then on
  ,load [-f|-l] MODULE     bring a module of this machine, with what it needs, into the server;
                           -f: alone and again, -l: a module that the server has
  ,defined? NAME           whether a name leads to something in the session
  ,threads [-a]            list the server's threads; -a: where each of them is
  ,backtrace N             where thread N of the list is
  ,tasks                   list the tasks of the server's event loop
  ,shutdown                shut the server down, and leave
  ,help  ,h                this
  ,quit  ,q                leave: the session ends (ctrl-D is the same)
ctrl-C interrupts what the server evaluates."""
COMMANDS: Final = ("import", "load", "defined?", "threads", "backtrace", "tasks", "shutdown", "help", "quit")
_SAME: Final = {
    "q": "quit",
    "h": "help",
    "?": "help",
    "defined": "defined?",
    "thread-state": "threads",
    "thread-backtrace": "backtrace",
    "-g": "-a",
}


class Leave(Exception):  # no error
    """The person wants to leave."""


def words_of(line: str) -> list[str]:
    """The words of a control command, by their present names. Raises `BadArgument`."""
    text = line.strip().removeprefix(",").strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise BadArgument(f"that is no control command: {error}; see ,help") from None
    return [_SAME.get(words[0], words[0]), *(_SAME.get(word, word) for word in words[1:])] if words else ["help"]


def control(link: Link, line: str, run: Callable[[str], bool], wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> bool:
    """Do what a control command says; whether it went well. `run` evaluates a piece of code, `wait` awaits in the link's loop."""
    name, *rest = words_of(line)
    if name == "quit":
        raise Leave
    if name == "help":
        tell(HELP, lines=True)
    elif name == "import":
        return run("\n".join(f"import {_module(word)}" for word in _some(rest, "import MODULE")))
    elif name == "load":
        wait(_load(link, rest))
    elif name == "defined?":
        found = [bool(wait(link.call("defined", word))) for word in _some(rest, "defined? NAME")]
        tell("\n".join(str(each) for each in found), lines=True)
    elif name in ("threads", "backtrace", "tasks"):
        wait(_look(link, name, rest))
    elif name == "shutdown":
        wait(_shutdown(link))
        raise Leave
    else:
        raise BadArgument(f"there is no control command ,{name}; see ,help")
    return True


def _some(words: list[str], usage: str) -> list[str]:
    if not words or words[0].startswith("-"):
        raise BadArgument(f"write ,{usage}")
    return words


def _module(word: str) -> str:
    name = word.lstrip(":").replace("/", ".")
    if not all(part.isidentifier() for part in name.split(".")):
        raise BadArgument(f"{word!r} is not the name of a module")
    return name


async def _load(link: Link, words: list[str]) -> None:
    from remit.cli._own_code import own_bundle  # for those who load
    from remit.ensemble.code import send_bundle, send_library

    force, library = "-f" in words, "-l" in words
    part = await link.part("load")
    for word in _some([word for word in words if word not in ("-f", "-l")], "load [-f|-l] MODULE"):
        module = _module(word)
        if library:
            loaded = await send_library(part, module, force=force)
        else:
            loaded = await send_bundle(part, own_bundle(link.console.home, module, alone=force), force=force)
        what = "was there already" if loaded.already else f"loaded {', '.join(loaded.executed) or module}"
        tell(f"{module}: {what}{f' [{loaded.digest[:12]}]' if loaded.digest else ''}")
        for stale in loaded.stale:
            tell(f"{stale} still uses what was replaced: ,load {stale}")


async def _look(link: Link, what: str, words: list[str]) -> None:
    part = await link.part("inspect")
    if what == "tasks":
        for number, task in enumerate(await part.tasks(), 1):
            show(f"{number:3}  {task['name']}  {task['doing']}\n")
        return
    threads = await part.stack()
    if what == "threads":
        for number, thread in enumerate(threads, 1):
            show(f"{number:3}  {thread['thread']}{' (daemon)' if thread['daemon'] else ''}\n")
            if words == ["-a"]:
                show(_indented(thread["stack"]))
        return
    if len(words) != 1 or not words[0].isdecimal() or not 0 < int(words[0]) <= len(threads):
        raise BadArgument(f"write ,backtrace N, N from 1 to {len(threads)}: ,threads lists them")
    show(threads[int(words[0]) - 1]["stack"].rstrip("\n") + "\n")


def _indented(text: str) -> str:
    return "".join(f"       {line}\n" for line in text.splitlines())


async def _shutdown(link: Link) -> None:
    part = await link.part("shutdown")
    await part.shutdown()
