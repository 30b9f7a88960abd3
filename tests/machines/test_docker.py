"""Containers as machines, at a real Engine: what they may, what limits them, and what is made again."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines.docker._engine import Engine
from remit.machines.docker._images import last_words
from remit.machines.docker._provider import DockerProvider
from tests.machines.provider_kits import DockerKit, opened
from tests.machines.stage import Stage, all_active, until
from tests.machines.test_provider_contract import USER_DATA, run
from tests.machines.test_provider_machines import destroy_all

pytestmark = [pytest.mark.needs_docker, pytest.mark.timeout(120)]

LOOK = """
import json, os, pathlib, time
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
def may(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError:
        return False
    return True
print(json.dumps({
    "user": os.getuid(), "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16), "no_new": status["NoNewPrivs"].strip(),
    "writes": [path for path in ("/x", "/etc/x", "/opt/remit/x", "/var/tmp/x", "/var/lib/remit/x", "/var/lib/remit/code/path-0/web.py", "/tmp/x",
                                 "/run/x", "/var/lib/remit/machine/x") if may(path)],
    "first": os.getppid(),
}), flush=True)
time.sleep(300)
"""


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[DockerKit]:
    """The Engine here."""
    found = opened("docker", tmp_path)
    assert isinstance(found, DockerKit)
    try:
        yield found
    finally:
        found.sweep()


def python(kit: DockerKit, program: str) -> DockerProvider:
    """A provider whose machines run a program of Python's instead of an agent."""
    made = kit.provider()
    made.command = ("python3", "-c", program)
    return made


async def told(made: DockerProvider, id: str = "db-1") -> Any:
    """What the machine's program has printed, once it has."""
    async with asyncio.timeout(30):
        while not (text := await last_words(Engine(), made.named(id))).endswith("}"):
            await asyncio.sleep(0.02)
    return json.loads(text)


def test_a_machine_has_no_rights_but_to_its_own_state(kit: DockerKit, tmp_path: Path) -> None:
    """Not root, no capability, none to be had; it writes its state and memory, not what it runs; a first process reaps for it."""
    (tmp_path / "web.py").write_text("")
    made = python(kit, LOOK)

    async def work() -> Any:
        await made.create("db-1", "db", {**USER_DATA, "agent": {"path": [str(tmp_path)]}}, {})
        return await told(made)

    found = run(work())
    assert (found["user"], found["capabilities"], found["no_new"]) == (10001, 0, "1")
    assert found["writes"] == ["/tmp/x", "/run/x", "/var/lib/remit/machine/x"]
    assert found["first"] == 1


def test_limits_hold(kit: DockerKit) -> None:
    """Memory beyond the limit ends it, and that is said; so many processes and no more."""
    eat = python(kit, "x = bytearray(400 << 20); print(len(x))")
    fork = python(
        kit,
        "import json, os, time\nn = 0\ntry:\n  while os.fork():\n    n += 1\n  time.sleep(300)\nexcept OSError:\n  print(json.dumps({'processes': n}), flush=True)\n  time.sleep(300)",
    )

    async def work() -> Any:
        await eat.create("db-1", "db", USER_DATA, {"memory": "64m"})
        async with asyncio.timeout(30):
            while "out of memory" not in (seen := await eat.observe("db-1")).detail and "restarted" not in seen.detail:
                await asyncio.sleep(0.05)
        made = await Engine().get(f"/containers/{eat.named('db-1')}/json")
        assert made["State"]["OOMKilled"] or made["RestartCount"] > 0
        await fork.create("db-2", "db", USER_DATA, {"pids": "40", "cpus": "0.5"})
        made = await Engine().get(f"/containers/{eat.named('db-2')}/json")
        assert made["HostConfig"]["NanoCpus"] == 500_000_000
        return await told(fork, "db-2")

    assert run(work())["processes"] < 40


def test_a_container_that_was_removed_is_made_again_from_its_volume(kit: DockerKit) -> None:
    """With the options and the state that it had: what the machine keeps is in the volume alone."""
    made = python(
        kit,
        "import json, pathlib, time\nfile = pathlib.Path('/var/lib/remit/machine/kept')\nwas = file.exists()\nfile.touch()\nprint(json.dumps({'kept': was}), flush=True)\ntime.sleep(300)",
    )

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {"memory": "99m"})
        assert await told(made) == {"kept": False}
        await Engine().delete(f"/containers/{made.named('db-1')}", force=True)
        seen = await made.observe("db-1")
        assert (seen.state, seen.name) == ("made", "db")
        await made.start("db-1", b"address")
        assert await told(made) == {"kept": True}
        assert (await Engine().get(f"/containers/{made.named('db-1')}/json"))["HostConfig"]["Memory"] == 99 << 20

    run(work())


def test_a_paused_container_is_seen_and_goes_on(kit: DockerKit) -> None:
    """Its agent answers nobody meanwhile; the machine's start has it go on."""
    made = kit.provider()

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        await Engine().post(f"/containers/{made.named('db-1')}/pause")
        seen = await made.observe("db-1")
        assert (seen.state, "paused" in seen.detail) == ("made", True)
        await made.start("db-1", b"address")
        assert (await made.observe("db-1")).state == "running"

    run(work())


def test_a_published_port_is_on_loopback(kit: DockerKit) -> None:
    """And nowhere else: the Engine would open it to everybody otherwise."""
    made = python(kit, "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8000, bind='0.0.0.0')")

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {"publish": "18743:8000"})
        bound = (await Engine().get(f"/containers/{made.named('db-1')}/json"))["NetworkSettings"]["Ports"]
        assert bound == {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18743"}]}
        async with asyncio.timeout(30):
            while True:
                try:
                    await asyncio.to_thread(
                        lambda: urllib.request.urlopen("http://127.0.0.1:18743/", timeout=5).close()
                    )
                    return
                except OSError:
                    await asyncio.sleep(0.05)

    run(work())


def test_an_image_that_cannot_run_an_agent_is_refused_and_nothing_is_kept_of_it(kit: DockerKit, tmp_path: Path) -> None:
    """Before the machine starts, with what an image needs."""
    name = f"remit-test-{kit.owner}"
    with tarfile.open(tmp_path / "empty.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("hello"), io.BytesIO())
    made = kit.provider()

    async def work() -> None:
        engine = Engine()
        await engine.load("/images/create", tmp_path / "empty.tar", lambda _: None, fromSrc="-", repo=name, tag="1")
        try:
            with pytest.raises(ProviderError, match="cannot run an agent .it needs sh, and Python 3.11"):
                await made.create("db-1", "db", USER_DATA, {"image": f"{name}:1"})
            assert (
                await engine.get("/containers/json", all=True, filters={"label": [f"remit.making={kit.owner}boss"]})
                == []
            )
            await made.destroy("db-1")
        finally:
            await engine.delete(f"/images/{name}:1", force=True)

    run(work())
    assert list(kit.leftovers()) == []


def test_making_an_image_removes_no_machine(kit: DockerKit) -> None:
    """What a boss that was killed has left of making one goes; containers of machines have nothing of it, and are never touched."""
    made = kit.provider()

    async def work() -> None:
        engine = Engine()
        await made.create("db-1", "db", USER_DATA, {})
        labels = (await engine.get(f"/containers/{made.named('db-1')}/json"))["Config"]["Labels"]
        assert labels["remit.making"] == ""
        left = {"Image": "remit-machine", "Labels": {"remit.making": f"{kit.owner}boss"}}
        id = (await engine.post("/containers/create", left))["Id"]
        await made._images._sweep()
        assert await engine.find(f"/containers/{id}/json") is None
        assert (await made.observe("db-1")).state == "running"

    run(work())


def test_the_default_image_is_never_fetched(kit: DockerKit) -> None:
    """Anybody could publish an image of its name: where it is not here, what to do is said."""
    with pytest.raises(ProviderError, match=r"no image remit-machine:nowhere: make it with: remit image build docker"):
        run(kit.provider().create("db-1", "db", USER_DATA, {"image": "remit-machine:nowhere"}))


def test_networks_are_the_bosss_own(kit: DockerKit) -> None:
    """Each provider's has a subnet that is its own, the same when it is made again; another one of its name is left alone; what remit.toml says otherwise is told."""

    async def work() -> None:
        engine, store = Engine(), kit.store()
        first = DockerProvider(f"{kit.owner}boss", store)
        second = DockerProvider(f"{kit.owner}boss", store, provider="second")
        gateways = [await first.gateway(), await second.gateway()]
        assert len(set(gateways)) == 2
        for each in (first, second):
            await each.destroy("nobody")
        assert await first.gateway() == gateways[0]
        with pytest.raises(ProviderError, match="and remit.toml says otherwise"):
            await DockerProvider(f"{kit.owner}boss", store, {"internal": True}).gateway()
        await first.destroy("nobody")
        await engine.post("/networks/create", {"Name": first._bridge.name})
        try:
            with pytest.raises(ProviderError, match="is not of this boss, and was left alone"):
                await first.gateway()
        finally:
            await engine.delete(f"/networks/{first._bridge.name}")

    run(work())


def test_a_tether_is_refused(kit: DockerKit) -> None:
    """A process of this host is nobody in a container: the machine would end at once."""
    with pytest.raises(ProviderError, match="leave out the option tether"):
        run(kit.provider().create("db-1", "db", {**USER_DATA, "agent": {"tether": "1 2 3"}}, {}))


def test_machines_of_two_providers_use_each_other(kit: DockerKit, tmp_path: Path) -> None:
    """A process of this host reaches a container where that is; a container reaches nothing on the host's loopback, and the boss relays."""
    agent = {"classes": ["diary"], "path": [str(tmp_path / "code")]}
    (tmp_path / "code").mkdir()
    (tmp_path / "code/diary.py").write_text((Path(__file__).parent / "diary.py").read_text())
    stage = Stage(tmp_path, {"process": {"agent": agent}, "docker": {"agent": agent}})
    stage.start_boss()

    async def work() -> None:
        async with stage.admin() as boss:
            await asyncio.gather(boss.create_machine("near", "process"), boss.create_machine("far", "docker"))
            await until(lambda: all_active(boss))
            for one, other in (("near", "far"), ("far", "near")):
                await boss.offer(f"{one}.diary", "test.diary")
                await boss.bind(f"{other}.diary", f"{one}.diary")
            via = {edge["target"]: edge["via"] for edge in await boss.bindings()}
            assert via == {"far.diary": "boss", "near.diary": ""}
            for name in ("near", "far"):
                diary = await boss.machine(name).binding("diary")
                await diary.write("seen")
                assert await diary.read() == ["seen"]

    try:
        run(work())
    finally:
        run(destroy_all(stage))
        stage.kill_boss()


def test_an_internal_network_is_asked_for_where_the_table_says_so(kit: DockerKit) -> None:
    """`internal = true`: the Engine then lets nothing through beyond this host; its gateway is where the boss listens, unless the table says otherwise."""

    async def work() -> None:
        made = DockerProvider(f"{kit.owner}boss", kit.store(), {"internal": True, "subnet": "10.211.77.0/28"})
        assert await made.gateway() == "10.211.77.1"
        found = await Engine().get(f"/networks/{made._bridge.name}")
        assert (found["Internal"], found["IPAM"]["Config"][0]["Subnet"]) == (True, "10.211.77.0/28")
        apart = {"internal": True, "subnet": "10.211.77.0/28", "gateway": False}
        assert await DockerProvider(f"{kit.owner}boss", kit.store(), apart).gateway() == ""
        await made.destroy("nobody")

    run(work())
