"""What the command line's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from remit.cli._main import run
from tests.cli.kit import NAMES, Done, Invoke


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, which is the current directory too, and nothing of ours in the environment."""
    for name in list(os.environ):
        if name.startswith(NAMES):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Invoke:
    """Run a command in this process."""

    def invoked(*words: str) -> Done:
        capsys.readouterr()
        code = run(words)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return invoked
