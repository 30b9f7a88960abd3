"""`remit machine adopt`: from a host with a service on it to a first binding."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli._adopt import _name
from remit.machines._listening import guess, listening
from remit.machines._process_table import Process
from tests.cli.stage import Stage
from tests.credentials import servers
from tests.credentials.kits import RedisKit
from tests.machines.sshd import Sshd, sshd

CONFIG = """
[boss]
state = "state"
[providers.ssh]
identity = "{identity}"
base = "{base}"
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture(scope="module")
def redis_server() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def stage(host: Sshd, tmp_path: Path) -> Iterator[Stage]:
    base = tmp_path / "base"
    made = Stage(tmp_path, CONFIG.format(identity=host.identity, base=base) + "[providers.process]\n")
    try:
        yield made
    finally:
        made.tidy()
        for file in base.glob("machines/*/*"):
            if file.name in ("supervisor", "process") and (left := Process.parse(file.read_text())) is not None:
                left.end(5.0)


def said(stage: Stage, *words: str) -> str:
    done = stage.remit(*words)
    assert done.code == 0, done.err + done.out
    return done.out + done.err


@pytest.mark.timeout(120)
def test_from_nothing_to_a_first_binding(stage: Stage, host: Sshd, redis_server: servers.Server) -> None:
    """A host with Redis on it is taken into use, its service offered and bound to another machine, and used there: in less than ten minutes.

    What is wrong with the wishes is said before anything is done; asked for again, nothing is done twice; and the host's own is as it was, during and after.
    """
    begun, port = time.monotonic(), redis_server.port
    stage.start_boss()
    owner = stage.home / "owner"
    owner.touch(mode=0o600)
    owner.write_text(RedisKit(redis_server).uri())
    done = stage.remit("machine", "adopt", host.host, "--service", "db=1")
    assert done.code == 1 and re.search(rf"nothing listens at 1 on the host; there is: .*:{port}", done.err)
    assert "pinned now: compare it" in done.err and json.loads(stage.remit("machine", "list", "--json").out) == []
    words = ["machine", "adopt", host.host, "--name", "cache"]
    words += ["--service", f"redis={port}", "--owner", f"redis={owner}", "--service", f"raw={port}"]
    told = said(stage, *words)
    assert "as before" in told and "machine cache is active" in told and "cache.redis is offered as redis" in told
    assert said(stage, *words).count("is offered as") == 2
    said(stage, "machine", "create", "app")
    said(stage, "bind", "app.redis", "cache.redis", "--prefix", "shop:")
    entry = stage.directory("app") / "bindings" / "redis" / "uri"
    client = servers.client("redis").Redis.from_url(entry.read_text())
    assert client.set("shop:a", "1") and client.get("shop:a") == b"1"
    client.close()
    assert time.monotonic() - begun < 600
    said(stage, "machine", "destroy", "cache", "--yes")
    assert redis_server.process.poll() is None
    assert list((stage.home / "base").glob("*/*")) == []


def test_wishes_are_read_before_anybody_is_asked(stage: Stage, host: Sshd) -> None:
    """An owner of nothing, a wish that is none."""
    assert "is none of the services" in stage.remit("machine", "adopt", host.host, "--owner", "db=/dev/null").err
    assert "is not NAME=PORT" in stage.remit("machine", "adopt", host.host, "--service", "db").err


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("root@db.example.org:22", "db"),
        ("10.0.0.1", "10-0-0-1"),
        ("ann@[2001:db8::1]:22", "2001-db8-1"),
        ("web_1", "web_1"),
    ],
)
def test_a_machine_is_called_as_its_host(host: str, name: str) -> None:
    """By its first label, or its address, as far as names of machines go."""
    assert _name(host) == name


def test_what_listens_is_seen_with_its_program(redis_server: servers.Server) -> None:
    """By the kernel's tables: port, socket, process; what it is, by the program's name, then by the port."""
    found = {each.port or each.address: each for each in listening()}
    here = found[redis_server.port]
    assert (here.address, here.kind) == (f"127.0.0.1:{redis_server.port}", "redis")
    assert found[str(redis_server.directory / "redis.sock")].kind == "redis"
    assert [guess("postgres", 1), guess("", 5432), guess("python3.11", 8080), guess("sshd", 2222), guess("x", 9)] == [
        "postgres",
        "postgres",
        "http",
        "",
        "tcp",
    ]
