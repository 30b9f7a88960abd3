"""What tests of ensembles have in common."""

from __future__ import annotations

import pytest

from remit.durable import _sealed


@pytest.fixture(autouse=True)
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files under a passphrase cost as little as is taken: what guessing costs is tested elsewhere."""
    monkeypatch.setattr(_sealed, "COST", _sealed.LEAST)
