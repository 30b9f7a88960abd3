"""What `make fuzz` has found, as it was found: each input once broke the rule that its test names."""

from __future__ import annotations

from fuzz._report import save
from fuzz._tape import Tape
from fuzz._targets import TARGETS


def replay(target: str, data: bytes) -> None:
    """Run one input of a target."""
    TARGETS[target].check(Tape(data))


def test_a_finding_is_a_test_that_can_be_pasted(tmp_path, monkeypatch) -> None:
    """What is saved is a module with one test, which runs the input again."""
    monkeypatch.setattr("fuzz._report.FOLDER", tmp_path)
    path = save("toml", b"\0\1", ValueError('why: """\n\0'))
    names: dict[str, object] = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    (test,) = [found for name, found in names.items() if name.startswith("test_toml_")]
    test()  # type: ignore[operator]


def test_an_object_pointer_that_is_no_number_is_a_damaged_store() -> None:
    """Loading a row `<6'object …>` around a record raised TypeError instead of StoreCorrupt."""
    replay("store-rows", bytes.fromhex("007d7a307a007d"))


def test_a_home_directory_of_nobody_is_a_mistake_in_the_configuration() -> None:
    """`state = "~nobody-here/…"` in remit.toml ended in pathlib's RuntimeError."""
    replay("toml", bytes.fromhex("00009d048501"))


def test_user_data_that_are_not_utf8_are_refused() -> None:
    """Bytes inside a JSON text that are no UTF-8 raised UnicodeDecodeError."""
    replay("user-data", b'\1{"version": 1, "machine": "db", "id": "\xa8"}')


def test_an_outbox_number_without_end_is_a_damaged_store() -> None:
    """Five thousand digits under `outbox-next` raised the ValueError with which Python refuses to convert so many."""
    replay("store-rows", bytes.fromhex("0800100000650000"))


def test_a_key_of_small_order_proves_nothing() -> None:
    """All zeros as key and signature passed the check of a hello, one time in four: that key has no secret."""
    replay("hello", bytes.fromhex("00cf30cf2dcfff" + "00" * 200))


def test_syndicate_bytes_b0bd376f1f() -> None:
    """What makes a value none is told at the same byte, however the stream is cut: here a symbol that is no UTF-8 and not all there yet."""
    replay(
        "syndicate-bytes",
        bytes.fromhex(
            "b5b5b000b4b3ff005fffffffff5fffffffffffffffffffffff1effffffffffffffffffffffffffffffffffffffffffffff0141b586b5b000b4b3"
            "0141b586b5b000b40101b5b000b401018484b0f5018484b5b000b4b30100000000000080"
        ),
    )
