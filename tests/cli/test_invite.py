"""`remit invite`: a file for somebody who should not have everything."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.cli import _exit
from tests.cli.stage import Stage


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as free:  # the file of a guest says where the boss is, so that must stay
        port = free.getsockname()[1]
    made = Stage(home, f'[boss]\nstate = "state"\nlisten = "127.0.0.1:{port}"\n')
    try:
        made.start_boss()
        yield made
    finally:
        made.tidy()


def test_a_guest_looks_and_is_refused_the_rest_also_after_a_restart(stage: Stage) -> None:
    """The file is private; it works with --boss; orders end with the exit code of missing authority; taking it back is for good."""
    assert stage.remit("machine", "create", "db").code == 0
    done = stage.remit("invite", "ci", "--only", "status,logs", "--for", "8h")
    assert done.code == 0, done.err
    file = stage.home / "ci.ref"
    assert file.stat().st_mode & 0o777 == 0o600
    secret = file.read_text().strip().rpartition("/")[2]
    for stop in (False, True):
        if stop:
            stage.stop_boss()
            stage.start_boss()
        seen = stage.remit("--boss", "ci.ref", "status", "--json")
        assert [each["name"] for each in json.loads(seen.out)["machines"]] == ["db"]
        assert stage.remit("--boss", "ci.ref", "service", "list").code == 0
        for words in (("machine", "destroy", "db", "--yes"), ("invite", "me", "--only", "bind")):
            refused = stage.remit("--boss", "ci.ref", *words)
            assert refused.code == _exit.REFUSED, refused.err
    (shown,) = stage.read("invitations")
    assert (shown["name"], shown["parts"]) == ("ci", ["logs", "status"])
    kept = b"".join(path.read_bytes() for path in stage.state.glob("state.db*"))
    assert secret and secret.encode() not in kept + stage.log().encode() + json.dumps(shown).encode()
    assert stage.remit("uninvite", "ci").code == 0
    assert stage.remit("--boss", "ci.ref", "status").code == _exit.REFUSED


def test_an_invitation_that_cannot_be_written_is_not_made(stage: Stage) -> None:
    """A file that is there already stays as it is, and the name stays free."""
    (stage.home / "ci.ref").write_text("mine")
    done = stage.remit("invite", "ci", "--only", "status")
    assert done.code == _exit.FAILED and "exists already" in done.err
    assert (stage.home / "ci.ref").read_text() == "mine"
    assert stage.read("invitations") == []
