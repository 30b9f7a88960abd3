"""`remit server eval` and `remit server repl`: pieces of scripts, control commands, terminals, lost connections."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pty
import select
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from remit.cli._repl_input import from_script
from remit.cli._repl_words import words_of
from remit.ensemble import serve
from remit.ensemble.admin import AdminKey
from remit.errors import BadArgument, LinkLost
from remit.lib import Cell
from tests.cli.kit import PATIENCE, command, environment
from tests.ensemble.town import town, until


def test_a_script_is_cut_into_pieces_that_are_whole():
    """A statement goes as soon as it is whole; a block with its else, its empty lines and its decorators when the next begins at the margin."""
    script = (
        "x = 1\n\nif x:\n    y = 2\n\n    z = 3\nelse:\n    y = 4\n,defined? y\n@f\ndef g():\n    '''\nmargin\n    '''\ncall(\n1,\n)\n'''a\nb'''\n"
        "await x\nwrong wrong\nfor i in x: print(i)\n"
    )
    assert list(from_script(io.StringIO(script))) == [
        "x = 1\n",
        "if x:\n    y = 2\n\n    z = 3\nelse:\n    y = 4\n",
        ",defined? y",
        "@f\ndef g():\n    '''\nmargin\n    '''\n",
        "call(\n1,\n)\n",
        "'''a\nb'''\n",
        "await x\n",
        "wrong wrong\n",
        "for i in x: print(i)\n",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (",load -f my_module", ["load", "-f", "my_module"]),
        (",(load -f my_module)", ["load", "-f", "my_module"]),
        (",q", ["quit"]),
        (",h", ["help"]),
        (",", ["help"]),
        (",(defined? x)", ["defined?", "x"]),
        (",(thread-state -g)", ["threads", "-a"]),
        (",(thread-backtrace 3)", ["backtrace", "3"]),
    ],
)
def test_control_commands_are_written_as_in_the_manual_or_plainly(line, words):
    """The manual's spelling with parentheses, and its names, mean the same."""
    assert words_of(line) == words


def test_a_control_command_that_cannot_be_read_is_an_error():
    """An open quotation mark is no command."""
    with pytest.raises(BadArgument, match="see ,help"):
        words_of(",load 'x")


@asynccontextmanager
async def server_of(tmp_path):
    async with asyncio.timeout(PATIENCE), town(tmp_path) as place, serve("web1", home=place.home) as server:
        yield place, server


async def remit(place, *words, stdin="", cwd=None):
    """A command as a process of its own: its exit code, and what it wrote."""
    child = await asyncio.create_subprocess_exec(
        *command(*words),
        env=environment(place.home.path.parent, REMIT_ENSEMBLE=str(place.home.path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
    )
    out, err = await child.communicate(stdin.encode())
    return child.returncode, out.decode(), err.decode()


def test_eval_shows_the_value_or_the_error(tmp_path):
    """What was printed and the value on stdout, a traceback on stderr with exit code 1, code from standard input, a bound in time."""

    async def main():
        async with server_of(tmp_path) as (place, _):
            shown, failed, piped, endless = await asyncio.gather(
                remit(place, "server", "eval", "web1", "print('x'); server.id.name"),
                remit(place, "server", "eval", "web1", "1/0"),
                remit(place, "server", "eval", "web1", "-", stdin="def f():\n    return 2\n\nf()\n"),
                remit(place, "server", "eval", "web1", "--for", "1s", "while True: pass"),
            )
            assert shown == (0, "x\n'web1'\n", "")
            assert (failed[0], failed[1]) == (1, "")
            assert failed[2].endswith("ZeroDivisionError: division by zero\n")
            assert piped == (0, "2\n", "")
            assert endless[0] == 1
            assert "KeyboardInterrupt: it was given 1 s" in endless[2]

    asyncio.run(main())


def test_a_script_is_worked_off_line_by_line(tmp_path):
    """No prompts; errors are told and the script goes on; exit code 1 if anything failed, 0 if nothing did."""

    async def main():
        async with server_of(tmp_path) as (place, _):
            good = "x = 40\ndef f(y):\n    return x + y\nf(2)\n,(import json)\n,defined? json.dumps\n,quit\nnever\n"
            bad = "1/0\n,nope\nprint('after')\n"
            well, ill = await asyncio.gather(
                remit(place, "server", "repl", "web1", stdin=good), remit(place, "server", "repl", "web1", stdin=bad)
            )
            assert well == (0, "42\nTrue\n", "")
            assert (ill[0], ill[1]) == (1, "after\n")
            assert "ZeroDivisionError" in ill[2]
            assert "there is no control command ,nope; see ,help" in ill[2]

    asyncio.run(main())


def test_control_commands_load_look_and_shut_down(tmp_path):
    """A module of this machine is brought and imported; threads, backtraces and tasks of the server are shown; shutdown leaves, too."""

    async def main():
        (tmp_path / "brought_here.py").write_text("x = 41\n")
        async with server_of(tmp_path) as (place, server):
            looks = ",threads\n,threads -a\n,(thread-backtrace 1)\n,tasks\n,backtrace 99\n"
            loads = ",load brought_here\n,import brought_here\nbrought_here.x + 1\n,load\n"
            (code, out, err), loaded = await asyncio.gather(
                remit(place, "server", "repl", "web1", stdin=looks),
                remit(place, "server", "repl", "web1", stdin=loads, cwd=tmp_path),
            )
            assert "MainThread" in out
            assert "asyncio" in out
            assert (code, "write ,backtrace N, N from 1" in err) == (1, True)
            assert "brought_here: loaded brought_here" in loaded[1]
            assert loaded[1].endswith("\n42\n")
            assert "write ,load [-f|-l] MODULE" in loaded[2]
            assert (await remit(place, "server", "repl", "web1", stdin=",shutdown\nnever\n"))[0] == 0
            await server.stopping.wait()  # a moment after the answer; server_of has the deadline

    asyncio.run(main())


class Terminal:
    """A command on a terminal, spoken with."""

    def __init__(self, place, *words):
        ours, theirs = pty.openpty()
        env = environment(place.home.path.parent, REMIT_ENSEMBLE=str(place.home.path), TERM="dumb")
        self.child = subprocess.Popen(
            command(*words),
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=_controlling,
        )
        os.close(theirs)
        self.ours = ours
        self.seen = ""

    async def until(self, text):
        """Read until this has come, after what was waited for before."""
        try:
            await until(lambda: self._read(text), 10)
        except TimeoutError:
            raise AssertionError(f"{text!r} has not come after {self.seen!r}") from None

    def _read(self, text):
        while select.select([self.ours], [], [], 0)[0]:
            try:
                self.seen += os.read(self.ours, 4096).decode()
            except OSError:
                break
        _, found, after = self.seen.partition(text)
        if found:
            self.seen = after
        return bool(found)

    def type(self, text):
        os.write(self.ours, text.encode())

    async def end(self):
        try:
            return await asyncio.to_thread(self.child.wait, PATIENCE)
        finally:
            os.close(self.ours)


def _controlling():
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_on_a_terminal_lines_are_completed_interrupted_and_remembered(tmp_path):
    """Prompts, several lines, tab, ctrl-C that interrupts the server's work and not the command, ctrl-D; the history is private."""

    async def main():
        async with server_of(tmp_path) as (place, _):
            terminal = Terminal(place, "server", "repl", "web1")
            await terminal.until("web1> ")
            terminal.type("x = 6 * 7\n")
            await terminal.until("web1> ")
            terminal.type("def f():\n")
            await terminal.until("... ")
            terminal.type("    return x\n\nf()\n")
            await terminal.until("\r\n42\r\n")
            terminal.type("network.add\t().serial > 0\n")
            await terminal.until("network.address().serial")
            await terminal.until("web1> ")
            terminal.type("while True: 1 if globals().get('once') else print('begun'); once = 1\n\n")
            await terminal.until("begun\r\n")
            await asyncio.sleep(0.3)
            terminal.type("\x03")
            await terminal.until("KeyboardInterrupt")
            await terminal.until("web1> ")
            terminal.type("half a li")
            await terminal.until("half a li")
            terminal.type("\x03")
            await terminal.until("web1> ")
            terminal.type("x + 1\n")
            await terminal.until("\r\n43\r\n")
            terminal.type("\x04")
            assert await terminal.end() == 0
            history = place.home.path / "history"
            assert history.stat().st_mode & 0o777 == 0o600
            assert "x = 6 * 7\n" in history.read_text()

    asyncio.run(main())


def test_a_lost_connection_is_made_again_and_the_session_goes_on(tmp_path):
    """The link is cut while code runs: the person is told, the code runs once, and names are still there."""

    async def main():
        async with server_of(tmp_path) as (place, server):
            child = await asyncio.create_subprocess_exec(
                *command("server", "repl", "web1"),
                env=environment(tmp_path, REMIT_ENSEMBLE=str(place.home.path)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            server.info["ran"] = 0
            child.stdin.write(
                b"import asyncio\nserver.info['ran'] += 1; await asyncio.sleep(1); x = 5; print('slept')\n"
            )
            await until(lambda: server.info["ran"])
            for connection in list(server.node._connections.values()):
                connection.give_up(LinkLost("the cable was pulled"))
            out, err = await child.communicate(b"x + 1\n")
            assert (child.returncode, out.decode(), server.info["ran"]) == (0, "slept\n6\n", 1)
            assert "the connection was lost" in err.decode()

    asyncio.run(main())


def test_a_server_that_is_not_there_is_named():
    """No traceback: what could not be reached, and exit code 1 or 4."""
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            command("server", "repl", "web1"),
            env=environment(directory, REMIT_ENSEMBLE=f"{directory}/home"),
            input="1\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode in (1, 4)
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()


def test_a_server_under_an_administrators_key_is_unlocked_and_stays_so(tmp_path):
    """The passphrase is asked for once; the lease is renewed while the session lasts, which goes on in the newer one."""

    async def main():
        async with asyncio.timeout(PATIENCE), town(tmp_path) as place:
            AdminKey.make(place.home.path, "a good passphrase")
            async with serve("web1", home=place.home) as server:
                code, _, err = await remit(place, "server", "eval", "web1", "1")
                assert (code, "--passphrase-fd" in err) == (2, True)
                ours, theirs = os.pipe()
                os.write(theirs, b"a good passphrase\n")
                os.close(theirs)
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", SHORT_LEASE, "server", "repl", "web1", "--passphrase-fd", str(ours)),
                    env=environment(tmp_path, REMIT_ENSEMBLE=str(place.home.path)),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    pass_fds=[ours],
                )
                os.close(ours)
                script = b"import asyncio\nx = 1\nawait asyncio.sleep(3.1)\nx + 1\n"
                out, err = await child.communicate(script)
                assert (child.returncode, out) == (0, b"2\n"), err
                assert not server.vat.stopped

    asyncio.run(main())


SHORT_LEASE = """
from remit.ensemble.admin import _unlock
import remit.ensemble._console as console
console.Console.control.__kwdefaults__['seconds'] = 3.0
from remit.cli import _repl_link
_repl_link.LEASE = 0.5
from remit.cli import main
main()
"""


def test_turns_and_objects_are_shown_by_command(tmp_path):
    """Kept from --keep on; listed with cause and counts; one turn with its changes; an object as it was; a picture."""

    async def main():
        async with server_of(tmp_path) as (place, server):
            server.name("cell", server.vat.spawn(Cell, 1))
            code, _, err = await remit(place, "server", "turns", "web1", "--keep", "5m")
            assert (code, "kept for 300 s" in err) == (0, True)
            await server.names["cell"].set(2)
            listed, drawn = await asyncio.gather(
                remit(place, "server", "turns", "web1", "--of", "cell"),
                remit(place, "server", "turns", "web1", "--of", "cell", "--graph"),
            )
            assert listed[0] == 0
            assert "cell (remit.cell#" in listed[1]
            number = int(listed[1].splitlines()[1].split()[0])
            shown, now, before = await asyncio.gather(
                remit(place, "server", "turns", "web1", "--at", str(number)),
                remit(place, "server", "look", "web1", "cell"),
                remit(place, "server", "look", "web1", "cell", "--at", str(number - 1), "--json"),
            )
            assert ".value: 1 -> 2" in shown[1]
            assert "value = 2" in now[1]
            assert json.loads(before[1])["fields"] == {"value": "1"}
            assert "outside" in drawn[1]

    asyncio.run(main())
