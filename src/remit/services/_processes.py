"""The device `processes`: starts and ends processes for services, through the warden (`remit.warden`), which outlives us.

    device = Processes(directory)      in a state directory of its own, 0700; one supervisor at a time has it open
    await device.open()                a warden that runs is taken over, with all that it runs; else one is started
    id = await device.start(key, spec, watcher)
    await device.stop(id) ; await device.close()

A watcher is called with what happens: `watcher(id, kind, details)`; kinds are those of `_run.py`, and `lost` where the warden itself
has ended, with all processes. An object's reference is one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from remit.errors import BadArgument, ProviderError
from remit.vat import Ref, tell

__all__ = ["Processes"]

Watcher = Callable[[str, str, dict[str, Any]], Any]
_log = logging.getLogger("remit.services")
_CONNECT: Final = 10.0  # seconds for a warden to come up
_LAST: Final = 2.0  # seconds that `close` waits for services to end; the warden goes on without us


class Processes:
    """Owned by the supervisor's process; `close` ends all services, being killed leaves them to the next one for `linger` seconds.

    Methods are called by objects, as messages to the device, or by asyncio code.
    """

    def __init__(
        self, directory: str | os.PathLike[str], *, linger: float = 10.0, environment: Mapping[str, str] | None = None
    ) -> None:
        self.directory = Path(directory).absolute()
        self.linger = linger
        self._environment = dict(environment or {})  # beside ours, for all processes
        self._found: dict[str, dict[str, Any]] = {}  # runs of an earlier supervisor that nobody has claimed
        self._watchers: dict[str, Watcher] = {}
        self._ended: dict[str, asyncio.Event] = {}
        self._once: dict[str, tuple[str, bool]] = {}  # of running ones: key, and whether a good end is the end of it
        self._done: dict[str, str] = {}  # by key: the runs of one-shots that are done
        self._child = 0
        self._echo = False
        self._speaking: dict[str, Any] = {}  # sessions with children that speak the protocol, by their runs
        self._silencing: set[asyncio.Future[None]] = set()
        self._line: socket.socket | None = None
        self._out = bytearray()
        self._reading: asyncio.Task[None] | None = None
        self._over = asyncio.Event()
        self._hello: asyncio.Future[dict[str, Any]] | None = None
        self._opening: asyncio.Lock | None = None
        self.warden = 0

    # --- the warden ---------------------------------------------------------------------------------

    async def open(self) -> None:
        """Reach the warden, and start one where none runs. Raises `ProviderError` where that does not work."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.directory / "logs").mkdir(mode=0o700, exist_ok=True)
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._line is not None:
                return
            try:
                async with asyncio.timeout(_CONNECT + self.linger):
                    await self._reach()
            except TimeoutError:
                raise ProviderError(
                    f"no warden comes up in {self.directory}: what it said is in {self.directory}/warden.log"
                ) from None

    async def _reach(self) -> None:
        launched = 0.0
        loop = asyncio.get_running_loop()
        while True:
            line = await self._connect()
            if line is None:
                if loop.time() - launched > 2.0:
                    launched = loop.time()
                    self._launch()
                await asyncio.sleep(0.01)
                continue
            self._hello = loop.create_future()
            self._over.clear()
            self._line = line
            self._reading = asyncio.ensure_future(self._read(line))
            hello = await self._hello
            if not hello or hello["ending"]:  # it ends what it has: wait until it has, then start another
                await self._over.wait()
                continue
            self.warden = hello["pid"]
            if self._echo:
                self._send({"do": "echo", "on": True})
            return

    async def _connect(self) -> socket.socket | None:
        """By way of the directory's descriptor, since a socket's path is short (unix(7)) and a state directory's may not be."""
        there = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        line.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(line, f"/proc/self/fd/{there}/warden.sock")
        except (FileNotFoundError, ConnectionError, BlockingIOError):
            line.close()
            return None
        finally:
            os.close(there)
        return line

    def _launch(self) -> None:
        log = os.open(self.directory / "warden.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        command = [sys.executable, "-P", "-m", "remit.warden"]
        command += ["--state", str(self.directory), "--linger", str(self.linger)]
        try:
            self._reap()
            self._child = os.posix_spawn(
                command[0],
                command,
                {**os.environ, **self._environment},
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
            )
        finally:
            os.close(log)

    def _reap(self) -> None:
        """A warden of ours that has ended, by whatever."""
        if self._child:
            with suppress(ChildProcessError):
                os.waitpid(self._child, os.WNOHANG)

    async def _read(self, line: socket.socket) -> None:
        loop, rest = asyncio.get_running_loop(), b""
        with suppress(OSError):
            while data := await loop.sock_recv(line, 1 << 18):
                *lines, rest = (rest + data).split(b"\n")
                for each in lines:
                    self._heard(json.loads(each))
        self._lost(line)

    def _lost(self, line: socket.socket) -> None:
        """The warden has ended; so have its processes. Whoever watches one hears of it."""
        asyncio.get_running_loop().remove_writer(line)
        line.close()
        self._line = None
        self._out.clear()
        self._over.set()
        if self._hello is not None and not self._hello.done():
            self._hello.set_result({})
        self._done.clear()
        self._once.clear()
        for id in list(self._watchers):
            self._tell(id, "lost", {})
            self._forget(id)

    def _heard(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "hello":
            assert self._hello is not None
            self._found = {run["id"]: run for run in event["runs"]}  # at once: what is said next may be the end of one
            self._hello.set_result(event)
            return
        id = event.pop("id")
        if id in self._found:
            run = self._found[id]
            run.update(
                {"state": "gone"} if kind == "gone" else {}, **{k: event[k] for k in ("end", "status") if k in event}
            )
            run["ready"] = run["ready"] or kind == "ready"
        self._tell(id, kind, event)
        if kind == "gone":
            key, once = self._once.pop(id, ("", False))
            if once and event["end"].get("code") == 0:  # the warden keeps in mind that it is done
                self._done[key] = id
            else:
                self._send({"do": "forget", "id": id})
            self._forget(id)

    def _tell(self, id: str, kind: str, details: dict[str, Any]) -> None:
        watcher = self._watchers.get(id)
        if watcher is not None:
            said = tell(watcher) if isinstance(watcher, Ref) else watcher
            said(id, kind, details | {"now": asyncio.get_running_loop().time()})

    def _forget(self, id: str) -> None:
        speaking = self._speaking.pop(id, None)
        if speaking is not None:
            task = asyncio.ensure_future(self._silence(speaking))
            self._silencing.add(task)
            task.add_done_callback(self._silencing.discard)
        self._watchers.pop(id, None)
        self._found.pop(id, None)
        self._ended.setdefault(id, asyncio.Event()).set()
        self._ended.pop(id, None)

    def _send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        line = self._line
        if line is None:
            raise ProviderError("the warden of services has ended; a service that is started again starts another")
        data = json.dumps({**message, **({"with": len(descriptors)} if descriptors else {})}).encode() + b"\n"
        if descriptors:  # with the first byte of its own message; nothing may wait before it
            line.setblocking(True)
            line.sendall(self._out)
            self._out.clear()
            sent = socket.send_fds(line, [data], list(descriptors))
            line.sendall(data[sent:])
            line.setblocking(False)
            return
        self._out += data
        self._flush(line)

    def _flush(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with suppress(BlockingIOError, OSError):
            while self._out:
                del self._out[: line.send(self._out)]
        if self._out:
            loop.add_writer(line, self._flush, line)
        else:
            loop.remove_writer(line)

    # --- what it is asked for -----------------------------------------------------------------------

    async def start(self, key: str, spec: Mapping[str, Any], watcher: Watcher, stdio: Sequence[int] = ()) -> str:
        """Start a process; its run's id. All else is told to the watcher, `failed` included.

        `spec` is what `process_spec` makes. `stdio` are descriptors for standard input and output, which stay the caller's.
        """
        if self._line is None:
            await self.open()
        id = os.urandom(8).hex()
        self._watchers[id] = watcher
        self._ended[id] = asyncio.Event()
        if key in self._done:
            self._send({"do": "forget", "id": self._done.pop(key)})
        self._once[id] = (key, bool(spec.get("once")))
        self._send({"do": "start", "id": id, "key": key, "spec": dict(spec)}, stdio)
        return id

    async def adopt(self, key: str, digest: str, watcher: Watcher, once: bool = False) -> dict[str, Any] | None:
        """Take over the run of an earlier supervisor under this key, if it is of this very spec; None where there is none.

        One of another spec, or that is about to end, is stopped first, so that there is never a second copy. The watcher is told what
        happens from now on; the answer says how things stand: id, pid, ready, status, since.
        """
        if self._line is None:
            await self.open()
        for run in [run for run in self._found.values() if run["key"] == key]:
            good = run["state"] in ("starting", "running") and not run["stopping"] and run["digest"] == digest
            if good:
                del self._found[run["id"]]
                self._once[run["id"]] = (key, once)
                self._watchers[run["id"]] = watcher
                self._ended[run["id"]] = asyncio.Event()
                self._send({"do": "claim", "id": run["id"]})
                return run
            if run["state"] == "gone":
                self._send({"do": "forget", "id": run["id"]})
                del self._found[run["id"]]
            else:
                await self.stop(run["id"])
        return None

    async def run(
        self, key: str, spec: Mapping[str, Any], watcher: Watcher, protocol: str, space: Any
    ) -> dict[str, Any]:
        """Take a process over or start it: `id`, `now` (seconds on the clock of all events), and what is to be told of it already."""
        speaks = protocol != "none"
        done = self._done_already(key, spec)
        if done is not None:
            return done
        found = await self.adopt(
            key, "" if speaks else spec["digest"], watcher, bool(spec.get("once"))
        )  # a session cannot be taken over
        now = asyncio.get_running_loop().time()
        if speaks:
            return {"now": now, "events": [], **await self._converse(key, spec, watcher, protocol, space)}
        if found is None:
            return {"id": await self.start(key, spec, watcher), "now": now, "events": []}
        events: list[Any] = [["started", {"pid": found["pid"], "now": now}]] if found["state"] == "running" else []
        events += [["status", {"text": found["status"], "now": now}]] if found["status"] else []
        events += [["ready", {"now": now}]] if found["ready"] else []
        return {"id": found["id"], "now": now, "events": events}

    def _done_already(self, key: str, spec: Mapping[str, Any]) -> dict[str, Any] | None:
        """A one-shot that has ended well while an earlier supervisor was there, and was not started again since, is done."""
        for run in self._found.values():
            done = run["state"] == "gone" and run["end"].get("code") == 0 and "error" not in run["end"]
            if spec.get("once") and done and (run["key"], run["digest"]) == (key, spec["digest"]):
                del self._found[run["id"]]
                self._done[key] = run["id"]
                now = asyncio.get_running_loop().time()
                return {"id": run["id"], "now": now, "events": [["gone", {"end": run["end"], "now": now}]]}
        return None

    async def _converse(
        self, key: str, spec: Mapping[str, Any], watcher: Watcher, protocol: str, space: Any
    ) -> dict[str, Any]:
        """Start a child whose standard input and output are a session of the Syndicate protocol: its id, and what it gives for free."""
        from remit.dataspace.syndicate import speak  # only such services pay for it

        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        try:
            speaking = speak(ours_in, ours_out, space, vat=space._vat, name=key, text=protocol.startswith("text/"))
            await speaking.__aenter__()
            id = await self.start(key, spec, watcher, (theirs_in, theirs_out))
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._speaking[id] = speaking
        return {"id": id, "object": speaking.root}

    async def _silence(self, speaking: Any) -> None:
        await speaking.__aexit__(None, None, None)

    async def settled(self) -> None:
        """All that should run has been started or adopted: what is left of an earlier supervisor is stopped."""
        if self._line is None:
            return
        for run in list(self._found.values()):
            _log.info("nobody wants %s any more, which an earlier supervisor has started: it is stopped", run["key"])
            if run["state"] == "gone":
                self._send({"do": "forget", "id": run["id"]})
                del self._found[run["id"]]
        self._send({"do": "settled"})

    async def stop(self, id: str, signal: int | None = None, timeout: float | None = None) -> None:
        """End a process and all that it has started; returns when nothing of it is left. One that is gone already is no error."""
        ended = self._ended.get(id)
        if self._line is None or (ended is None and id not in self._found):
            return
        if ended is None:
            ended = self._ended[id] = asyncio.Event()
        self._send({"do": "stop", "id": id, "signal": signal, "timeout": timeout})
        await ended.wait()

    async def signal(self, id: str, number: int) -> None:
        """Send a signal to its process group."""
        if id not in self._watchers:
            raise BadArgument(f"no process runs under the id {id!r}")
        self._send({"do": "signal", "id": id, "signal": number})

    async def reachable(self, address: str, seconds: float) -> bool:
        """Whether somebody listens at `tcp:HOST:PORT` or `unix:PATH` within this time: looked for until then."""
        loop, pause = asyncio.get_running_loop(), 0.005
        deadline = loop.time() + seconds
        while loop.time() < deadline:
            if await _listens(address):
                return True
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 0.25)
        return False

    def echo(self, on: bool) -> None:
        """Whether watchers hear what processes write, as `wrote` with stream, time and lines. What they cannot keep up with is in the logs only."""
        self._echo = on
        if self._line is not None:
            self._send({"do": "echo", "on": on})

    def log_path(self, name: str) -> str:
        """Where the log of this name is."""
        return str(self.directory / "logs" / f"{name}.log")

    async def close(self, *, keep: float = 0.0) -> None:
        """End all services, and let go of the warden. `keep`: seconds that they go on without a supervisor instead; for ever with `math.inf`."""
        if self._line is not None and keep:
            self._send({"do": "linger", "seconds": None if keep == math.inf else keep})
        elif self._line is not None:
            self._send({"do": "end"})
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST):
                    await self._over.wait()
        for id in list(self._speaking):
            self._forget(id)
        if self._silencing:
            await asyncio.wait(self._silencing, timeout=1.0)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._line is not None:
            asyncio.get_running_loop().remove_writer(self._line)
            self._line.close()
            self._line = None


async def _listens(address: str) -> bool:
    kind, _, where = address.partition(":")
    try:
        if kind == "unix":
            _, writer = await asyncio.open_unix_connection(where)
        else:
            host, _, port = where.rpartition(":")
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
