"""The codec writes canonical Syrup, and reads nothing else."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Broken, DecodeError, LimitExceeded, NotPassable, ProtocolError, Refused, Truncated
from remit.values import (
    NULL,
    Limits,
    Locator,
    Record,
    Reference,
    SturdyRef,
    Symbol,
    Tagged,
    decode,
    encode,
    key,
    passable,
    raw_record,
    same,
)
from remit.values._encode import canonical_order
from tests.strategies import RECORDS, TEXTS, VALUES, Point

PEER = Locator("tcp-testing-only", "aaaa", {"port": "22045", "host": "127.0.0.1"})

WRITTEN = [
    (None, b"<4'void>"),
    (NULL, b"<4'null>"),
    (True, b"t"),
    (False, b"f"),
    (0, b"0+"),
    (5, b"5+"),
    (-5, b"5-"),
    (10**20, b"100000000000000000000+"),
    (-(10**20), b"100000000000000000000-"),
    (1.0, b"D\x3f\xf0\0\0\0\0\0\0"),
    (-0.0, b"D\x80\0\0\0\0\0\0\0"),
    (math.inf, b"D\x7f\xf0\0\0\0\0\0\0"),
    (-math.inf, b"D\xff\xf0\0\0\0\0\0\0"),
    (math.nan, b"D\x7f\xf8\0\0\0\0\0\0"),
    ("", b'0"'),
    ("abc", b'3"abc'),
    ("é€😀", b'9"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'),
    (b"", b"0:"),
    (b"\0\xff", b"2:\0\xff"),
    (Symbol("x"), b"1'x"),
    (Symbol("é"), b"2'\xc3\xa9"),
    ([], b"[]"),
    ([1, [2]], b"[1+[2+]]"),
    ({}, b"{}"),
    ({"b": 1, "a": {}}, b'{1"a{}1"b1+}'),
    (Tagged("t", 1), b"<11'desc:tagged1't1+>"),
    (Point(1, [2]), b"<11'desc:tagged11'tests.point[1+[2+]]>"),
    (Broken("no"), b"<10'desc:error14\"Broken: no [-]>"),
    (Refused("no", id="7"), b"<10'desc:error15\"Refused: no [7]>"),
    (PEER, b'<10\'ocapn-peer16\'tcp-testing-only4"aaaa{4"host9"127.0.0.14"port5"22045}>'),
    (Locator("tls", "k"), b"<10'ocapn-peer3'tls1\"kf>"),
    (Locator("tls", "k", {}), b"<10'ocapn-peer3'tls1\"k{}>"),
    (SturdyRef(Locator("tls", "k"), b"s"), b"<15'ocapn-sturdyref<10'ocapn-peer3'tls1\"kf>1:s>"),
]


@pytest.mark.parametrize(("value", "data"), WRITTEN, ids=[repr(value)[:40] for value, _ in WRITTEN])
def test_every_kind_has_one_encoding(value: object, data: bytes) -> None:
    """Each kind of value is written in its canonical form and comes back as the same value of the same class."""
    assert encode(value) == data
    back = decode(data)
    assert same(back, value) and type(back) is type(value)


def test_a_raw_record_is_written_and_read() -> None:
    """Protocol layers write a `Record` with model values in it, and read any label with `raw_record`."""
    operation = Record(Symbol("op:deliver"), [Record(Symbol("desc:export"), [0]), [Symbol("fetch"), b"abc"], False])
    data = b"<10'op:deliver<11'desc:export0+>[5'fetch3:abc]f>"
    assert encode(operation) == data
    assert decode(data, record=raw_record) == operation


def test_the_forms_of_goblins_are_read_and_written_in_ours() -> None:
    """Its errors without details, and its tagged values, whose tag may be a string: both are values of the model here."""
    mystery = decode(b"<16'exn:fail:mystery>")
    assert type(mystery) is Broken and "no details" in str(mystery)
    assert encode(mystery).startswith(b"<10'desc:error")
    for tag in (b"1'x", b'1"x'):
        assert decode(b"<11'user-record%b1+>" % tag) == Tagged("x", 1)
    assert encode(Tagged("x", 1)) == b"<11'desc:tagged1'x1+>"
    for wrong in (b"<16'exn:fail:mystery1+>", b"<11'user-record1+1+>", b"<11'user-record1'x>", b"<4'pair1+1+>"):
        with pytest.raises(DecodeError):
            decode(wrong)


def test_the_record_function_makes_the_value() -> None:
    """Each record goes through the function as it closes, innermost first, and a list of its fields is its own."""
    seen: list[object] = []

    def make(label: object, fields: list[object]) -> object:
        seen.append(label)
        return len(fields)

    assert decode(b"[<1'a<1'b>>]", record=make) == [1]
    assert seen == [Symbol("b"), Symbol("a")]


def test_a_protocol_error_of_the_record_function_gets_its_offset() -> None:
    """A plain ProtocolError becomes a DecodeError at the record's first byte; other errors rise as they are."""

    def refuse(label: object, fields: list[object]) -> object:
        raise ProtocolError("no such operation")

    def limited(label: object, fields: list[object]) -> object:
        raise LimitExceeded("too many exports")

    with pytest.raises(DecodeError, match=r"no such operation \(at byte 3\)") as caught:
        decode(b"[1+<1'a>]", record=refuse)
    assert caught.value.offset == 3
    with pytest.raises(LimitExceeded, match=r"^too many exports$"):
        decode(b"<1'a>", record=limited)


def test_struct_keys_are_ordered_by_their_encoded_bytes() -> None:
    """Length prefix and type mark count: a ten-character key comes before a two-character one."""
    struct_ = {"bb": 1, "aaaaaaaaaa": 2, "c": 3, "a": 4, "é": 5}
    assert encode(struct_) == b'{1"a4+1"c3+10"aaaaaaaaaa2+2"bb1+2"\xc3\xa95+}'
    assert decode(encode(struct_)) == struct_


def test_a_key_of_another_class_is_refused_even_where_an_equal_one_has_passed() -> None:
    """What the encoder remembers of the keys that it wrote says nothing of the class of later ones."""

    class Name(str):
        __slots__ = ()

    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1}) == b'{1"a1+1"b2+}'
    with pytest.raises(NotPassable, match=r"value\['a'\]: a key of .*Name cannot pass"):
        encode({Name("a"): 1, "b": 2})


def test_canonical_order_is_byte_by_byte() -> None:
    """The order of keys of any type: strings before a symbol of the same text, since the quote comes before the apostrophe."""
    wanted = [encode(each) for each in ("a", "c", Symbol("c"), "aaaaaaaaaa", "bb")]
    assert canonical_order(reversed(wanted)) == wanted


@given(st.dictionaries(TEXTS | st.text("ab", min_size=8, max_size=120), st.just(1)))
def test_structs_of_any_keys_come_back(struct_: dict[str, int]) -> None:
    """The encoder's order is the one that the decoder demands, whatever the keys."""
    data = encode(struct_)
    assert decode(data) == struct_
    keys = [encode(name) for name in decode(data)]
    assert keys == canonical_order(keys)


REFUSED = {
    "leading zero in an integer": (b"01+", 0),
    "leading zero in a longer integer": (b"[0000000000001+]", 1),
    "leading zero in a length": (b'01"a', 0),
    "leading zeros alone": (b"00+", 0),
    "minus zero": (b"0-", 1),
    "whitespace before": (b" 1+", 0),
    "whitespace within": (b"[1+ 2+]", 3),
    "whitespace behind": (b"1+\n", 2),
    "a second value": (b"1+2+", 2),
    "a NUL behind": (b"1+\0", 2),
    "a NUL alone": (b"\0", 0),
    "a NaN with another payload": (b"D\x7f\xf8\0\0\0\0\0\x01", 0),
    "a NaN with a sign": (b"D\xff\xf8\0\0\0\0\0\0", 0),
    "float32": (b"F\0\0\0\0", 0),
    "a set": (b"#1+$", 0),
    "a bencode list": (b"l1+e", 0),
    "a bencode integer": (b"i1e", 0),
    "parentheses": (b"(1+)", 0),
    "a mark that does not exist": (b"3!abc", 1),
    "a mark that does not exist behind two digits": (b"10!abc", 2),
    "a capital boolean": (b"T", 0),
    "an explicit plus": (b"+5", 0),
    "unsorted keys": (b'{1"b1+1"a1+}', 0),
    "keys in order of their text only": (b'{2"bb1+10"aaaaaaaaaa1+}', 0),
    "a key twice": (b'[{1"a1+1"a1+}]', 1),
    "an integer as a key": (b"{1+1+}", 0),
    "a symbol as a key": (b"{1'a1+}", 0),
    "a list as a key": (b"{[]1+}", 0),
    "a key without value": (b'{1"a1+1"b}', 0),
    "a list closed as a struct": (b"[1+}", 3),
    "a record closed as a list": (b"<1'a]", 4),
    "nothing open": (b"]", 0),
    "a record without label": (b"[<>]", 1),
    "UTF-8 that is none": (b'2"\xc3(', 2),
    "UTF-8 cut in a character": (b'1"\xc3', 2),
    "an overlong character": (b'2"\xc0\x80', 2),
    "a surrogate": (b'3"\xed\xa0\x80', 2),
    "a surrogate in a symbol": (b"3'\xed\xa0\x80", 2),
    "a surrogate in a key": (b'{3"\xed\xa0\x801+}', 3),
    "an unknown label": (b"<3'foo>", 0),
    "a label that is a string": (b'<4"void>', 0),
    "undefined with a field": (b"<4'void1+>", 0),
    "a tag that is a string": (b"<11'desc:tagged1\"t1+>", 0),
    "a tagged without value": (b"<11'desc:tagged1't>", 0),
    "an error without text": (b"<10'desc:error1+>", 0),
    "a peer with a dot in its transport": (b"<10'ocapn-peer3'a.b1\"kf>", 0),
    "a peer with hints true": (b"<10'ocapn-peer3'tls1\"kt>", 0),
    "a peer with hints that are no strings": (b"<10'ocapn-peer3'tls1\"k{1\"a1+}>", 0),
    "a peer whose transport is a string": (b'<10\'ocapn-peer3"tls1"kf>', 0),
    "a peer without designator": (b"<10'ocapn-peer3'tls0\"f>", 0),
    "a sturdyref to no peer": (b"<15'ocapn-sturdyreff1:s>", 0),
    "a sturdyref with a string": (b"<15'ocapn-sturdyref<10'ocapn-peer3'tls1\"kf>1\"s>", 0),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_spellings_are_refused(case: str) -> None:
    """What is not canonical is refused, naming the byte, and is not taken for cut-off data."""
    data, offset = REFUSED[case]
    with pytest.raises(DecodeError) as caught:
        decode(data)
    assert caught.value.offset == offset
    assert not isinstance(caught.value, Truncated)


@pytest.mark.parametrize(
    "data",
    [b"", b"1", b"12", b'5"abc', b"5:", b"3'ab", b"[", b"{", b'{1"', b"<", b"D\0\0", b"D" + b"\0" * 7, b"9" * 30],
)
def test_cut_bytes_are_truncated(data: bytes) -> None:
    """Bytes that end too early are told from bytes that are wrong."""
    with pytest.raises(Truncated):
        decode(data)


@given(VALUES | RECORDS, st.data())
def test_every_truncation_is_truncated(value: object, data: st.DataObject) -> None:
    """Every proper prefix of a message says that it is truncated, never anything else."""
    whole = encode(value)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Truncated):
        decode(whole[:cut], record=raw_record)


@given(VALUES)
def test_decoding_gives_what_passing_gives(value: object) -> None:
    """near(v) == decode(encode(v)): the same value, of the same class, all the way down."""
    near, far = passable(value), decode(encode(value))
    assert same(near, far)
    assert _classes(near) == _classes(far)
    assert encode(near) == encode(far) == encode(value)


def _classes(value: object) -> object:
    if isinstance(value, list):
        return [_classes(item) for item in value]
    if isinstance(value, dict):
        return {name: _classes(item) for name, item in value.items()}
    if isinstance(value, Tagged):
        return Tagged, _classes(value.value)
    if isinstance(value, Point):
        return Point, _classes(value.x), _classes(value.y)
    return type(value)


@given(VALUES, VALUES)
def test_encoding_is_injective_up_to_same(a: object, b: object) -> None:
    """Two values have one encoding exactly when they are the same after passing, and so have one key."""
    near, other = passable(a), passable(b)
    equal = encode(a) == encode(b)
    assert same(near, other) == equal
    assert (key(near) == key(other)) == equal


@given(st.binary(max_size=40))
def test_any_bytes_are_a_value_or_an_error(data: bytes) -> None:
    """Bytes either are the one encoding of a value, or raise a ProtocolError: never another exception."""
    try:
        value = decode(data, record=raw_record)
    except ProtocolError:
        return
    assert encode(value) == data


@given(st.lists(st.sampled_from([*b"0123456789+-\"':[]{}<>tfD ab\xc3\xa9"]), max_size=30).map(bytes))
def test_bytes_like_syrup_are_a_value_or_an_error(data: bytes) -> None:
    """The same for bytes made of Syrup's own marks, which get further into the decoder."""
    try:
        value = decode(data, record=raw_record)
    except ProtocolError:
        return
    assert encode(value) == data


@given(VALUES, st.data())
def test_a_changed_byte_is_another_value_or_an_error(value: object, data: st.DataObject) -> None:
    """A changed byte never goes unnoticed."""
    whole = bytearray(encode(value))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    try:
        other = decode(bytes(whole))
    except ProtocolError:
        return
    assert not same(other, passable(value))


def test_bytes_like_objects_are_read() -> None:
    """A bytearray or memoryview reads as the bytes that it holds, and the value keeps nothing of it."""
    buffer = bytearray(b"[3:abc]")
    value = decode(memoryview(buffer))
    buffer[3:6] = b"xyz"
    assert value == [b"abc"] == decode(bytearray(b"[3:abc]"))


def test_references_are_written_by_the_session() -> None:
    """A reference is what the session's function says, anywhere in the value."""

    class Ref(Reference):
        __slots__ = ()

    assert encode([{"a": Ref()}], lambda _: b"<11'desc:export1+>") == b"[{1\"a<11'desc:export1+>}]"


def test_integers_of_a_thousand_digits_come_back() -> None:
    """The longest integers that may be passed, and those around the sizes where the reading changes."""
    for digits in (1, 2, 3, 8, 9, 10, 11, 18, 19, 20, 999, 1000):
        for n in (10 ** (digits - 1), 10**digits - 1):
            assert decode(encode(n)) == n
            assert decode(encode(-n)) == -n


def test_every_nan_is_written_as_one() -> None:
    """The bits of a NaN, which arithmetic and other machines choose, do not reach the wire."""
    for bits in ("fff8000000000000", "7ff8000000000001", "fff0000000000001"):
        (nan,) = struct.unpack(">d", bytes.fromhex(bits))
        assert encode([nan]) == b"[D\x7f\xf8\0\0\0\0\0\0]"


def test_doubles_keep_their_bits() -> None:
    """E27: every double but a NaN comes back bit by bit, in one order of bytes."""
    for bits in (0, 1, 1 << 63, 0x7FEFFFFFFFFFFFFF, 0x0010000000000000, 0x3FB999999999999A):
        packed = struct.pack(">Q", bits)
        assert struct.pack(">d", decode(b"D" + packed)) == packed


def test_a_record_function_may_not_be_reached_by_a_limit_breach() -> None:
    """Limits hold inside of records too, before their function is called."""
    with pytest.raises(LimitExceeded):
        decode(b"<1'a[[]]>", limits=Limits(depth=2), record=lambda *_: pytest.fail("called"))
