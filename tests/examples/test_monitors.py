"""The monitors written in shell, on a made-up tree of the kernel's files."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from remit import Symbol, Tagged
from remit.dataspace import Dataspace, bind
from remit.services import Daemon, RequireService, ServiceObject, Services
from remit.values.preserves import text
from tests.cli.kit import PATIENCE, environment
from tests.cli.test_dataspace import serving
from tests.examples.guests import Guest, Room
from tests.house.source import TOP

MONITORS = TOP / "examples" / "shell-monitors"
TREE = {
    "sys/class/power_supply/BAT0/type": "Battery",
    "sys/class/power_supply/BAT0/capacity": "87",
    "sys/class/power_supply/BAT0/status": 'Not "charging" >]',
    "sys/class/power_supply/AC/type": "Mains",
    "sys/class/backlight/panel/max_brightness": "1000",
    "sys/class/backlight/panel/brightness": "400",
    "sys/class/net/eth0/operstate": "up",
    "sys/class/net/eth0/statistics/rx_bytes": "1200",
    "sys/class/net/eth0/statistics/tx_bytes": "<evil> 1>] [0 <A x",
    "proc/loadavg": "0.42 0.30 0.25 1/100 4242",
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """A server."""
    with serving(tmp_path, "--listen", "tcp://127.0.0.1:0", "--state", str(tmp_path / "room")):
        yield Room(tmp_path / "room")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the kernel would tell."""
    for name, content in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content + "\n")
    return tmp_path


class Watch(Guest):
    """`watch.sh`, as a guest that says nothing."""

    def start(self, room: Any, kind: str, name: str) -> list[str]:
        """How it is started."""
        where = f"tcp:{room.tcp.place}:{room.tcp.port}"
        return ["bash", str(MONITORS / "watch.sh"), where, str(room.state / "space.ref")]


def monitor(room: Room, tree: Path, name: str) -> subprocess.Popen[bytes]:
    """One monitor, which looks often."""
    where = f"tcp:{room.tcp.place}:{room.tcp.port}"
    return subprocess.Popen(
        ["bash", str(MONITORS / f"{name}.sh"), where, str(room.state / "space.ref")],
        env=environment(tree, SYS=str(tree / "sys"), PROC=str(tree / "proc"), INTERVAL="0.1"),
        stdin=subprocess.DEVNULL,
    )


def test_monitors_say_what_the_kernel_tells(room: Room, tree: Path) -> None:
    """Each publishes what it sees, replaces what has changed, takes back what is gone, and leaves nothing when it is killed."""
    with ExitStack() as stack:
        watch = Watch(room, tree, "watch", "watch")
        stack.callback(watch.end)
        running = {}
        for name in ("battery", "brightness", "interfaces", "load"):
            running[name] = process = stack.enter_context(monitor(room, tree, name))
            stack.callback(process.kill)
        watch.sees(
            '+ battery BAT0 87 Not "charging" >]',
            "+ brightness panel 400 1000",
            "+ interface eth0 up 1200 0",  # what is no number is not put into a value
            "+ load 0.42 0.3 0.25",
        )
        (tree / "sys/class/power_supply/BAT0/capacity").write_text("86\n")
        (tree / "sys/class/power_supply/BAT0/status").write_text("Discharging\n")
        watch.sees("+ battery BAT0 86 Discharging", '- battery BAT0 87 Not "charging" >]')
        (tree / "sys/class/net/eth0/operstate").unlink()
        watch.sees("- interface eth0 up 1200 0")
        running["battery"].kill()
        running["load"].kill()
        watch.sees("- battery BAT0 86 Discharging", "- load 0.42 0.3 0.25")


def test_a_monitor_is_a_supervised_service(tree: Path) -> None:
    """On its standard input and output: what it is told by its service object is where it speaks; when it is stopped, all is withdrawn."""

    async def main() -> None:
        async with Services(tree / "state") as services, asyncio.timeout(PATIENCE):
            space = services.space._vat.spawn(Dataspace)
            config = {
                "argv": ["bash", str(MONITORS / "battery.sh")],
                "env": {"SYS": str(tree / "sys"), "INTERVAL": "0.1"},
                "protocol": "text/syndicate",
            }
            name = Daemon(Symbol("battery"))
            party = await services.space.open()
            await party.turn(
                [["assert", 1, Tagged("daemon", [Symbol("battery"), config])], ["assert", 2, RequireService(name)]]
            )
            while not (found := await services.space.query(ServiceObject(name, bind()))):
                await asyncio.sleep(0.02)
            asked = await found[0][0].open()
            await asked.turn([["assert", 1, {"dataspace": space}]])
            await until(space, '<battery "BAT0" 87 "Not \\"charging\\" >]">')
            (tree / "sys/class/power_supply/BAT0/status").write_text("Full\n")
            await until(space, '<battery "BAT0" 87 "Full">')
            await services.stop("battery")
            await until(space)

    asyncio.run(main())


async def until(space: Any, *wanted: str) -> None:
    """Wait until these assertions are there, and no others."""
    while tuple(text(each[0]) for each in await space.query(bind())) != wanted:
        await asyncio.sleep(0.02)
