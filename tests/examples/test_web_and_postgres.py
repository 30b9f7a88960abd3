"""The example of a web application and its database: the same files on every provider that this host can run."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.machines import digest_of, read_parcel
from remit.machines.docker._engine import Engine
from tests.cli.kit import PATIENCE
from tests.cli.stage import Stage, until
from tests.credentials.servers import program
from tests.house.source import TOP
from tests.machines.nspawn import missing as nspawn_missing

EXAMPLE = TOP / "examples" / "web-and-postgres"
IMAGE = ("image", "build", "docker", "--name", "guestbook", "--package", "postgresql")


class Guestbook(Stage):
    """The example in a directory of its own, its machines made by one provider."""

    def __init__(self, home: Path, provider: str) -> None:
        shutil.copytree(
            EXAMPLE,
            home,
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("secrets", "state", ".remit", "port", "*.verifier"),
        )
        super().__init__(home, (EXAMPLE / "remit.toml").read_text())
        self.provider = provider

    def go(self, *words: str) -> str:
        """A command that works; what it prints."""
        done = self.remit("--timeout", "300", *words, REMIT_PROVIDER=self.provider)
        assert done.code == 0, f"{words}: {done.out}{done.err}{self.log()}"
        return done.out

    def page(self, text: str | None = None) -> tuple[int, str]:
        """What a browser gets at the desk, after it has written this: status and text."""
        (binding,) = (self.state / "machines").glob("desk-*/bindings/web")
        url = (binding / "uri").read_text().strip().replace("tcp:", "http:")
        data = None if text is None else text.encode()
        try:
            with urllib.request.urlopen(url, data, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def lacks(provider: str) -> str:
    """Why it cannot be run with this provider here; "" if it can."""
    if provider == "nspawn":
        return nspawn_missing()
    if provider == "process":
        program("initdb", "postgres")  # skips by itself
        return ""
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        return "an image is made by root, with debootstrap"
    try:
        asyncio.run(Engine().get("/version"))
    except Exception as error:
        return f"no Docker Engine answers here: {error} (tools/servers)"
    return ""


@pytest.fixture(params=["process", "docker", "nspawn"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guestbook]:
    """It is up, with one line in it."""
    if reason := lacks(request.param):
        pytest.skip(reason)
    made = Guestbook(tmp_path, request.param)
    subprocess.run(
        [tmp_path / "prepare"], check=True, timeout=PATIENCE, env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    )
    if request.param == "docker":
        made.go(*IMAGE)
    try:
        made.start_boss()
        made.go("up", "--yes")
        assert made.page("first") == (200, "<ul>\n<li>first</li>\n</ul>\n"), made.log()
        yield made
    finally:
        made.remit("--timeout", "120", "down", "--yes", REMIT_PROVIDER=request.param)
        made.tidy()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_is_used_renewed_revoked_upgraded_and_destroyed(book: Guestbook) -> None:
    """What was written stays through all of it; without the binding the application has no database; in the end nothing is left."""
    assert "nothing to do" in book.go("plan")
    password = (book.home / "secrets" / "owner").read_text().split(":")[2].partition("@")[0]

    book.go("rotate", "app.db", "--overlap", "0s")
    assert until(lambda: "second" in book.page("second")[1])

    book.go("revoke", "app.db")
    assert book.page() == (503, "this machine holds no database\n")
    assert "app gains db.main" in book.go("plan")
    book.go("up", "--yes")
    assert until(lambda: "first" in book.page()[1])

    upgrade(book)
    _, page = until(lambda: found if (found := book.page("last"))[0] == 200 else None)
    assert page.startswith("<ul>\n<li>first</li>\n") and page.endswith("<li>last</li>\n</ul>\n")

    shown = book.go("status", "--json") + book.go("plan", "--json") + book.log()
    assert password not in shown
    book.go("down", "--yes")
    assert book.read("machine", "list") == []
    assert not [
        each
        for root in book.state.glob("machines*")
        for each in root.iterdir()
        if each.is_dir() and each.name != "images"
    ]


def upgrade(book: Guestbook) -> None:
    """All machines to another parcel than the boss's own: one with a file more."""
    book.go("machine", "upgrade", "desk")
    (own,) = (read_parcel(path) for path in (book.state / "parcels").iterdir() if path.is_dir())
    draft = book.home / "next"
    shutil.copytree(own.path, draft)
    (draft / "lib" / "remit" / "next.txt").write_text("another version")
    made = read_parcel(draft.rename(own.path.with_name(digest_of(draft))))
    book.go("machine", "upgrade", "--all", "--to", made.short, "--patience", "120")
    assert {each["parcel"] for each in book.read("machine", "list")} == {made.short}
