"""The device `kernel`: follows the kernel's device events and the state of the network, and tells a listener.

    await device.follow(listener)       listener([[present, record], …]): first what there is, then each change, as long as it answers

Two netlink sockets (netlink(7)); no rights are needed. What the kernel had to drop is found again by asking for everything anew.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from remit.errors import Broken
from remit.services._kernel_records import DeviceState, InterfaceState
from remit.services._rtnetlink import ADDRESS, GROUPS, LINK, ROUTE, parse_rtnetlink, request
from remit.services._uevent import device_of, parse_uevent
from remit.values import key

__all__ = ["Kernel"]

_READ: Final = 256 * 1024
_BUFFER: Final = 4 << 20  # bytes that the kernel keeps for us


class Kernel:
    """Owned by the vat whose device it is. `subsystems` are those whose devices are told of (net, block, tty, …; "*" all); none by default."""

    def __init__(self, subsystems: Iterable[str] = (), *, sys: str = "/sys") -> None:
        self._subsystems = frozenset(subsystems)
        self._all = "*" in self._subsystems
        self._sys = Path(sys)

    async def follow(self, listener: Callable[[list[list[Any]]], Awaitable[Any]]) -> None:
        """Tell `listener` until it breaks; each batch waits for its answer, so that a slow one is told less often."""
        view = View()
        with _netlink(0, GROUPS) as network, _netlink(15, 1) as events:  # NETLINK_ROUTE, NETLINK_KOBJECT_UEVENT
            waiting = _Waiting(network, events)
            try:
                await self._dump(network, view)
                for device in self._there():
                    view.put(("device", device.path), device)
                while True:
                    batch = view.changes()
                    if batch:
                        await listener(batch)
                    await waiting.news()
                    self._read(network, events, view)
                    if view.stale:
                        await self._dump(network, view)
            except Broken:
                return
            finally:
                waiting.close()

    async def _dump(self, network: socket.socket, view: View) -> None:
        """Ask for everything, one kind after the other; what is not told of again is gone."""
        view.begin()
        for kind in (LINK, ADDRESS, ROUTE):
            network.send(request(kind))
            done = False
            while not done:
                await _readable(network)
                done = _take(network, view)
        view.end()

    def _read(self, network: socket.socket, events: socket.socket, view: View) -> None:
        _take(network, view)
        for data, sender in _datagrams(events):
            parsed = parse_uevent(data) if sender == 0 else None  # anybody may send; only the kernel is 0
            if data == b"":
                for device in self._there():
                    view.put(("device", device.path), device)
            if parsed is not None and (self._all or parsed[1].subsystem in self._subsystems):
                action, device = parsed
                view.put(("device", device.path), None if action == "remove" else device)
                if action == "move":
                    view.put(("device", device.properties.get("DEVPATH_OLD", "")), None)

    def _there(self) -> Iterator[DeviceState]:
        """The devices that are there already, as /sys has them."""
        wanted = self._subsystems
        if self._all:
            wanted = frozenset(each.name for kind in ("class", "bus") for each in self._sys.glob(f"{kind}/*"))
        for subsystem in sorted(wanted):
            for place in (self._sys / "class" / subsystem, self._sys / "bus" / subsystem / "devices"):
                for link in sorted(place.iterdir()) if place.is_dir() else ():
                    path = link.resolve()
                    try:
                        text = (path / "uevent").read_text(errors="replace")
                    except OSError:
                        continue
                    pairs = dict(line.partition("=")[::2] for line in text.splitlines())
                    yield device_of(str(path).removeprefix(str(self._sys.resolve())), pairs | {"SUBSYSTEM": subsystem})


class View:
    """What was heard, and what of it the listener does not know yet."""

    def __init__(self) -> None:
        self.stale = False
        self._now: dict[Any, tuple[int, Any]] = {}
        self._told: dict[Any, Any] = {}
        self._old: set[Any] | None = None

    @property
    def quiet(self) -> bool:
        """Whether no dump is under way."""
        return self._old is None

    def begin(self) -> None:
        """Everything of the network is told anew from here on."""
        self.stale = False
        self._old = {place for place in self._now if place[0] != "device"}

    def end(self) -> None:
        """That was all of it."""
        for place in self._old or ():
            self._now.pop(place, None)
        self._old = None

    def put(self, place: Any, state: Any, interface: int = 0) -> None:
        """Something is like this now, or gone."""
        if state is None:
            self._now.pop(place, None)
            return
        self._now[place] = (interface, state)
        if self._old is not None:
            self._old.discard(place)

    def changes(self) -> list[list[Any]]:
        """What the listener has to be told: `[present, record]`, what is gone first."""
        names = {state.index: state.name for _, state in self._now.values() if isinstance(state, InterfaceState)}
        now = {}
        for index, state in self._now.values():
            named = (
                state.__replace__(interface=names.get(index, "")) if "interface" in state.__record_fields__ else state
            )
            now[key(named)] = named
        gone = [[False, each] for mark, each in self._told.items() if mark not in now]
        come = [[True, each] for mark, each in now.items() if mark not in self._told]
        self._told = now
        return gone + come


def _take(network: socket.socket, view: View) -> bool:
    """Read what there is; whether a dump has come to its end."""
    done = False
    for data, sender in _datagrams(network):
        if data == b"":
            view.stale = True
        for said in parse_rtnetlink(data) if sender == 0 else ():
            if said is None:
                done = True
            else:
                view.put((said.kind, *said.key), said.state, said.interface)
                if said.kind != ROUTE and view.quiet:  # routes that go with it are not told of
                    view.stale = True
    return done


def _datagrams(source: socket.socket) -> Iterator[tuple[bytes, int]]:
    """All that wait, each with its sender's port; an empty one stands for some that the kernel had to drop."""
    while True:
        try:
            data, address = source.recvfrom(_READ)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            yield b"", 0
            continue
        yield data, address[0]


def _netlink(protocol: int, groups: int) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    made.bind((0, groups))
    return made


class _Waiting:
    """Wakes when one of the sockets has something to read."""

    def __init__(self, *sources: socket.socket) -> None:
        self._sources = sources
        self._loop = asyncio.get_running_loop()

    async def news(self) -> None:
        """Wait for it."""
        done = self._loop.create_future()

        def ready() -> None:
            if not done.done():
                done.set_result(None)

        for source in self._sources:
            self._loop.add_reader(source, ready)
        try:
            await done
        finally:
            self.close()

    def close(self) -> None:
        """Wait no longer."""
        for source in self._sources:
            self._loop.remove_reader(source)


async def _readable(source: socket.socket) -> None:
    waiting = _Waiting(source)
    await waiting.news()
