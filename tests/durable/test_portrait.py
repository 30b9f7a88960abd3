"""How values look in rows: the short way of writing the commonest gives what the codec gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remit.durable._portrait import entry_key, quickly
from remit.values import Symbol, encode


@given(
    st.one_of(
        st.integers(), st.binary(), st.booleans(), st.text(), st.floats(), st.none(), st.builds(Symbol, st.text())
    )
)
def test_the_short_way_writes_what_the_codec_writes(value: object) -> None:
    """True is no 1, a large or negative integer is the codec's."""
    assert quickly(value) in (None, encode(value))
    assert entry_key(value) == encode(value)
