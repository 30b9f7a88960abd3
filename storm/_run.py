"""One run of the storm: the dataspace, the parties and how they end, the ledger of what was seen, and the look at what is left."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import shutil
import signal
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from remit.dataspace import ANY, Dataspace, bind, during, this_facet
from remit.dataspace.syndicate import Route, Server, SturdyRef, gatekeeper, listen
from remit.dataspace.syndicate import bind_step as bound
from remit.lib import SwissEntry
from remit.net import Node, NodeKey, TlsNetlayer, UnixNetlayer
from remit.services import Daemon, RequireService, ServiceObject, Services
from remit.values import SturdyRef as FarRef
from remit.values import Symbol, Tagged, preserves
from remit.values.preserves import Map
from remit.vat import Ref, Vat, actor, send, tell
from storm._parties import Noise, Party, captp_party, syndicate_party

__all__ = ["PATIENCE", "Storm", "children", "orphans", "run"]

TOP: Final = Path(__file__).parents[1]
LIVING: Final = 12  # parties at a time
MIX: Final = (50, 25, 12, 12, 3)  # sockets, bash, syndicate, captp, services: how often they come
PATIENCE: Final = 60.0  # seconds for anything that is waited for
LIFE: Final = 0.3  # seconds that a party lives at most, from its start
ENDS: Final = (
    "closed",
    "reset",
    "half a packet, closed",
    "half a packet, reset",
    "garbage",
    "an error packet",
    "half closed",
)
KEY: Final = b"a key of the storm's"

BASH: Final = """
set -eu
. "$0"
syndicate_connect "$1"
syndicate_resolve "$(<"$2")"
syndicate_assert "<party \\"bash\\" $3>"
heard() { :; }
syndicate_observe '<group <rec party> {0: <bind <_>> 1: <bind <_>>}>' heard
syndicate_assert "<noise $3 [$$]>"
syndicate_run
"""
SERVICE: Final = """
. "$0"
number=$1
given() { [ "$1" = add ] && SYNDICATE_SPACE=$3 && syndicate_assert "<party \\"service\\" $number>" &&
  syndicate_assert "<noise $number {me: $$ child: $child}>"; }
sleep 1000 & child=$!
syndicate_connect stdio:
SYNDICATE_CALLS[0]=given
syndicate_run
"""


class Ledger:
    """What the observer has seen, a device. `came` and `went` count by party."""

    def __init__(self) -> None:
        self.came: Counter[tuple[str, int]] = Counter()
        self.went: Counter[tuple[str, int]] = Counter()
        self.here: set[tuple[str, int]] = set()
        self.pids: dict[int, dict[str, int]] = {}
        self.changed = asyncio.Event()

    def arrives(self, kind: str, number: int) -> None:
        """There it is."""
        self.came[kind, number] += 1
        self.here.add((kind, number))
        self._tell()

    def leaves(self, kind: str, number: int) -> None:
        """It is gone."""
        self.went[kind, number] += 1
        self.here.discard((kind, number))
        self._tell()

    def processes(self, number: int, pids: Any) -> None:
        """A service has told its pids."""
        self.pids[number] = {name.name: pid for name, pid in pids.items()}
        self._tell()

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, what: Callable[[], bool]) -> bool:
        """Wait for it, in PATIENCE; whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while not what():
                    await self.changed.wait()
        return what()


@actor(kind="storm.observer")
class Observer:
    """Tells the ledger."""

    ledger: Any

    def watch(self, space: Any) -> None:
        """Begin."""
        during(space, Party(bind(), bind()), self._party)
        during(space, Noise(bind(), bind(Map([(Symbol("me"), ANY)]))), self._pids)

    def _party(self, kind: str, number: int) -> None:
        ledger = self.ledger
        tell(ledger).arrives(kind, number)
        this_facet().on_stop(lambda: tell(ledger).leaves(kind, number))

    def _pids(self, number: int, pids: Any) -> None:
        tell(self.ledger).processes(number, pids)


class Storm:
    """One run."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.ledger = Ledger()
        self.deaths: Counter[str] = Counter()
        self.slowest = 0.0
        self.faults: list[str] = []
        self.processes: list[Any] = []  # of ours that may not be waited for yet
        self.fork = multiprocessing.get_context("forkserver")
        self.fork.set_forkserver_preload(["storm._parties"])

    async def open(self, stack: AsyncExitStack) -> None:
        """Make the dataspace and the ways to it."""
        folder = self.folder
        vat = self.vat = await stack.enter_async_context(Vat("storm"))
        self.node = await stack.enter_async_context(Node(NodeKey.generate(), vat))
        await self.node.listen(UnixNetlayer(self.node.key, folder / "captp.sock"))
        await self.node.listen(TlsNetlayer(self.node.key))
        space: Ref[Any] = vat.spawn(Dataspace)
        self.space = space
        swiss = os.urandom(32)
        await send(self.node.swiss, "register", sha256(swiss).digest(), space, SwissEntry("the storm's parties"))
        self.far = FarRef(self.node.inner_locator, swiss).uri()
        binds: Ref[Any] = vat.spawn(Dataspace)
        party = await binds.open(None, 0.0, "keys")
        step = Tagged("ref", [Map([(Symbol("oid"), "space"), (Symbol("key"), KEY)])])
        await send(party, "turn", [["assert", 1, bound(step, space)]])
        keeper = gatekeeper(vat, binds)
        stack.callback(keeper.close)
        self.servers: list[Server] = []
        for where in (f"unix://{folder / 'space.sock'}", "tcp://127.0.0.1:0"):
            self.servers.append(await stack.enter_async_context(listen(where, keeper.entrance)))
        self.ref = SturdyRef.mint("space", KEY)
        (folder / "space.ref").write_text(self.ref.text())
        self.services = await stack.enter_async_context(Services(folder / "services"))
        self.wishes = await self.services.space.open()
        await vat.spawn(Observer, vat.device("ledger", self.ledger)).watch(space)
        self.own = await space.size()

    # --- the parties ------------------------------------------------------------------------------------------

    async def live(self, number: int) -> None:
        """One party, from its birth to its death."""
        ways: dict[str, Callable[[int], Awaitable[str]]] = {
            "socket": self._socket,
            "bash": self._bash,
            "syndicate": lambda number: self._python("syndicate", number),
            "captp": lambda number: self._python("captp", number),
            "service": self._service,
        }
        # One of each first: how the draws of parties interleave is not the seed's to say.
        kind = list(ways)[number] if number < len(ways) else self.random.choices(list(ways), MIX)[0]
        how = await ways[kind](number)
        self.deaths[f"{kind}: {how}"] += 1
        died = time.monotonic()
        who = (kind, number)
        if not await self.ledger.until(lambda: who not in self.ledger.here):
            self.faults.append(f"{who} has died ({how}), and its assertion is still there")
        self.slowest = max(self.slowest, time.monotonic() - died)

    def _moment(self) -> float:
        return self.random.uniform(0, LIFE)

    async def _socket(self, number: int) -> str:
        """A client whose connection ends in some way, in the middle of what it says or not."""
        reader, writer = await self._connect()
        end = self.random.choice(ENDS)
        binary = self.random.random() < 0.5
        with suppress(OSError, asyncio.IncompleteReadError):
            writer.write(_packet(f"[[0 <A <resolve {self.ref.text()} #:[0 1]> 1>]]", binary))
            async with asyncio.timeout(PATIENCE):
                answer = await reader.read(4096)
            oid = _given(answer)
            said = f'[[{oid} <A <party "socket" {number}> 2>] [{oid} <A <noise {number} "{"x" * 100}"> 3>]]'
            packet = _packet(said, binary)
            writer.write(packet)
            await asyncio.sleep(self._moment() / 5)
            if end.startswith("half a packet"):
                packet = packet.replace(b"socket", b"second")
                writer.write(packet[: self.random.randrange(1, len(packet))])
            elif end == "garbage":
                writer.write(self.random.randbytes(200))
            elif end == "an error packet":
                writer.write(_packet('<error "enough" #f>', binary))
        if end.endswith("reset"):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif end == "half closed":
            writer.write_eof()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while await reader.read(4096):
                        pass
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return end

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = self.random.choice(self.servers)
        if server.address.kind == "unix":
            return await asyncio.open_unix_connection(server.address.place)
        return await asyncio.open_connection(server.address.place, server.address.port)

    async def _bash(self, number: int) -> str:
        """A script, killed; what it has started to carry its bytes has to end by itself."""
        server = self.random.choice(self.servers)
        address = f"{server.address.kind}:{server.address.place}"
        if server.address.kind == "tcp":
            address += f":{server.address.port}"
        elif not (shutil.which("nc") or shutil.which("socat")):
            address = f"tcp:{self.servers[1].address.place}:{self.servers[1].address.port}"
        words = ("bash", "-c", BASH, str(TOP / "shell" / "syndicate.sh"), address, str(self.folder / "space.ref"))
        process = await asyncio.create_subprocess_exec(*words, str(number), stderr=asyncio.subprocess.DEVNULL)
        await asyncio.sleep(self._moment())
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return f"killed, over {address.partition(':')[0]}"

    async def _python(self, kind: str, number: int) -> str:
        """A process of the fork server's, killed."""
        server = self.random.choice(self.servers)
        route = preserves.text(Route((server.address,), (self.ref.value(),)).value())
        target, where = (syndicate_party, route) if kind == "syndicate" else (captp_party, self.far)
        process = self.fork.Process(target=target, args=(where, number))
        await asyncio.to_thread(process.start)
        await asyncio.sleep(self._moment() * 2)
        process.kill()
        await asyncio.to_thread(process.join, PATIENCE)
        process.close()
        return f"killed, over {server.address.kind}" if kind == "syndicate" else "killed"

    async def _service(self, number: int) -> str:
        """A supervised child that speaks on its pipes, and has a child of its own; it is killed, and both are gone."""
        name = f"storm-{number}"
        config = {
            "argv": ["bash", "-c", SERVICE, str(TOP / "shell" / "syndicate.sh"), str(number)],
            "protocol": "text/syndicate",
            "restart": "never",
        }
        wanted = Daemon(Symbol(name))
        party = await self.services.space.open()
        said = [["assert", 1, Tagged("daemon", [Symbol(name), config])], ["assert", 2, RequireService(wanted)]]
        await party.turn(said)
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.services.space.query(ServiceObject(wanted, bind()))):
                await asyncio.sleep(0.02)
        asked = await found[0][0].open()
        await asked.turn([["assert", 1, {"dataspace": self.space}]])
        await self.ledger.until(lambda: number in self.ledger.pids)
        await asyncio.sleep(self._moment())
        pids = self.ledger.pids.get(number)
        if pids is None:
            self.faults.append(f"service {number} has never said who it is")
        else:
            os.kill(pids["me"], signal.SIGKILL)
            for which, pid in pids.items():
                if not await _gone(pid):
                    self.faults.append(f"process {pid} of service {number} ({which}) is left")
        await party.close()
        return "killed"

    # --- the end ------------------------------------------------------------------------------------------------

    async def run(self, count: int) -> None:
        """So many parties, LIVING at a time."""
        numbers = iter(range(1, count + 1))

        async def one_after_the_other() -> None:
            for number in numbers:
                await self.live(number)

        await asyncio.gather(*(one_after_the_other() for _ in range(LIVING)))
        await self._look()

    async def _look(self) -> None:
        """Nothing is left."""
        deadline = time.monotonic() + PATIENCE
        while (left := await self._left()) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        self.faults += left
        for who, times in self.ledger.came.items():
            if (times, self.ledger.went[who]) != (1, 1):
                self.faults.append(f"{who} came {times} times and went {self.ledger.went[who]} times")

    async def _left(self) -> list[str]:
        left = [f"the assertion of {who} is left" for who in self.ledger.here]
        size = await self.space.size()
        if size != self.own:
            left.append(f"there are {size - self.own} assertions too many")
        left += [
            f"{len(server.connections)} sessions at {server.address}" for server in self.servers if server.connections
        ]
        if self.node._connections:
            left.append(f"{len(self.node._connections)} CapTP sessions")
        return left


def _packet(text: str, binary: bool) -> bytes:
    return preserves.encode(preserves.parse(text)) if binary else text.encode() + b"\n"


def _given(answer: bytes) -> int:
    """The oid in the gatekeeper's answer, [[1 <A <accepted #:[0 oid]> …>]], in either syntax."""
    (packet,) = preserves.Reader().feed(answer)
    ((_, event),) = packet
    oid: int = event.value[0].value[0].value[1]
    return oid


async def _gone(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    return not Path(f"/proc/{pid}").exists()


def children() -> dict[int, str]:
    """All descendants of this process that live, with their command lines."""
    found: dict[int, str] = {}
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                for child in map(int, task.read_text().split()):
                    with suppress(OSError):
                        if "State:\tZ" in Path(f"/proc/{child}/status").read_text():
                            continue  # dead, and not waited for
                        command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
                        found[child] = command.decode(errors="replace")
                        waiting.append(child)
    return found


async def orphans(before: set[int]) -> list[str]:
    """The processes that have come since and have not gone in time; those of the fork server are the storm's own."""
    own = ("multiprocessing.forkserver", "multiprocessing.resource_tracker")
    deadline = time.monotonic() + PATIENCE
    while True:
        left = [
            f"process {pid} is left: {command[:80]}"
            for pid, command in children().items()
            if pid not in before and not any(each in command for each in own)
        ]
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.05)


async def run(count: int, seed: int) -> int:
    """Run it; the exit status."""
    began = time.monotonic()
    before = set(children())
    with tempfile.TemporaryDirectory(prefix="storm") as folder:
        it = Storm(Path(folder), seed)
        async with AsyncExitStack() as stack:
            await it.open(stack)
            await it.run(count)
        it.faults += await orphans(before)
    for how, times in sorted(it.deaths.items()):
        print(f"{times:6}  {how}")
    heard = Counter(kind for kind, _ in it.ledger.came)
    spoke = ", ".join(f"{times} {kind}" for kind, times in sorted(heard.items()))
    print(
        f"storm: {count} parties have died in {time.monotonic() - began:.0f} s (seed {seed}); these had said something: {spoke}; "
        f"the last word of a dead one was withdrawn {it.slowest:.2f} s after its death at the latest"
    )
    for fault in it.faults:
        print(f"storm: {fault}")
    print(f"storm: {len(it.faults)} faults")
    return 1 if it.faults else 0
