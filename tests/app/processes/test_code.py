"""The copy of a program that is deployed."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.app.targets import _code
from remit.app.targets._code import snapshot
from remit.errors import BadArgument


def test_what_is_beside_a_program_goes_with_it(tmp_path: Path) -> None:
    """Modules and data beside and below the program are copied; hidden and private files, what programs write and what `.dockerignore` names are not, and do not make another version."""
    top = tmp_path / "program"
    for name in (
        "app.py",
        "words.txt",
        "pages/index.html",
        ".secret",
        "app.log",
        "data.sqlite-wal",
        "big/one",
        "__pycache__/app.pyc",
    ):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    (top / "password").write_text("secret")
    (top / "password").chmod(0o600)
    (top / ".dockerignore").write_text("# not these\nbig/\n")
    digest, program = snapshot(top / "app.py", tmp_path / "code")
    there = {str(path.relative_to(program.parent)) for path in program.parent.rglob("*") if path.is_file()}
    assert there == {"app.py", "words.txt", "pages/index.html"}
    (top / "app.log").write_text("more")
    assert snapshot(top / "app.py", tmp_path / "code") == (digest, program)
    (top / "words.txt").write_text("others")
    assert snapshot(top / "app.py", tmp_path / "code")[0] != digest
    assert (program.parent / "words.txt").read_text() == "words.txt", "what was deployed stays as it was"


def test_a_directory_with_too_much_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that holds more than a program is refused, with what to do."""
    monkeypatch.setattr(_code, "MOST", 10)
    (tmp_path / "app.py").write_text("#" * 11)
    with pytest.raises(BadArgument, match="directory of its own, or name what does not belong to it in .dockerignore"):
        snapshot(tmp_path / "app.py", tmp_path / "code")
