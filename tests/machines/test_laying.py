"""How bindings are laid out where somebody has chosen: templates, commands, signals, other users' programs."""

from __future__ import annotations

import asyncio
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from remit.credentials import Credential, Secret
from remit.errors import BadArgument, Missing, NotAllowed
from remit.machines import Laying, Layout
from remit.machines._laying import check_laying
from remit.machines._reload import Reload, filled
from remit.testing import FakeServer
from remit.values import SturdyRef
from tests.machines.town import Town, in_town

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can lay out bindings for other users")


def credential(number: int = 1) -> Credential:
    return Credential("fake", {"username": f"user{number}"}, {"password": Secret(f"sesame-{number}-open")}, number)


def laid_out(layout: Layout, number: int, laying: Laying) -> str:
    trouble: str = asyncio.run(layout.write("db", "e1", credential(number), None, laying))
    return trouble


def script(place: Path, text: str) -> str:
    path = place / "hook"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_command_runs_after_each_renewal(tmp_path: Path) -> None:
    """Not when the credential is laid out first; then once for each new one, when the files are there already."""
    layout = Layout(tmp_path / "m" / "bindings")
    laying = Laying(reload=[script(tmp_path, f'cat "$SERVICE_BINDING_ROOT/db/username" >>{tmp_path}/told'), "word"])
    for number in (1, 1, 2, 2, 3):
        assert laid_out(layout, number, laying) == ""
    assert (tmp_path / "told").read_text() == "user2user3"


def test_a_command_that_fails_is_shown_and_tried_again(tmp_path: Path) -> None:
    """With its code and its last words, without anything that is laid out; and run again when the machine looks, until it works."""
    layout = Layout(tmp_path / "m" / "bindings")
    laying = Laying(reload=[script(tmp_path, f'echo "no way: sesame-2-open" >&2; test -e {tmp_path}/fine || exit 3')])
    assert laid_out(layout, 1, laying) == ""
    trouble = laid_out(layout, 2, laying)
    assert "code 3" in trouble and "no way: …" in trouble and "sesame" not in trouble
    assert "code 3" in laid_out(layout, 2, laying)
    (tmp_path / "fine").touch()
    assert laid_out(layout, 2, laying) == ""


def test_a_command_has_a_limit_of_time(tmp_path: Path) -> None:
    """What does not end is killed, with what it has started."""
    layout = Layout(tmp_path / "m" / "bindings", reload=Reload(seconds=0.2))
    laying = Laying(reload=[script(tmp_path, f"sleep 60 & echo $! >{tmp_path}/child; wait")])
    laid_out(layout, 1, laying)
    assert "not ended within 0.2 s" in laid_out(layout, 2, laying)
    child = Path("/proc", (tmp_path / "child").read_text().strip(), "stat")
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_file_is_made_of_a_template(tmp_path: Path) -> None:
    """From the first time on, with mode 600, whole; braces of other kinds stay, what is not there is named and leaves the file as it is."""
    layout = Layout(tmp_path / "m" / "bindings")
    template, made = tmp_path / "template", tmp_path / "made.conf"
    template.write_text("{ user {db.username} } {db.password} {} {x}\n")
    laying = Laying(templates=[[str(template), str(made)]])
    assert laid_out(layout, 1, laying) == ""
    assert made.read_text() == "{ user user1 } sesame-1-open {} {x}\n"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert laid_out(layout, 2, laying) == ""
    assert "sesame-2-open" in made.read_text()
    template.write_text("{db.pasword}")
    trouble = laid_out(layout, 3, laying)
    assert "no db.pasword" in trouble and "there are: password, type, username" in trouble and "sesame" not in trouble
    assert "sesame-2-open" in made.read_text()
    with pytest.raises(BadArgument, match="no other.x"):
        filled("{other.x}", {"db": {}}, "t")


def test_a_signal_goes_to_a_service(tmp_path: Path) -> None:
    """By name, after a renewal; where there is no such service, that is said."""
    sent: list[tuple[str, int]] = []

    async def signal(service: str, number: int) -> None:
        sent.append((service, number))

    layout = Layout(tmp_path / "m" / "bindings", reload=Reload(signal))
    for number in (1, 2):
        assert laid_out(layout, number, Laying(signal="HUP web")) == ""
    assert sent == [("web", 1)]
    assert "no services" in laid_out(Layout(tmp_path / "m" / "bindings"), 3, Laying(signal="HUP web"))


WRONG: list[Any] = [
    None,
    Laying(local="both"),
    Laying(user="a b"),
    Laying(user="../x"),
    Laying(reload="reboot"),
    Laying(reload=["reboot"]),
    Laying(reload=["/bin/x\0"]),
    Laying(reload=["/bin/true"] * 99),
    Laying(signal="HUP"),
    Laying(signal="WINK web"),
    Laying(templates=[["/a"]]),
    Laying(templates=[["a", "/b"]]),
    Laying(templates=[["/a/../b", "/c"]]),
]


@pytest.mark.parametrize("value", WRONG)
def test_what_cannot_be_a_laying_is_refused(value: Any) -> None:
    """A peer may send anything."""
    with pytest.raises(BadArgument):
        check_laying(value)


def test_a_machine_runs_no_commands_unless_it_was_told_so(tmp_path: Path) -> None:
    """An agent that was not told otherwise refuses commands and templates that its boss names; signals to its services it sends."""
    layout = Layout(tmp_path / "bindings")
    for laying in (Laying(reload=["/bin/true"]), Laying(templates=[["/a", "/b"]])):
        with pytest.raises(NotAllowed, match="hooks = true"):
            layout.check(laying)
        Layout(tmp_path / "bindings", hooks=True).check(laying)
    layout.check(Laying(local="port", signal="HUP web"))


def test_the_boss_shows_a_reload_that_failed(tmp_path: Path) -> None:
    """In the list of bindings, beside what was chosen; until it has worked."""
    FakeServer("fake://boss")
    hook = script(tmp_path, f"test -e {tmp_path}/fine")

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        await town.boss.offer("db.main", "fake", "", "", [Secret("fake://boss")])
        laying = Laying(reload=[hook])
        with pytest.raises(NotAllowed, match="hooks = true"):
            await town.boss.bind("app.db", "db.main", laying=laying)
        town.boxes["app"].layout.hooks = True
        edge = await town.boss.bind("app.db", "db.main", laying=laying)
        assert (edge["state"], edge["laying"], edge["note"]) == ("active", {"reload": [hook]}, "")
        await town.boss.rotate("app.db")
        status = await town.holds(lambda status: bool(status["edges"][0]["note"]))
        assert "code 1" in status["edges"][0]["note"]
        (tmp_path / "fine").touch()
        await town.boxes["app"].hob.refresh()
        await town.holds(lambda status: not status["edges"][0]["note"])
        await town.boss.offer("db.table", "test.table")
        with pytest.raises(BadArgument, match="nothing to lay out"):
            await town.boss.bind("app.t", "db.table", laying=laying)
        assert [each["target"] for each in await town.boss.bindings()] == ["app.db"]

    in_town(work)


# --- another user ---------------------------------------------------------------------------------------


def as_user(user: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    found = pwd.getpwnam(user)
    return subprocess.run(
        words,
        user=found.pw_uid,
        group=found.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": os.defpath, **environment},
    )


@pytest.fixture
def open_place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A directory that every user may enter."""
    import shutil
    import tempfile

    made = Path(tempfile.mkdtemp(prefix="remit-users-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@ROOT
@pytest.mark.needs_root
def test_another_users_programs_get_it_and_nobody_else(open_place: Path) -> None:
    """Files and directories are that user's to read and root's to change; a third user gets nothing; commands and templates run as the user."""
    layout = Layout(open_place / "m" / "bindings", users=open_place / "users")
    home = open_place / "of-nobody"
    home.mkdir()
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    (home / "template").write_text("{db.password}\n")
    hook = script(open_place, f"id -un >{home}/who")
    laying = Laying(user="nobody", reload=[hook], templates=[[str(home / "template"), str(home / "made")]])
    for number in (1, 2):
        assert laid_out(layout, number, laying) == ""
    root = open_place / "users" / "m" / str(pwd.getpwnam("nobody").pw_uid) / "bindings"
    read = as_user("nobody", "cat", str(root / "db" / "password"), str(home / "made"), str(home / "who"))
    assert read.stdout == "sesame-2-opensesame-2-open\nnobody\n", read.stderr
    assert as_user("nobody", "ls", str(root / "db")).stdout.split() == ["password", "type", "username"]
    status = (root / "db" / "password").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, pwd.getpwnam("nobody").pw_uid)
    assert stat.S_IMODE((home / "made").stat().st_mode) == 0o600
    for other in ("daemon", "games"):
        assert as_user(other, "cat", str(root / "db" / "password")).returncode
        assert as_user(other, "ls", str(root)).returncode
    for word in ("touch", "mkdir"):
        assert as_user("nobody", word, str(root / "planted")).returncode
    assert not (open_place / "m" / "bindings" / "db").exists()
    assert layout.held() == {"db": "e1"}
    asyncio.run(layout.remove("db", "e1"))
    assert list(root.iterdir()) == []


@ROOT
@pytest.mark.needs_root
def test_a_template_cannot_be_led_astray_by_its_user(open_place: Path) -> None:
    """Where the path leads to what only root may write or read, nothing is written and nothing read."""
    layout = Layout(open_place / "m" / "bindings", users=open_place / "users")
    home, secret = open_place / "of-nobody", open_place / "root-only"
    home.mkdir()
    secret.mkdir(mode=0o700)
    (secret / "template").write_text("root's own\n")
    (home / "template").write_text("{db.password}\n")
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    (home / "way").symlink_to(secret)
    assert "code" in laid_out(
        layout, 1, Laying(user="nobody", templates=[[str(home / "template"), str(home / "way" / "made")]])
    )
    assert "code" in laid_out(
        layout, 2, Laying(user="nobody", templates=[[str(home / "way" / "template"), str(home / "made")]])
    )
    assert sorted(path.name for path in secret.iterdir()) == ["template"]
    assert not (home / "made").exists()


@ROOT
@pytest.mark.needs_root
def test_another_users_programs_find_the_machine(open_place: Path) -> None:
    """By a file that they alone can read, as long as there is a binding for them; they get those bindings, and no others."""
    FakeServer("fake://boss")
    uid = pwd.getpwnam("nobody").pw_uid

    async def work(town: Town) -> None:
        await town.machines("db", "app")
        layout = town.boxes["app"].layout
        layout.users = open_place / "users" / "m"
        await town.boss.offer("db.main", "fake", "", "", [Secret("fake://boss")])
        await town.boss.bind("app.db", "db.main", laying=Laying(user="nobody"))
        await town.boss.bind("app.other", "db.main")
        door = open_place / "users" / "m" / str(uid) / "hob.ref"
        assert (stat.S_IMODE(door.stat().st_mode), door.stat().st_uid) == (0o600, uid)
        stranger = await town.stranger("program")
        desk = stranger.network.enliven(SturdyRef.parse(door.read_text().strip()))
        assert [each["name"] for each in await desk.bindings()] == ["db"]
        assert (await (await desk.get("db")).credential()).type == "fake"
        with pytest.raises(Missing, match="for user nobody"):
            await desk.get("other")
        await town.boss.unbind("app.db")
        assert not door.exists()

    in_town(work)


def test_a_user_without_root_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root can lay out for others, and only for users that there are."""
    layout = Layout(tmp_path / "m" / "bindings", users=tmp_path / "users")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(BadArgument, match="runs as root"):
        layout.check(Laying(user="nobody"))
    with pytest.raises(BadArgument, match="no user"):
        layout.check(Laying(user="no-such-user"))
