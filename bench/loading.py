"""What it costs to load code into a running server, beside importing it on the spot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ._harness import Experiment, Options, Table
from ._peer import peers, wanted

LOAD = Table("load", "A package of 50 modules, from its files to its being executed", "ms", "lower")
LOCAL = "import from bytes"


def _remit() -> Any:
    from ._remit_load import Loader

    return Loader()


PEERS: dict[str, Callable[[], Any]] = {"Remit": _remit}


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(["Remit"], [LOAD.key], "", options)
    with peers("loading", names) as (started, skipped):
        variants = {}
        for name, peer in started.items():
            variants[LOCAL] = lambda peer=peer: [peer.ask("local")]
            variants[name] = lambda peer=peer: [peer.ask("load")]
        yield Experiment((LOAD,), LOCAL, variants, ("remit",), skipped)
