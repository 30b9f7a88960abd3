"""Small values are written as the codec writes them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from remit.captp._atoms import SHORT, atom, call, method
from remit.values import Symbol, encode
from tests.strategies import VALUES

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=SHORT + 20)
SMALL = st.none() | st.booleans() | st.integers(-5, 1 << 31) | st.text("aé\0", max_size=SHORT + 20)


@given(SMALL | VALUES)
def test_an_atom_is_written_as_the_codec_writes_it(value: Any) -> None:
    """Or it is left to the codec, as all is that holds other values."""
    written = atom(value)
    assert written is None or written == encode(value)
    if value is None or type(value) is bool or (type(value) is int and 0 <= value < 1 << 30):
        assert written is not None


@given(NAMES)
def test_a_method_is_written_as_a_symbol(name: str) -> None:
    """The first time, and when it is remembered."""
    assert method(name) == method(name) == encode(Symbol(name))


@given(st.none() | NAMES, st.lists(SMALL | VALUES, max_size=4), st.integers(1, 200))
def test_a_call_is_written_as_the_codec_writes_it(name: str | None, args: list[Any], most: int) -> None:
    """Or it is left to the codec: where a value is no atom, a name is long, or arguments make it too long for the peer."""
    written = call(name, tuple(args), most)
    if name is not None and written is not None:
        assert written == encode([Symbol(name), *args])
        assert not args or len(written) < most
    else:
        assert name is None or len(name) > SHORT or args
