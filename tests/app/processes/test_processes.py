"""The target `processes`: brought up, changed, hurt, and taken down, by command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import Refused
from remit.net import Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat
from tests.app.conformance.kits import REMIT, remit

pytestmark = pytest.mark.timeout(180)

PROGRAM = '''
"""A server that counts, with a store, and a client that asks it once."""

import os

from remit.app import ApiServer, App, CliCommand, Store, Worker, endpoint, own


class Server(ApiServer):
    db: Store[int] = own(Store[int])

    @endpoint("POST")
    async def count(self) -> int:
        return await self.db.modify("count", lambda n: (n or 0) + 1)


class Client(Worker):
    server: Server

    async def run(self) -> None:
        print(f"count {await self.server.count()}")


class Ask(CliCommand):
    server: Server

    async def run(self, times: int = 1) -> int | str:
        return " ".join([str(await self.server.count()) for _ in range(times)]) or 7


app = App("shop")
server = Server(app / "server").only("count")
Client(app / "client", server=server)
Ask(app / "ask", server=server)
'''


def status(program: Path) -> dict[str, dict[str, Any]]:
    done = remit("status", program, "--json", check=False)
    return {row["id"]: row for row in json.loads(done.stdout)}


def eventually(look: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What `look` gives, as soon as it gives anything."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)
    return found


def processes_of(directory: Path) -> list[int]:
    """Whatever runs with this directory in its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program that is up, for tests that leave it so."""
    path = tmp_path_factory.mktemp("standing") / "app.py"
    path.write_text(PROGRAM)
    remit("up", path, "--target", "processes", "--yes")
    yield path
    remit("down", path, "--target", "processes", "--yes", "--data")
    assert processes_of(path.parent) == []


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "app.py"
    path.write_text(PROGRAM)
    yield path
    path.write_text(PROGRAM)
    remit("down", path, "--target", "processes", "--yes", "--data")
    assert processes_of(tmp_path) == []


def test_an_application_is_brought_up_changed_and_taken_down(program: Path) -> None:
    """Components start in order and say so; a new version replaces the old; one that does not come up leaves the previous version running; `down` leaves nothing but data (A4)."""
    remit("up", program, "--target", "processes", "--yes")
    assert {id: row["state"] for id, row in status(program).items()} == {
        "shop/ask": "ready",
        "shop/client": "done",
        "shop/server": "ready",
        "shop/server/db": "ready",
    }
    assert remit("logs", program).stdout == "shop/client    | count 1\n"
    assert "nothing to do" in remit("up", program, "--yes").stderr
    assert remit("plan", program, "--detailed-exitcode").returncode == 0

    program.write_text(PROGRAM.replace('print(f"count', 'print(f"counted'))
    assert remit("plan", program, "--detailed-exitcode", check=False).returncode == 6
    remit("up", program, "--yes")
    assert remit("logs", program, "client").stdout.splitlines()[-1] == "shop/client    | counted 2"
    good = status(program)["shop/server"]

    program.write_text(
        PROGRAM.replace(
            "    @endpoint", "    async def start(self, host):\n        raise ValueError('no luck')\n\n    @endpoint"
        )
    )
    done = remit("up", program, "--yes", check=False)
    assert done.returncode == 3 and "no luck. Its previous version runs again" in done.stderr, done.stderr
    after = eventually(lambda: (row := status(program)["shop/server"])["state"] == "ready" and row)
    assert after["more"]["code"] == good["more"]["code"] and after["more"]["pids"] != good["more"]["pids"]

    done = remit("down", program, "--yes")
    assert "kept: shop/server/db" in done.stderr
    assert processes_of(program.parent) == []
    left = {path.name for path in (program.parent / ".remit" / "shop" / "processes").iterdir()}
    assert left <= {"ledger.sqlite", "names.json", "store.json", ".gitignore", "data"}, left
    program.write_text(PROGRAM)
    remit("up", program, "--target", "processes", "--yes")
    assert (
        remit("logs", program, "client").stdout == "shop/client    | count 4\n"
    )  # 3: the one whose server was replaced


def test_what_a_component_holds_is_its_own(standing: Path) -> None:
    """Keys and references are in files that only this user reads, and a reference is good for its holder's key alone: with another it is refused (A5)."""
    components = standing.parent / ".remit" / "shop" / "processes" / "components"
    secret = [
        path for pattern in ("*/key.pem", "*/edges/*.ref", "*/grants/*.json") for path in components.glob(pattern)
    ]
    assert len(secret) == 4 + 3 + 4, "keys, references, and grants: a command that is run has another"
    assert {path.stat().st_mode & 0o777 for path in secret} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in components.iterdir()} == {0o700}
    (ref,) = components.glob("shop-client-*/edges/server.ref")
    held = [path.name for path in components.glob("shop-client-*/edges/*.ref")]
    assert held == ["server.ref"], "and nothing of the store"

    async def steal() -> None:
        key = NodeKey.generate()
        async with Vat("thief") as vat, Node(key, vat) as node:
            node.use(UnixNetlayer(key))
            with pytest.raises(Refused, match="no object here answers to this swiss number for this peer"):
                await (await node.fetch_from(SturdyRef.parse(ref.read_text().strip()))).call("count", [], {})

    asyncio.run(steal())


def test_a_command_is_run_where_the_application_is(standing: Path) -> None:
    """`remit exec` runs a command with its own key and edges, on this terminal; its result is said, or is the exit code."""
    first = remit("exec", standing, "ask", "2").stdout.split()
    assert [int(each) - int(first[0]) for each in first] == [0, 1]
    assert remit("exec", standing, "ask", "0", check=False).returncode == 7
    assert remit("exec", standing, "ask", "--wrong", check=False).returncode == 2


def test_killed_processes_come_back(standing: Path) -> None:
    """A component that is killed is started again; when the supervisor is killed, what runs goes on, and the next command takes it over."""
    (pid,) = status(standing)["shop/server"]["more"]["pids"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: status(standing)["shop/server"]["more"]["pids"] not in ([], [pid]))
    before = eventually(lambda: (row := status(standing)["shop/server"])["state"] == "ready" and row)
    (supervisor,) = [
        pid for pid in processes_of(standing.parent) if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(supervisor, signal.SIGKILL)
    assert (
        "remit up" in eventually(lambda: (row := status(standing)["shop/server"])["state"] == "stopped" and row)["text"]
    )
    remit("up", standing, "--yes")
    assert status(standing)["shop/server"]["more"]["pids"] == before["more"]["pids"]
    (supervisor,) = [
        pid for pid in processes_of(standing.parent) if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(
        supervisor, signal.SIGKILL
    )  # and what runs without one is taken down all the same, by a program that cannot be read
    standing.write_text("1 / 0")
    assert "removed without it" in remit("down", standing, "--yes").stderr
    assert processes_of(standing.parent) == []
    standing.write_text(PROGRAM)


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, 0.6), (signal.SIGKILL, 1.2)])
def test_an_up_that_is_cut_short_is_finished_by_the_next(program: Path, number: int, after: float) -> None:
    """Ctrl-C or SIGKILL at any moment: the next `up` goes on, and `down` leaves nothing (A4)."""
    command = [*REMIT, "up", str(program), "--target", "processes", "--yes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            process.wait(after)  # not for something to come about: the moment is what is tried
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        process.communicate(timeout=30)
    done = remit("up", program, "--target", "processes", "--yes", check=False)
    assert done.returncode == 0, done.stderr
    assert status(program)["shop/client"]["state"] == "done"


def test_a_move_keeps_what_is_there(program: Path) -> None:
    """A component under another id is the same one, with its name and data, where the program says so; where it does not, the plan says what will be lost, and what to write (A16)."""
    remit("up", program, "--target", "processes", "--yes")
    name = status(program)["shop/server/db"]["more"]["name"]
    renamed = PROGRAM.replace("own(Store[int])", 'own(Store[int], "numbers")')
    program.write_text(renamed)
    told = remit("plan", program).stdout
    assert 'app.moved("server/db", "server/numbers")' in told, told
    program.write_text(renamed.replace('App("shop")\n', 'App("shop")\napp.moved("server/db", "server/numbers")\n'))
    plan = json.loads(remit("plan", program, "--json").stdout)
    assert {step["action"] for step in plan["steps"]} <= {"move", "change", "replace", "note"}
    remit("up", program, "--yes")
    assert status(program)["shop/server/numbers"]["more"]["name"] == name
    assert remit("logs", program, "client").stdout.splitlines()[-1].endswith("| count 2")

    program.write_text(renamed)
    plan = json.loads(remit("plan", program, "--json").stdout)
    assert {step["action"] for step in plan["steps"]} <= {"change"}, "the line that has moved it may go"


@pytest.mark.needs_root
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system")
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """Where no room is left, `up` says so and what to do, and goes on when there is some."""
    place = tmp_path / "full"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=180k", "none", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        program = place / "app.py"
        program.write_text(PROGRAM)
        done = remit("up", program, "--target", "processes", "--yes", check=False)
        assert done.returncode == 1 and "StoreFull" in done.stderr and "free some room" in done.stderr, done.stderr
        subprocess.run(["mount", "-o", "remount,size=30m", place], check=True)
        remit("up", program, "--target", "processes", "--yes")
        assert status(program)["shop/client"]["state"] == "done"
        remit("down", program, "--yes", "--data")
        assert processes_of(place) == []
    finally:
        subprocess.run(["umount", place], check=True)
