"""Hosts that are there already, taken into use over ssh: with Debian's sshd on the loopback address."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadArgument, ProviderError
from remit.machines import Parcel
from remit.machines._process_table import Process
from remit.machines._ssh import SshProvider
from remit.machines._ssh_link import Target
from tests.machines.parcels import small_parcel
from tests.machines.sshd import Sshd, keygen, sshd
from tests.machines.test_provider_contract import SECRET, USER_DATA, run


class Place:
    """A host, and the state directory of a boss."""

    def __init__(self, server: Sshd, place: Path) -> None:
        self.server = server
        self.state = place / "boss"
        self.base = place / "base"
        self.parcel = small_parcel(place / "store")
        self.state.mkdir(mode=0o700)

    def provider(self, owner: str = "boss", **more: Any) -> SshProvider:
        given = {"identity": str(self.server.identity), "base": str(self.base), **more}
        return SshProvider(self.state, owner, lambda: self.parcel, **given)

    def create(self, id: str = "db-1", **options: str) -> SshProvider:
        made = self.provider()
        run(made.create(id, "db", USER_DATA, {"host": self.server.host, **options}))
        return made

    def machine(self, id: str = "db-1") -> Path:
        return self.base / "machines" / id

    def process(self, id: str = "db-1") -> Process:
        found = Process.parse((self.machine(id) / "supervisor").read_text())
        assert found is not None
        return found

    def tidy(self) -> None:
        for file in self.base.glob("machines/*/*"):
            if file.name in ("supervisor", "process") and (left := Process.parse(file.read_text())) is not None:
                left.end(5.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def place(server: Sshd, tmp_path: Path) -> Iterator[Place]:
    made = Place(server, tmp_path)
    try:
        yield made
    finally:
        made.tidy()


def test_a_host_is_taken_into_use_and_given_back(place: Place) -> None:
    """The agent is brought, kept running apart from the connection, seen, and taken off; the versions that nobody uses go with it."""
    made = place.create()
    (seen,) = run(made.list())
    assert (seen.id, seen.name, seen.state) == ("db-1", "db", "running")
    assert f"{place.server.host}, process " in seen.detail and "host key SHA256:" in seen.detail
    assert os.readlink(place.machine() / "current") == str(place.base / "versions" / place.parcel.digest)
    assert place.process().alive
    run(made.destroy("db-1"))
    assert run(made.list()) == [] and run(made.observe("db-1")).state == "absent"
    assert not place.machine().exists()
    assert list((place.base / "versions").iterdir()) == []
    run(made.destroy("db-1"))


def test_the_introduction_is_in_no_argument_and_for_nobody_else(place: Place) -> None:
    """It goes to the host on the connection, into a file of mode 0600 in a directory of 0700; in no process's arguments or environment, nor in what is kept here."""
    place.create()
    file = place.machine() / "user-data"
    assert json.loads(file.read_text()) == USER_DATA
    assert [stat.S_IMODE(each.stat().st_mode) for each in (file, file.parent)] == [0o600, 0o700]
    for path in [*place.state.rglob("*"), place.server.place / "sshd.log"]:
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes()
    for name in ("cmdline", "environ"):
        assert SECRET.encode() not in Path(f"/proc/{place.process().pid}/{name}").read_bytes()


def test_a_host_is_looked_at_and_nothing_is_left_there(place: Place) -> None:
    """What listens, and the key; what was brought for it is removed, unless a machine is about to be made out of it."""
    made, asked = place.provider(), {"host": place.server.host}
    seen = run(made.look(asked))
    assert seen["fresh"] and seen["key"].startswith("SHA256:")
    assert place.server.port not in {each["port"] for each in seen["listening"] if each["kind"]}  # it is sshd's
    assert {each["port"] for each in seen["listening"]} >= {place.server.port}
    assert list((place.base / "versions").iterdir()) == []
    assert not run(made.look(asked, stay=True))["fresh"]
    assert [each.name for each in (place.base / "versions").iterdir()] == [place.parcel.digest]


def test_a_machine_without_a_host_is_refused(place: Place) -> None:
    """And options that are no texts; nothing is noted of them."""
    made = place.provider()
    with pytest.raises(ProviderError, match="are texts"):
        run(made.create("db-1", "db", USER_DATA, {"host": 3}))
    with pytest.raises(ProviderError, match="which host"):
        run(made.create("db-1", "db", USER_DATA, {}))
    assert run(made.list()) == []


def test_a_changed_host_key_is_refused(place: Place) -> None:
    """It was pinned at the first connection; the error shows both, and how to accept the new one, which works. Nothing is said to such a host."""
    made = place.create()
    known = place.state / "ssh" / "known_hosts"
    assert stat.S_IMODE(known.stat().st_mode) == 0o600
    own, other = known.read_text(), place.state / "other"
    keygen(other)
    known.write_text(own.replace(own.split()[-1], other.with_suffix(".pub").read_text().split()[1]))
    with pytest.raises(ProviderError, match="has changed: it is now SHA256:") as error:
        run(made.observe("db-1"))
    log = (place.server.place / "sshd.log").read_text().splitlines()
    assert not [line for line in log[-1:] if "Accepted" in line]
    command = str(error.value).split("accept it with: ")[1].split("  and ask again")[0]
    assert os.system(f"{command} >/dev/null 2>&1") == 0
    assert "pinned just now" in run(made.observe("db-1")).detail
    assert "just now" not in run(made.observe("db-1")).detail


def test_a_host_that_takes_no_key_of_ours_says_so(place: Place) -> None:
    """With what to do; one that is not there says that. Neither leaves anything but the wish."""
    keygen(place.state / "wrong")
    made = place.provider(identity=str(place.state / "wrong"))
    with pytest.raises(ProviderError, match="takes none of our keys"):
        run(made.create("db-1", "db", USER_DATA, {"host": place.server.host}))
    with pytest.raises(ProviderError, match="cannot be reached by ssh"):
        run(made.create("db-2", "db", USER_DATA, {"host": "127.0.0.1:1"}))
    assert [each.state for each in run(made.list())] == ["made", "made"]
    assert not place.base.exists()


def test_an_agent_is_brought_another_version_and_taken_back(place: Place) -> None:
    """The link is turned over, the agent started again out of it; what ran before is kept beside it, and started again when asked for."""
    made = place.create()
    second = small_parcel(place.parcel.path.parent, "exec sleep 301")
    versions = place.base / "versions"
    for work, one in ((lambda: made.upgrade("db-1", second), second), (lambda: made.downgrade("db-1"), place.parcel)):
        for _ in range(2):
            run(work())
            assert os.readlink(place.machine() / "current") == str(versions / one.digest)
            wait_for(place, one)
    assert {each.name for each in versions.iterdir()} == {place.parcel.digest, second.digest}


def wait_for(place: Place, one: Parcel) -> None:
    """Wait until the agent of this parcel is a child of the supervisor."""
    wanted = (one.path / "bin" / "remit-agent").read_text().split("exec ")[1].strip()

    async def work() -> None:
        async with asyncio.timeout(20):
            while wanted not in commands(place.process().pid):
                await asyncio.sleep(0.01)

    asyncio.run(work())


def commands(pid: int) -> list[str]:
    """The command lines of a process's children."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found.append(Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
        except FileNotFoundError:
            continue
    return found


def test_an_agent_that_ends_is_started_again(place: Place) -> None:
    """By its supervisor, after a pause; what it was is in its log."""
    place.parcel = small_parcel(place.parcel.path.parent, 'echo begun >>"$2/agent.log"; exit 3')
    place.create()

    async def work() -> None:
        async with asyncio.timeout(20):
            while (place.machine() / "agent.log").read_text().count("begun") < 2:
                await asyncio.sleep(0.05)

    asyncio.run(work())
    assert "it is started again in 2 s" in (place.machine() / "agent.log").read_text()


def test_a_parcel_that_came_damaged_is_not_used(place: Place) -> None:
    """It is looked at in full when it has come, and removed."""
    wrong = place.parcel.path.with_name("0" * 64)
    shutil.copytree(place.parcel.path, wrong)
    place.parcel = place.parcel._replace(digest=wrong.name, path=wrong)
    with pytest.raises(ProviderError, match="has not come to the host whole"):
        place.create()
    assert not (place.base / "versions" / wrong.name).exists()


def test_a_host_that_cannot_reach_the_boss_is_refused() -> None:
    """A boss that listens on its loopback address only is of no use to another host: that is said before anything is done there."""
    from remit.machines._ssh import _reachable

    here = {"introduction": "ocapn://x.remit/s/c3VwZXJzZWNyZXQ?tls=127.0.0.1%3A4000", "agent": {}}
    there = {**here, "introduction": "ocapn://x.remit/s/c3VwZXJzZWNyZXQ?tls=127.0.0.1%3A4000,boss.example.org%3A4000"}
    with pytest.raises(ProviderError, match="could not reach the boss"):
        _reachable(Target.parse("db.example.org"), here)
    told = _reachable(Target.parse("db.example.org"), there)
    assert told["agent"] == {"listen": "0.0.0.0:0", "published": "db.example.org"}
    assert _reachable(Target.parse("localhost"), here) == here


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("db.example.org", ("db.example.org", 22, "")),
        ("root@db", ("db", 22, "root")),
        ("ann@[2001:db8::1]:2222", ("2001:db8::1", 2222, "ann")),
        ("10.0.0.1:22", ("10.0.0.1", 22, "")),
    ],
)
def test_hosts_are_written_as_ssh_has_them(text: str, read: tuple[str, int, str]) -> None:
    """User and port may be left out; what is something else is refused with the form."""
    assert Target.parse(text)[:3] == read
    for wrong in ("", "a b", "-oProxyCommand=x", "a:0", "a:70000", "a@b@c", "a/b"):
        with pytest.raises(BadArgument, match="user@host"):
            Target.parse(wrong)
