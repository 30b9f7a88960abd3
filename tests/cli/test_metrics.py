"""A boss that is asked for its metrics over HTTP, and one that tells its alarms."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.kit import PATIENCE
from tests.cli.stage import Stage


@pytest.fixture
def stage(home: Path) -> Iterator[Stage]:
    made = Stage(home, '[boss]\nstate = "state"\nmetrics = "127.0.0.1:0"\n')
    try:
        made.start_boss()
        yield made
    finally:
        made.tidy()


def ask(url: str) -> tuple[int, str, str]:
    """Status, type and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read().decode()


def test_a_boss_answers_prometheus(stage: Stage) -> None:
    """With what there is, states without anything included; anything else is not found; a client that says nothing holds nobody up."""
    assert stage.remit("machine", "create", "db").code == 0
    (at,) = [line.split()[-1] for line in stage.log().splitlines() if line.startswith("metrics are at")]
    host, _, port = at.removeprefix("http://").removesuffix("/metrics").partition(":")
    with socket.create_connection((host, int(port))):
        status, kind, text = ask(at)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    lines = text.splitlines()
    assert 'remit_machines{state="active"} 1' in lines and 'remit_machines{state="pending"} 0' in lines
    assert 'remit_machine_failed{machine="db"} 0' in lines and "remit_alarms 0" in lines
    assert any(line.startswith('remit_machine_seen_timestamp_seconds{machine="db"} ') for line in lines)
    assert ask(at.replace("/metrics", "/healthz"))[::2] == (200, "ok\n")
    assert ask(at.replace("/metrics", "/admin.ref"))[0] == 404
    assert stage.stop_boss() == 0
    with pytest.raises(OSError):
        ask(at)
