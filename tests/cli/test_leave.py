"""`remit machine leave` and `remit leave`: Remit is taken off a machine, and what runs there goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.stage import Stage, until
from tests.credentials import servers
from tests.credentials.kits import RedisKit
from tests.services.stage import alive

MARK = f"64208.{os.getpid()}"
CONFIG = """
[boss]
state = "state"
[providers.process]
"""
SERVICE = f"""
[web]
run = ": {MARK}; while :; do echo tick; sleep 0.05; done"
"""


@pytest.fixture(scope="module")
def redis_server() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, CONFIG)
    try:
        yield made
    finally:
        made.tidy()
        for pid in alive(MARK):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def said(stage: Stage, *words: str) -> str:
    done = stage.remit(*words)
    assert done.code == 0, done.err + done.out
    return done.out + done.err


def with_service(stage: Stage, name: str) -> list[int]:
    """A machine that runs a service; its processes."""
    said(stage, "machine", "create", name)
    files = stage.directory(name) / "services.d"
    files.mkdir(mode=0o700, exist_ok=True)
    (files / "web.toml").write_text(SERVICE)
    return list(until(lambda: alive(MARK)))


def bound(stage: Stage, redis_server: servers.Server) -> str:
    """Redis offered on db and bound on app; the address with the credential of the binding."""
    owner = stage.home / "owner"
    owner.touch(mode=0o600)
    owner.write_text(f'connection = "{RedisKit(redis_server).uri()}"\nhost = "127.0.0.1"\n')  # reached without a tunnel
    said(stage, "offer", "db.redis", "--kind", "redis", "--owner", str(owner))
    said(stage, "machine", "create", "app")
    said(stage, "bind", "app.redis", "db.redis", "--prefix", "shop:")
    return (stage.directory("app") / "bindings" / "redis" / "uri").read_text()


def can_use(uri: str) -> bool:
    library = servers.client("redis")
    client = library.Redis.from_url(uri)
    try:
        return bool(client.set("shop:a", "1"))
    except library.exceptions.AuthenticationError:
        return False
    finally:
        client.close()


def grows(log: Path) -> bool:
    before = log.stat().st_size
    return bool(until(lambda: log.stat().st_size > before))


@pytest.mark.timeout(120)
def test_a_machine_leaves_and_its_services_go_on(stage: Stage, redis_server: servers.Server) -> None:
    """The very processes, with their logs; the accounts that it gave are revoked, the agent is gone with its files, and the boss knows it no more."""
    stage.start_boss()
    pids = with_service(stage, "db")
    directory, agent = stage.directory("db"), stage.agent("db")
    uri = bound(stage, redis_server)
    assert can_use(uri)
    refused = stage.remit("machine", "leave", "db")
    assert refused.code == 2 and "app.redis -> db.redis (keys from 'shop:') is REVOKED" in refused.err
    assert "These go on, and nobody starts them again when they end: <daemon web>." in refused.err and can_use(uri)
    told = said(stage, "machine", "leave", "db", "--yes")
    assert "processes of services, with their logs in services/, until they end; the files in services.d/ (in " in told
    assert not can_use(uri) and not agent.alive
    assert [one["name"] for one in stage.read("machine", "list")] == ["app"] and stage.read("bindings") == []
    assert set(pids) <= set(alive(MARK)) and grows(directory / "services" / "logs" / "web.log")
    assert sorted(path.name for path in directory.iterdir()) == ["services", "services.d"]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not (directory / "services" / "warden.sock").exists())  # who kept it goes when it ends


@pytest.mark.timeout(120)
def test_credentials_are_kept_where_that_is_asked_for(stage: Stage, redis_server: servers.Server) -> None:
    """The account stays at the service, and the files where they are laid out, for programs that go on; the boss has forgotten the edge."""
    stage.start_boss()
    said(stage, "machine", "create", "db")
    uri = bound(stage, redis_server)
    app = stage.directory("app")
    warned = stage.remit("machine", "leave", "app", "--keep-credentials")
    assert "an account and files that were made for it stay, and are yours to remove" in warned.err
    assert "credentials in bindings/" in said(stage, "machine", "leave", "app", "--keep-credentials", "--yes")
    assert can_use(uri) and (app / "bindings" / "redis" / "uri").read_text() == uri
    assert sorted(path.name for path in app.iterdir()) == ["bindings"]
    assert stage.read("bindings") == [] and said(stage, "machine", "leave", "db", "--yes")
    assert can_use(uri) and stage.read("machine", "list") == []


@pytest.mark.timeout(120)
def test_an_operator_of_the_machine_has_it_leave(stage: Stage) -> None:
    """By its own directory: the boss is asked, and takes the agent off; without the boss, only the machine does."""
    stage.start_boss()
    for name in ("db", "app"):
        said(stage, "machine", "create", name)
    db, app, agent = stage.directory("db"), stage.directory("app"), stage.agent("app")
    assert "machine db is no machine of this boss any more" in said(stage, "leave", "--hob", str(db), "--yes")
    assert not db.exists() and [one["name"] for one in stage.read("machine", "list")] == ["app"]
    assert stage.stop_boss() == 0
    assert "is told nothing" in said(stage, "leave", "--hob", str(app), "--alone", "--yes")
    assert not app.exists() and not agent.alive
    assert "is no machine's state directory" in stage.remit("leave", "--hob", str(stage.home), "--yes").err
