"""Loading a durable vat from rows that something else has written."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from fuzz._tape import Tape
from fuzz._target import Target, expect
from fuzz.values import value
from remit.durable import Batch, DurableVat, MemoryStore, Snapshot, SqliteStore
from remit.durable._mail import pack
from remit.errors import Broken, NotPassable, RemitError, StoreError
from remit.values import Locator, Record, SturdyRef, Symbol, encode
from remit.vat import actor, resolved, send, spawn, this

__all__ = ["TARGETS"]


@actor(kind="fuzz.box", version=2)
class Box:
    """Holds what a field can hold."""

    value: Any = None
    items: list[Any] = []
    table: dict[Any, Any] = {}
    tags: set[Any] = set()
    count: int = 0

    def fill(self, place: SturdyRef) -> None:
        self.value = spawn(Box, "inner")
        self.items = [1, this(), spawn(Box), {"deep": [self.value]}, place]
        self.table = {"a": self.value, b"b": 2, 3: [4], Symbol("s"): {"x": this()}}
        self.tags = {1, "two", b"three"}

    def all(self) -> list[Any]:
        return [self.value, list(self.items), [*self.table.items()], len(self.tags), self.count]

    @staticmethod
    def _upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG004  # as loading calls it
        return {name: kept for name, kept in fields.items() if name != "old"}


class Rows:
    """A store that gives one snapshot, and notes whether anything is written."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.commits = 0
        self.closed = False

    def load(self) -> Snapshot:
        """The rows, whatever they are."""
        return self.snapshot

    def commit(self, batch: Batch) -> None:
        """Note it."""
        self.commits += 1

    def close(self) -> None:
        """Note it."""
        self.closed = True


def _open(store: Any) -> DurableVat:
    return DurableVat.open(store, name="fuzz", classes=[Box], roots={"box": (Box,)})


def _filled(store: Any) -> None:
    vat = _open(store)
    send(vat.root("box"), "fill", SturdyRef(Locator("remit", "nobody"), b"swiss"))
    vat.vat.run()
    vat.close()


def _answers(vat: DurableVat) -> None:
    """The root's object takes messages, whatever its fields are now."""
    answer = send(vat.root("box"), "all")
    vat.vat.run()
    try:
        resolved(answer)
    except Broken:
        return  # a field of another type than its method wants


@cache
def _genuine() -> Snapshot:
    store = MemoryStore()
    _filled(store)
    rows = store.reopen().load()
    target = encode(SturdyRef(Locator("remit", "somewhere"), b"target"))
    waiting = [(number, target, pack("take", (number, {"x": [b"y"]}), {"more": 1})) for number in (3, 4, 9)]
    return rows._replace(outbox=waiting, inbox={b"x" * 32: 5})


def check_rows(tape: Tape) -> None:
    """Rows are loaded as a whole, or refused with a `StoreError` and nothing written."""
    store = Rows(_changed(tape, _genuine()))
    try:
        vat = _open(store)
    except StoreError:
        expect(store.commits == 0 and store.closed, "what is refused is left as it was, and let go of")
        return
    _answers(vat)
    vat.close()


def _changed(tape: Tape, rows: Snapshot) -> Snapshot:
    meta, objects, fields, outbox = dict(rows.meta), list(rows.objects), list(rows.fields), list(rows.outbox)
    for _ in range(1 + tape.number(4)):
        table = tape.number(8)
        if table == 0:
            _change_meta(tape, meta)
        elif table == 1:
            _change_object(tape, objects)
        elif table == 2 and outbox:
            _change_outbox(tape, outbox)
        elif fields:
            _change_field(tape, fields)
    return Snapshot(meta, objects, fields, outbox, dict(rows.inbox))


def _change_outbox(tape: Tape, outbox: list[tuple[int, bytes, bytes]]) -> None:
    at = tape.number(3) % len(outbox)
    number, target, message = outbox[at]
    what = tape.number(4)
    if what == 0:
        outbox[at] = (tape.choose((0, -1, number + 1, 1 << 62)), target, message)
    elif what == 1:
        outbox[at] = (number, _bytes(tape, target), message)
    elif what == 2:
        outbox[at] = (number, target, _bytes(tape, message))
    else:
        del outbox[at]


def _change_meta(tape: Tape, meta: dict[str, bytes]) -> None:
    name = tape.choose((*meta, "root:other", "next-id", "outbox-next", "x"))
    if tape.flag():
        meta.pop(name, None)
    else:
        meta[name] = tape.choose((b"", b"1", b"-1", b"99", b"x", b"9" * 5000, "٣".encode(), tape.some(20)))


def _change_object(tape: Tape, objects: list[tuple[int, str, int]]) -> None:
    if not objects:
        return
    at = tape.number(8) % len(objects)
    id, kind, version = objects[at]
    what = tape.number(4)
    if what == 0:
        del objects[at]
    elif what == 1:
        objects[at] = (tape.choose((0, -1, id + 1, 1 << 62)), kind, version)
    elif what == 2:
        objects[at] = (id, tape.choose(("", "fuzz.box", "other", "remit.membrane")), version)
    else:
        objects[at] = (id, kind, tape.choose((0, 1, 2, 3, -1)))


def _change_field(tape: Tape, fields: list[tuple[int, str, bytes, bytes]]) -> None:
    at = tape.number(64) % len(fields)
    object, field, key, kept = fields[at]
    what = tape.number(7)
    if what == 0:
        del fields[at]
    elif what == 1:
        fields[at] = (tape.choose((object + 1, 0, 77)), field, key, kept)
    elif what == 2:
        fields[at] = (object, tape.choose(("old", "value", "items", "table", "__class__", "_remit", "")), key, kept)
    elif what == 3:
        fields[at] = (object, field, _bytes(tape, key), kept)
    elif what == 4:
        fields.append((object, field, _bytes(tape, key), kept))
    else:
        fields[at] = (object, field, key, _bytes(tape, kept))


def _bytes(tape: Tape, kept: bytes) -> bytes:
    what = tape.number(4)
    if what == 0:
        return tape.some(40)
    if what == 1:
        return _encoded(value(tape, 2))
    if what == 2:
        label = tape.choose(("object", "device", "live", "map", "set", "dict", "list", "desc:tagged", "ocapn-peer"))
        return _encoded(Record(Symbol(label), [value(tape, 1) for _ in range(tape.number(3))]))
    changed = bytearray(kept or b"0+")
    changed[tape.number(256) % len(changed)] ^= 1 << tape.number(8)
    return bytes(changed)


def _encoded(made: object) -> bytes:
    try:
        return encode(made)
    except NotPassable:  # nested too deep to be written
        return b""


@cache
def _files() -> tuple[Path, bytes]:
    """A directory for one process, and the bytes of a genuine store."""
    folder = Path(tempfile.mkdtemp(prefix="remit-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    path = folder / "vat.db"
    _filled(SqliteStore(path))
    data = path.read_bytes()
    shutil.rmtree(folder)
    return folder, data


def check_file(tape: Tape) -> None:
    """The bytes of an SQLite file are a store or refused with a `StoreError`; a vat is never loaded in part."""
    folder, genuine = _files()
    data = bytearray(genuine)
    for _ in range(1 + tape.number(4)):
        at = tape.number(1 << 16) % len(data)
        if tape.flag():
            data[at] ^= 1 << tape.number(8)
        elif tape.flag():
            data[at : at + 8] = tape.some(8).ljust(8, b"\0")
        else:
            del data[at:]
            data += b"\0"
    folder.mkdir(mode=0o700)
    try:
        path = folder / "vat.db"
        path.write_bytes(data)
        path.chmod(0o600)
        _open_file(path)
    finally:
        shutil.rmtree(folder)


def _open_file(path: Path) -> None:
    try:
        vat = _open(SqliteStore(path))
    except StoreError:
        return
    try:
        _answers(vat)
    finally:
        try:
            vat.close()
        except RemitError as error:
            expect(isinstance(error, StoreError), f"a damaged file fails as a store: {error!r}")


TARGETS: Final = (
    Target("store-rows", "all is loaded, or a StoreError", check_rows, lambda: [b"\0\2\3\6", b"\1\1\0\0"], share=8),
    Target("store-file", "a damaged file is a StoreError", check_file, lambda: [b"\0\1\0\0\1"], share=1),
)
