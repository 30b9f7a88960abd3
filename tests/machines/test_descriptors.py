"""Room for the connections of a boss of many machines."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadArgument
from remit.machines import BossSettings
from remit.machines._descriptors import BESIDES, allow_descriptors
from remit.machines._run_boss import _netlayers
from remit.net import NodeKey

ENDLESS = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("limits", "after", "said"),
    [
        ((1024, 100_000), (8000 + BESIDES, 100_000), ""),
        ((1024, ENDLESS), (8000 + BESIDES, ENDLESS), ""),
        ((ENDLESS, ENDLESS), (ENDLESS, ENDLESS), ""),
        ((50_000, 100_000), (50_000, 100_000), ""),
        ((1024, 4096), (4096, 4096), "may have 4096"),
    ],
)
def test_a_process_is_allowed_the_descriptors_that_it_needs(
    limits: tuple[int, int], after: tuple[int, int], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never fewer than before, as many as the hard limit lets it, and words where that is not enough."""
    now = [limits]
    monkeypatch.setattr(resource, "getrlimit", lambda _: now[0])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: now.append(new) or now.pop(0))
    words: list[str] = []
    allow_descriptors(8000, words.append)
    assert now == [after] and len(words) == bool(said) and all(said in each for each in words)


def test_a_boss_has_room_for_as_many_connections_as_its_configuration_says(tmp_path: Path) -> None:
    """On each socket; 1000 where nothing is said, and a number above 0 in any case."""
    key = NodeKey.generate()
    for given, members in (({}, 1000), ({"connections": 12_000}, 12_000)):
        netlayers: list[Any] = _netlayers(BossSettings(tmp_path, **given), key)  # type: ignore[arg-type]
        assert [each.admission.members for each in netlayers] == [members] * 2
    for wrong in (0, -1, True, "9"):
        with pytest.raises(BadArgument, match="above 0"):
            BossSettings(tmp_path, connections=wrong)  # type: ignore[arg-type]
