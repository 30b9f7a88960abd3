"""`remit server repl`."""

from __future__ import annotations

import concurrent.futures
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

import click

from remit.cli._exit import FAILED, TimedOut, told
from remit.cli._main import Settings
from remit.cli._server_ask import admin_key, ensemble_options, reference_of
from remit.cli._show import say, tell
from remit.errors import Refused

__all__ = ["repl"]


@click.command()
@click.argument("id", required=False)
@ensemble_options
@click.pass_obj
def repl(settings: Settings, id: str | None, home: str | None, reference: str | None) -> int:
    """Work in server ID: type Python, and it is evaluated there; ,help lists what else there is.

    `server`, `vat`, `node` and `network` are the server's; `await` may stand anywhere. ctrl-C interrupts what the server evaluates, not this. Where the connection
    is lost it is made again, and the session goes on. From a pipe or a file it reads a script: no prompts, and exit code 1 if anything failed.
    Needs the part eval; the audit log of the server has every line.
    """
    if (id is None) == (reference is None):
        raise click.UsageError("name one server: its ID, or --server FILE")
    way = None if reference is None else reference_of(reference)
    try:
        link = _opened(settings, home, id, way, None)
    except Refused:
        key = admin_key(settings, home)
        if key is None:
            raise
        link = _opened(settings, home, id, way, key)
    return Conversation(settings, link, home, id).hold()


def _opened(settings: Settings, home: str | None, id: str | None, way: Any, key: Any) -> Any:
    from remit.cli._repl_link import Link

    link = Link(settings, home, id, way, lambda text: say(f"[{text}]"), key)
    try:
        link.open()
    except concurrent.futures.TimeoutError:
        raise TimedOut(f"no answer within {settings.timeout:g} s") from None
    return link


class Conversation:
    """What the person says and is told, from beginning to end."""

    def __init__(self, settings: Settings, link: Any, home: str | None, id: str | None) -> None:
        self._settings = settings
        self._link = link
        self._home = home
        self._id = id
        self._failed = False

    def hold(self) -> int:
        """The exit code."""
        from remit.cli._repl_words import Leave

        terminal = sys.stdin.isatty()
        try:
            for piece in self._pieces(terminal):
                self._failed |= not self._do(piece)
        except Leave:
            pass
        finally:
            self._link.close()
        return FAILED if self._failed and not terminal else 0

    def _pieces(self, terminal: bool) -> Iterator[str]:
        from remit.cli import _repl_input
        from remit.ensemble import Home

        if not terminal:
            return _repl_input.from_script(sys.stdin)
        tell(f"{self._id or 'the server'}: ,help lists control commands, ,quit leaves")
        history = Home.find(self._home).make().path / "history"
        return _repl_input.at_terminal(f"{self._id or 'server'}> ", history, self._complete)

    def _do(self, piece: str) -> bool:
        from remit.cli._repl_words import control, words_of
        from remit.errors import RemitError

        try:
            if not piece.startswith(","):
                return self._run(piece)
            words_of(piece)
            return control(self._link, piece, self._run, self._wait)
        except KeyboardInterrupt:
            say("interrupted; the server may go on with it")
        except (RemitError, click.ClickException, TimeoutError) as error:
            say(told(error) if isinstance(error, RemitError) else str(error) or "no answer")
        return False

    def _run(self, source: str) -> bool:
        from remit.cli._repl_link import show

        done = self._wait(self._link.run(source))
        show(done.output)
        if done.text:
            show(f"{done.text}\n")
        if done.error:
            sys.stdout.flush()
            show(done.error, err=True)
        return not done.error

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Await in the link's loop; ctrl-C interrupts the server's work, or gives up where there is no connection."""
        future = self._link.ask(work)
        while True:
            try:
                return future.result()
            except KeyboardInterrupt:
                if not self._link.connected:
                    future.cancel()
                    raise
                self._link.ask(self._link.quickly("interrupt"))

    def _complete(self, text: str) -> list[str]:
        from remit.cli._repl_words import COMMANDS

        if text.startswith(","):
            return [name for name in COMMANDS if name.startswith(text.lstrip(",( "))]
        try:
            found: list[str] = self._link.ask(self._link.quickly("complete", text)).result(3)
        except Exception:  # noqa: BLE001  # no completion is better than a traceback in a line that is being typed
            return []
        return found
