"""A packet of the Syndicate protocol through a schema, beside the package `preserves`, the other schema layer in Python."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import Any

from ._compiled import both
from ._harness import ROOT, Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

PACKET = """
[[1 <A <Observe <group <rec Present> {0: <bind <_>>}> #:[0 1]> 4>]
 [1 <A <Present "alice"> 5>]
 [2 <M <Says "alice" "hello, is anybody here?">>]
 [1 <R 3>]]
"""
TABLES = {
    "parse": Table("schema_parse", "A decoded packet to typed objects, by its schema", "us", "lower"),
    "unparse": Table("schema_unparse", "Typed objects to a packet, by its schema", "us", "lower"),
}
BASELINE = "preserves"


class Layer:
    """Microseconds for a packet, each way. `parse` and `unparse` give what the other takes."""

    def __init__(self, parse: Callable[[Any], Any], unparse: Callable[[Any], Any], value: Any) -> None:
        self.ways: dict[str, tuple[Callable[[Any], Any], Any]] = {
            "parse": (parse, value),
            "unparse": (unparse, parse(value)),
        }

    def measure(self, way: str, n: int) -> float:
        function, value = self.ways[way]
        began = time.perf_counter()
        for _ in range(n):
            function(value)
        return (time.perf_counter() - began) / n * 1e6


def _schema() -> Any:
    from remit.values.preserves import schema

    return schema.load((ROOT / "protocols" / "packets.prs").read_text(encoding="utf-8"), name="packets")


def _ours() -> Layer:
    from remit.values.preserves import parse

    packet = _schema()["Packet"]
    return Layer(packet.parse, packet.unparse, parse(PACKET))


def _theirs() -> Layer:
    import preserves
    from preserves.schema import Compiler

    from remit.values.preserves import canonical
    from remit.values.preserves.schema import schema_value

    compiler = Compiler()
    compiler.load_filelike(io.BytesIO(canonical(schema_value(_schema()))), "packets")
    return Layer(compiler.root.packets.Packet.decode, preserves.preserve, preserves.parse(PACKET))


PEERS: dict[str, Callable[[], Layer]] = {BASELINE: _theirs, "Remit": _ours}


def _measure(peer: Peer, way: str, n: int) -> Measure:
    return lambda: [peer.ask("measure", way, n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in TABLES.values()], BASELINE, options)
    n = max(10, int(1000 * options.scale))
    with peers("schema", names) as (started, skipped):
        for way, table in TABLES.items():
            measures = {name: _measure(peer, way, n) for name, peer in started.items()}
            yield Experiment((table,), BASELINE, measures, ("remit", "preserves"), skipped)
