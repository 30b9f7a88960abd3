"""The ensemble of HTTP servers: its page is run as its reader runs it, and curl's answers are the ones shown there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.house.source import TOP

PAGE = TOP / "examples" / "httpd-ensemble" / "README.md"


@pytest.mark.timeout(300)
def test_each_command_of_its_page_does_what_it_says() -> None:
    """Registry, two servers found by role, a module loaded into both, the REPL, a program in one file, and one command that ends them all."""
    done = subprocess.run(
        [sys.executable, str(TOP / "tools" / "tour.py"), "--here", str(PAGE)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not run" not in done.stdout


def test_its_page_shows_the_whole_story() -> None:
    """What the page is there to show is on it, each with the answer that is expected."""
    text = PAGE.read_text()
    for command in (
        "registry",
        "server run --role",
        "server lookup --role",
        "server ping",
        "server load",
        "server repl",
        "bundle",
        "server shutdown -f",
    ):
        assert re.search(rf"^ *\$ (until )?remit {command}", text, re.MULTILINE), command
    assert len(re.findall(r"^ *\$ curl -sI? \S+", text, re.MULTILINE)) >= 7
