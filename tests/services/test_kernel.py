"""What the kernel says of devices and the network: recorded bytes, and a real network namespace."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Broken
from remit.services import (
    READY,
    AddressState,
    DependsOn,
    Device,
    DeviceState,
    Interface,
    InterfaceState,
    Kernel,
    RequireService,
    RouteState,
    ServiceState,
)
from remit.services._kernel_watch import KernelWatch
from remit.services._rtnetlink import ADDRESS, LINK, ROUTE, parse_rtnetlink
from remit.services._uevent import parse_uevent
from tests.services.world import Stage, daemon, named, on_stage

# Dumps of a namespace with `lo` up, 10.9.8.7 on it and a route: those of addresses and routes whole, that of the link
# without its statistics.
LINKS = (
    "480000001000020010000000384300000000030401000000490001000000000007000300"
    "6c6f0000080004000000010005001000000000000a00010000000000000000001400000003000200100000003843000000000000"
)
ADDRESSES = (
    "4c000000140002001400000038430000020880fe01000000080001007f000001080002007f000001070003006c6f0000080008008000000014000600ff"
    "ffffffffffffffe8c32200e8c322004c0000001400020014000000384300000220800001000000080001000a090807080002000a090807070003006c6f"
    "0000080008008000000014000600ffffffffffffffffe8c32200e8c32200500000001400020014000000384300000a8080fe0100000014000100000000"
    "0000000000000000000000000114000600ffffffffffffffffe8c32200e8c32200080008008000000005000b0001000000"
)
ROUTES = (
    "3c00000018000200180000003843000002100000fe03fd010000000008000f00fe000000080001000a4d00000800060005000000080004000100000"
    "03c00000018000200180000003843000002200000ff02fe020000000008000f00ff000000080001000a090807080007000a0908070800040001000000"
)
LO = InterfaceState("lo", 1, "", "00:00:00:00:00:00", True, True, "unknown", 65536)


def link_bytes() -> bytes:
    attributes = (
        b"\x07\0\x03\0lo\0\0" + struct.pack("=HHI", 8, 4, 65536) + b"\x05\0\x10\0\0\0\0\0" + b"\x0a\0\x01\0" + bytes(8)
    )
    body = struct.pack("=BxHiII", 0, 772, 1, 0x10049, 0) + attributes
    return struct.pack("=IHHII", 16 + len(body), 16, 2, 16, 0) + body + bytes.fromhex(LINKS[-40:])


def test_interfaces_addresses_and_routes_are_read_as_the_kernel_wrote_them() -> None:
    """A link with its flags, addresses of both families, routes of the main table alone; the end of a dump is seen."""
    said = list(parse_rtnetlink(link_bytes()))
    assert said == [(LINK, (1,), 1, LO), None]
    addresses = [each.state for each in parse_rtnetlink(bytes.fromhex(ADDRESSES)) if each is not None]
    assert addresses == [
        AddressState("", "inet", "127.0.0.1", 8, "host"),
        AddressState("", "inet", "10.9.8.7", 32, "global"),
        AddressState("", "inet6", "::1", 128, "host"),
    ]
    routes = list(parse_rtnetlink(bytes.fromhex(ROUTES)))
    assert [each and (each.kind, each.interface, each.state) for each in routes] == [
        (ROUTE, 1, RouteState("inet", "10.77.0.0/16", "", "", 5))
    ]


def test_what_is_gone_has_the_key_of_what_was_there() -> None:
    """RTM_DELADDR names the same address as RTM_NEWADDR did."""
    data = bytearray.fromhex(ADDRESSES)
    there = next(iter(parse_rtnetlink(bytes(data))))
    struct.pack_into("=H", data, 4, ADDRESS + 1)
    gone = next(iter(parse_rtnetlink(bytes(data))))
    assert there is not None and gone is not None
    assert gone.key == there.key and gone.state is None


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_damaged_bytes_are_left_out(noise: bytes, at: int, byte: int) -> None:
    """Whatever comes over the socket, nothing but records comes out, and reading ends."""
    data = bytearray.fromhex(ADDRESSES + ROUTES)
    data[at % len(data)] = byte
    for each in (bytes(data), noise, noise + bytes(data), link_bytes()[: at % 90]):
        list(parse_rtnetlink(each))
        parse_uevent(each)


def test_a_device_event_is_read_and_udevs_own_are_left_out() -> None:
    """Action, path, subsystem, file and the rest of an event; messages that the kernel has not made are none."""
    event = (
        b"add@/devices/pci0000:00/usb1/ttyUSB0\0ACTION=add\0DEVPATH=/devices/pci0000:00/usb1/ttyUSB0\0SUBSYSTEM=tty\0"
        b"MAJOR=188\0MINOR=0\0DEVNAME=ttyUSB0\0SEQNUM=4711\0"
    )
    device = DeviceState("/devices/pci0000:00/usb1/ttyUSB0", "tty", "/dev/ttyUSB0", {"MAJOR": "188", "MINOR": "0"})
    assert parse_uevent(event) == ("add", device)
    assert parse_uevent(b"libudev\0\xfe\xed\xca\xfe" + event) is None
    assert parse_uevent(b"add@x\0ACTION=add\0") is None


def test_devices_that_are_there_already_are_told_first(tmp_path: Path) -> None:
    """What /sys has of the wanted subsystems comes with the first batch, the others not."""
    real = tmp_path / "devices" / "virtual" / "tty" / "tty7"
    real.mkdir(parents=True)
    (real / "uevent").write_text("MAJOR=4\nDEVNAME=tty7\n")
    (tmp_path / "class" / "tty").mkdir(parents=True)
    (tmp_path / "class" / "tty" / "tty7").symlink_to(real)
    heard: list[Any] = []

    async def listener(batch: list[list[Any]]) -> None:
        heard.extend(batch)
        raise Broken("enough")

    async def main() -> None:
        async with asyncio.timeout(10):
            await Kernel(["tty"], sys=str(tmp_path)).follow(listener)

    asyncio.run(main())
    devices = [state for present, state in heard if present and isinstance(state, DeviceState)]
    assert devices == [DeviceState("/devices/virtual/tty/tty7", "tty", "/dev/tty7", {"MAJOR": "4"})]
    assert any(isinstance(state, InterfaceState) and state.name == "lo" for _, state in heard)


NAMESPACE = """
import asyncio, subprocess
from remit.services import AddressState, InterfaceState, Kernel, RouteState
from remit.errors import Broken

steps = [
    ("ip link set lo up", lambda now: any(isinstance(s, InterfaceState) and s.up for s in now)),
    ("ip addr add 10.9.8.7/32 dev lo", lambda now: AddressState("lo", "inet", "10.9.8.7", 32, "global") in now),
    ("ip route add 10.77.0.0/16 dev lo metric 5", lambda now: RouteState("inet", "10.77.0.0/16", "", "lo", 5) in now),
    ("ip link set lo down", lambda now: not any(isinstance(s, RouteState) or getattr(s, "up", False) for s in now)),
    ("ip addr del 10.9.8.7/32 dev lo", lambda now: not any(getattr(s, "address", "") == "10.9.8.7" for s in now)),
]
now = []
async def listener(batch):
    for present, state in batch:
        now.append(state) if present else now.remove(state)
    while steps and done(now):
        if not steps:
            raise Broken("all seen")
def done(now):
    if begun and not steps[0][1](now):
        return False
    if begun:
        print("seen:", steps.pop(0)[0], flush=True)
    begun[:] = [1]
    if not steps:
        raise Broken("all seen")
    subprocess.run(steps[0][0].split(), check=True)
    return False
begun = []
async def main():
    async with asyncio.timeout(20):
        await Kernel().follow(listener)
asyncio.run(main())
"""


@pytest.mark.needs_root
def test_a_real_interface_is_followed_up_and_down() -> None:
    """In a namespace of its own: an interface goes up, gets an address and a route, and loses them when it goes down."""
    try:
        subprocess.run(["unshare", "-n", "ip", "link", "set", "lo", "up"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace can be made here: {error}")
    command = ["unshare", "-n", sys.executable, "-c", NAMESPACE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("seen:") == 5


class FakeKernel:
    """Tells what the test says."""

    def __init__(self) -> None:
        self.listener: Any = None

    async def follow(self, listener: Any) -> None:
        self.listener = listener


def test_an_interface_is_a_service_that_others_can_depend_on() -> None:
    """Nothing is followed before somebody wants to know; up with a carrier it is ready, and what needs it runs; down it stops."""

    async def work(here: Stage) -> None:
        network, devices = FakeKernel(), FakeKernel()
        watch = here.vat.spawn(
            KernelWatch, here.space, here.vat.device("network", network), here.vat.device("devices", devices)
        )
        await watch.begin()
        await here.quiet()
        assert network.listener is None
        gate = DependsOn(named("dhcp"), ServiceState(Interface("eth9"), READY))
        await here.say(daemon("dhcp"), gate, RequireService(named("dhcp")))
        assert network.listener is not None and devices.listener is None
        assert (await here.manager.why("dhcp"))[-1].text.startswith("is not there, or not up")
        down = InterfaceState("eth9", 9, "", "02:00:00:00:00:09", True, False, "down", 1500)
        up = InterfaceState("eth9", 9, "", "02:00:00:00:00:09", True, True, "up", 1500)
        await network.listener([[True, down]])
        await here.quiet()
        assert here.processes.log == []
        await network.listener([[False, down], [True, up]])
        await here.quiet()
        assert here.processes.log == ["+dhcp"]
        await network.listener([[False, up], [True, down]])
        await here.quiet()
        assert here.processes.log == ["+dhcp", "-dhcp"]

    on_stage(work)


def test_a_device_is_a_service_by_its_path_and_its_file() -> None:
    """A service can need either."""

    async def work(here: Stage) -> None:
        network, devices = FakeKernel(), FakeKernel()
        watch = here.vat.spawn(
            KernelWatch, here.space, here.vat.device("network", network), here.vat.device("devices", devices)
        )
        await watch.begin()
        gate = DependsOn(named("modem"), ServiceState(Device("/dev/ttyUSB0"), READY))
        await here.say(daemon("modem"), gate, RequireService(named("modem")))
        stick = DeviceState("/devices/usb1/ttyUSB0", "tty", "/dev/ttyUSB0", {})
        await devices.listener([[True, stick]])
        await here.quiet()
        assert here.processes.log == ["+modem"]
        assert await here.states('<device "/devices/usb1/ttyUSB0">') == {"started", "ready", "up"}
        await devices.listener([[False, stick]])
        await here.quiet()
        assert here.processes.log == ["+modem", "-modem"]

    on_stage(work)
