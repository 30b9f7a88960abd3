"""What goes to a machine that does not see this host's files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from remit.errors import ProviderError
from remit.machines import _luggage
from remit.machines._luggage import packed


def names(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {each.name: each for each in opened.getmembers()}


def tree(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(file)
    return root


def test_modules_packages_and_services_go_and_the_section_says_where(tmp_path: Path) -> None:
    """Of `path` modules and whole packages, of `services` everything; paths in the section are those of the machine."""
    code = tree(tmp_path / "code", "web.py", "notes.txt", "pack/__init__.py", "pack/page.html", "pack/sub/deep.py")
    services = tree(tmp_path / "services.d", "db.pr", "run.sh")
    found = packed({"path": [str(code)], "services": str(services), "classes": ["web"]}, "/there")
    assert found.agent == {"path": ["/there/path-0"], "services": "/there/services-0", "classes": ["web"]}
    files = {name for name, entry in names(found.tar).items() if entry.isfile()}
    assert files == {
        *("path-0/web.py", "path-0/pack/__init__.py", "path-0/pack/page.html", "path-0/pack/sub/deep.py"),
        *("services-0/db.pr", "services-0/run.sh"),
    }


def test_what_it_holds_belongs_to_root_and_is_the_same_each_time(tmp_path: Path) -> None:
    """So that an agent cannot change it, and whoever compares sees no change where there is none."""
    code = tree(tmp_path / "code", "b.py", "a.py", "p/__init__.py")
    first, again = (packed({"path": [str(code)]}, "/there") for _ in range(2))
    assert first.tar == again.tar
    assert {(entry.uid, entry.gid, entry.mode & 0o022) for entry in names(first.tar).values()} == {(0, 0, 0)}


def test_state_of_nodes_and_what_tools_leave_stays_here(tmp_path: Path) -> None:
    """`path = ["."]` often names a directory in which the boss keeps its state: no key and no reference leaves it."""
    code = tree(
        tmp_path / "code",
        *("web.py", "state/key.pem", "state/admin.ref", "state/run.py", "state/machines/db-1/x.py", ".git/hook.py"),
        *("__pycache__/web.py", ".venv/lib/a.py", "node_modules/b.py", "secret.env"),
    )
    assert {name for name, entry in names(packed({"path": [str(code)]}, "/").tar).items() if entry.isfile()} == {
        "path-0/web.py"
    }


def test_nothing_named_is_nothing_packed() -> None:
    """Then there is no tar at all."""
    found = packed({"classes": ["web"]}, "/there")
    assert found.tar == b"" and found.agent == {"classes": ["web"]}


def test_a_directory_that_is_not_there_and_one_that_is_too_much_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is made, with the directory's name."""
    with pytest.raises(ProviderError, match="path names .*nowhere, which is no directory"):
        packed({"path": [str(tmp_path / "nowhere")]}, "/there")
    code = tree(tmp_path / "code", *(f"{number}.py" for number in range(5)))
    monkeypatch.setattr(_luggage, "MOST_FILES", 3)
    with pytest.raises(ProviderError, match="holds more than 3 files"):
        packed({"path": [str(code)]}, "/there")
    monkeypatch.setattr(_luggage, "MOST_FILES", 100)
    monkeypatch.setattr(_luggage, "MOST_BYTES", 10)
    with pytest.raises(ProviderError, match="more than 0 MiB to bring"):
        packed({"path": [str(code)]}, "/there")
