"""The two ways to cut a usual operation, by regular expressions and byte by byte, come to the same."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from remit.captp import _cut

NUMBERS = st.one_of(
    st.integers(0, 1200).map(lambda number: b"%d+" % number),
    st.sampled_from([b"0+", b"00+", b"01+", b"999999999+", b"1000000000+", b"5-", b"+", b"-1+", b"5", b"5:abcde", b""]),
)
ARGS = st.sampled_from(
    [b"[]", b"[9'increment]", b"[7'fulfill0+]", b"[7'fulfill17+]", b"[7'fulfill<4'void>]", b"[7'fulfill<18'desc:import-object5+>]", b"[7'fulfill<18'desc:import-object05+>]", b"[7'fulfill<18'desc:import-object5+>>]", b"[[]]", b"[5:]]]]]", b"[", b"]", b""]
)  # fmt: skip
RESOLVERS = st.one_of(
    st.just(b"f"),
    NUMBERS.map(lambda number: b"<18'desc:import-object%b>" % number),
    st.sampled_from([b"t", b"", b"<18'desc:import-promise5+>", b"<11'desc:export5+>"]),
)
DELIVERIES = st.tuples(
    st.sampled_from([b"<10'op:deliver", b"<10'op:delivex", b""]),
    st.sampled_from([b"<11'desc:export", b"<11'desc:answer", b"<11'desc:expor", b""]),
    NUMBERS,
    st.sampled_from([b">", b""]),
    ARGS,
    st.one_of(st.just(b"f"), NUMBERS),
    RESOLVERS,
    st.sampled_from([b">", b"", b">>", b">0"]),
).map(b"".join)
LISTS = st.lists(NUMBERS, max_size=4).map(lambda numbers: b"[%b]" % b"".join(numbers))
GIVING_BACK = st.tuples(
    st.sampled_from([b"<13'op:gc-exports", b"<13'op:gc-answers", b"<13'op:gc-"]),
    st.lists(LISTS, max_size=3).map(b"".join),
    st.sampled_from([b">", b"", b"]>", b">>", b"1>"]),
).map(b"".join)


def cut_short_or_changed(inputs: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """The inputs, at times without their ends or with one byte in place of another."""

    @st.composite
    def one(draw: st.DrawFn) -> bytes:
        data = bytearray(draw(inputs))
        if data and draw(st.integers(0, 3)) == 0:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.sampled_from(b"0159+-<>[]ft:'"))
        return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 3)) == 0 else data)

    return one()


@given(st.one_of(st.binary(max_size=60), cut_short_or_changed(DELIVERIES)))
@example(b"<10'op:deliver<11'desc:export5+>[9'increment]7+<18'desc:import-object8+>>")
@example(b"<10'op:deliver<11'desc:answer0+>[]ff>")
@example(b"<10'op:deliver<11'desc:export123456789+>>")
def test_both_ways_find_the_same_delivery(data: bytes) -> None:
    """Reading byte by byte takes what the regular expression takes, and gives the same parts."""
    assert _cut.scanned_delivery(data) == _cut.matched_delivery(data)


@given(st.one_of(st.binary(min_size=1, max_size=40), cut_short_or_changed(GIVING_BACK).filter(bool)))
@example(b"<13'op:gc-exports[1+22+][1+3+]>")
@example(b"<13'op:gc-answers[]>")
@example(b"<13'op:gc-answers>")
def test_both_ways_find_the_same_numbers_to_give_back(data: bytes) -> None:
    """The same of what is given back."""
    assert _cut.scanned_giving_back(data) == _cut.matched_giving_back(data)


def test_the_usual_forms_are_taken() -> None:
    """What our own side writes is cut: position and resolver, an answer as the target, a fulfilment, both kinds of giving back."""
    whole = b"<10'op:deliver<11'desc:export5+>[9'increment]7+<18'desc:import-object8+>>"
    bare = b"<10'op:deliver<11'desc:answer0+>[]ff>"
    for delivery in (_cut.scanned_delivery, _cut.matched_delivery):
        assert delivery(whole) == (True, 5, b"[9'increment]", 7, 8, _cut.OTHER)
        assert delivery(bare) == (False, 0, b"[]", -1, -1, _cut.OTHER)
        assert delivery(bare.replace(b"[]", b"[7'fulfill42+]"))[-1] == 42
        assert delivery(bare.replace(b"[]", b"[7'fulfill<4'void>]"))[-1] == _cut.VOID
        assert delivery(bare.replace(b"[]", b"[7'fulfill<18'desc:import-object5+>]"))[-1] == _cut.FIRST - 5
        assert delivery(bare.replace(b"[]", b"[5'break42+]"))[-1] == _cut.OTHER
    for giving_back in (_cut.scanned_giving_back, _cut.matched_giving_back):
        assert giving_back(b"<13'op:gc-exports[1+22+][1+3+]>") == [[1, 22], [1, 3]]
        assert giving_back(b"<13'op:gc-answers[4+]>") == [[4]]
