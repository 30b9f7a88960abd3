"""Preserves, binary: three payloads beside the `preserves` package of PyPI and C json, which writes what it can of the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

BASELINE = "json"
OTHER = "preserves"
REMIT = "Remit (Preserves)"
ROWS = 1100
PAYLOADS = {
    "record": "a nested record, 190 bytes",
    "turn": "a protocol turn of 4 events, 280 bytes",
    "rows": "1100 rows, 74 kB",
}
TABLES = {
    f"preserves_{way}_{name}": Table(f"preserves_{way}_{name}", f"Preserves: {way} {what}", "us", "lower")
    for name, what in PAYLOADS.items()
    for way in ("encode", "decode")
}


def payloads(symbol: Any, record: Any, sequence: Any, mapping: Any, embedded: Any) -> dict[str, Any]:
    """The same three values in the classes of one library."""

    def observe(oid: int) -> Any:
        bind = record("bind", record("_"))
        group = record("group", record("rec", symbol("Says")), mapping([(0, bind), (1, bind)]))
        return record("Observe", group, embedded(sequence([0, oid])))

    lines = sequence([record("line", "widget", 3, 9.5), record("line", "gadget", 1, 120.25)])
    customer = record("customer", "alice@shop.example", symbol("gold"))
    notes = {"note": "leave at the door", "paid": True, "at": 1700000000}
    says = record("Says", "bob", "hello everybody in this room, how are you today?")
    return {
        "record": record("order", 17, customer, lines, notes, record("address", "Main Street 5", 10115, "Berlin")),
        "turn": sequence(
            [
                sequence([0, record("A", record("Present", "alice"), 11)]),
                sequence([3, record("M", says)]),
                sequence([0, record("A", observe(7), 12)]),
                sequence([0, record("A", observe(8), 13)]),
            ]
        ),
        "rows": sequence(
            [
                {"id": i, "name": f"user-{i}", "active": i % 3 == 0, "score": i * 1.25, "tags": sequence(["a", "bb"])}
                for i in range(ROWS)
            ]
        ),
    }


class Codec:
    """Microseconds for a value, each way."""

    def __init__(self, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], values: dict[str, Any]) -> None:
        self.ways: dict[str, tuple[Callable[[Any], Any], Any]] = {}
        for name, value in values.items():
            data = encode(value)
            assert encode(decode(data)) == data, "the value does not come back"
            self.ways[f"preserves_encode_{name}"] = (encode, value)
            self.ways[f"preserves_decode_{name}"] = (decode, data)

    def measure(self, way: str, n: int) -> float:
        function, value = self.ways[way]
        began = time.perf_counter()
        for _ in range(n):
            function(value)
        return (time.perf_counter() - began) / n * 1e6


def _json() -> Codec:
    encode = json.JSONEncoder(separators=(",", ":")).encode
    values = payloads(str, lambda *parts: list(parts), list, lambda pairs: {str(k): v for k, v in pairs}, list)
    return Codec(lambda value: encode(value).encode(), json.loads, values)


def _preserves() -> Codec:
    import preserves

    def record(label: str, *fields: Any) -> Any:
        return preserves.Record(preserves.Symbol(label), fields)

    values = payloads(preserves.Symbol, record, tuple, dict, preserves.Embedded)
    return Codec(preserves.encode, preserves.decode, values)


def _remit() -> Codec:
    from remit.values import Symbol, Tagged, preserves

    def record(label: str, *fields: Any) -> Any:
        return Tagged(label, list(fields))

    return Codec(preserves.encode, preserves.decode, payloads(Symbol, record, list, preserves.Map, preserves.Embedded))


PEERS: dict[str, Callable[[], Any]] = {BASELINE: _json, OTHER: _preserves, REMIT: _remit}


def _measure(peer: Peer, way: str, n: int) -> Measure:
    return lambda: [peer.ask("measure", way, n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), list(TABLES), BASELINE, options)
    with peers("preserves", names) as (started, skipped):
        for way, table in TABLES.items():
            n = max(3, int((20 if way.endswith("rows") else 3000) * options.scale))
            measures = {name: _measure(peer, way, n) for name, peer in started.items()}
            yield Experiment((table,), BASELINE, measures, ("remit", "preserves"), skipped)
