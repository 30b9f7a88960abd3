"""Encoding and decoding one delivery of a method call, some 200 bytes as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from ._compiled import both
from ._harness import Experiment, Measure, Options, Table
from ._peer import Peer, peers, wanted

MESSAGE = {
    "op": "deliver",
    "to": 1207,
    "verb": "transfer",
    "args": [
        "alice@bank.example",
        {"amount": 125000, "currency": "EUR", "memo": "rent for November"},
        [1, 2, 3, True, 2.5],
    ],
    "answer": 47,
    "resolve": {"import": 4211, "session": "k3v9qz"},
}
TABLES = {
    "encode": Table("encode", "Encode a message", "us", "lower"),
    "decode": Table("decode", "Decode a message", "us", "lower"),
}
BASELINE = "json"


class Codec:
    """Microseconds for a message, each way."""

    def __init__(self, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> None:
        self.ways: dict[str, tuple[Callable[[Any], Any], Any]] = {
            "encode": (encode, MESSAGE),
            "decode": (decode, encode(MESSAGE)),
        }
        assert decode(encode(MESSAGE)) == MESSAGE, "the message does not come back"

    def measure(self, way: str, n: int) -> float:
        function, value = self.ways[way]
        began = time.perf_counter()
        for _ in range(n):
            function(value)
        return (time.perf_counter() - began) / n * 1e6


def _json() -> Codec:
    encode = json.JSONEncoder(separators=(",", ":")).encode
    return Codec(lambda value: encode(value).encode(), json.loads)


def _msgpack() -> Codec:
    import msgspec

    return Codec(msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode)


def _syrup() -> Codec:
    from remit import values

    return Codec(values.encode, values.decode)


PEERS: dict[str, Callable[[], Any]] = {BASELINE: _json, "msgspec msgpack": _msgpack, "Remit (Syrup)": _syrup}


def _measure(peer: Peer, way: str, n: int) -> Measure:
    return lambda: [peer.ask("measure", way, n)]


def experiments(options: Options) -> Iterator[Experiment]:
    names = wanted(both(PEERS), [table.key for table in TABLES.values()], BASELINE, options)
    n = max(10, int(5000 * options.scale))
    with peers("codec", names) as (started, skipped):
        for way, table in TABLES.items():
            measures = {name: _measure(peer, way, n) for name, peer in started.items()}
            yield Experiment((table,), BASELINE, measures, ("remit", "msgspec"), skipped)
