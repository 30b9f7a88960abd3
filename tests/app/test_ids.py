"""Ids, and the names that are made from them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.app import App, Worker, graph_of, physical_name
from remit.errors import BadArgument, Conflict

NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}", fullmatch=True)


class Idle(Worker):
    async def run(self) -> None:
        """Nothing."""


@given(st.lists(NAME, min_size=1, max_size=6))
def test_physical_names_fit_everywhere(names: list[str]) -> None:
    """A physical name is a DNS label, a name of PostgreSQL and a service of compose: at most 40 lower-case letters, digits and '-', a letter first."""
    name = physical_name("/".join(names))
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", name), name


def test_names_that_look_alike_stay_apart() -> None:
    """Two ids never get one physical name, though what is unsafe in them is written in one way (A17)."""
    ids = ["shop/a-b", "shop/a/b", "shop/a_b", "shop/A-b", "shop/a/B"]
    assert len({physical_name(id) for id in ids}) == len(ids)


def test_a_name_that_is_taken_gets_more_digits() -> None:
    """Where two hashes begin alike, the second name is longer, and still fits."""
    first = physical_name("shop/db")
    second = physical_name("shop/db", {first})
    assert second != first and second.startswith(first) and len(second) <= 40


def test_two_components_with_one_id_are_named_with_both_places() -> None:
    """An id that is taken twice is refused, with kind, file and line of both."""
    app = App("shop")
    Idle(app / "a")
    with pytest.raises(Conflict) as caught:
        Idle(app / "a")
    here = __file__
    lines = re.findall(re.escape(here) + r":(\d+)", caught.value.message)
    assert "shop/a" in caught.value.message and len(set(lines)) == 2


@pytest.mark.parametrize("name", ["", "a b", "ü", "-a", "_a", "a/b", "x" * 64, 3])
def test_names_that_are_no_ids_are_refused(name: object) -> None:
    """An id is of letters, digits, '-' and '_', and says so."""
    with pytest.raises(BadArgument, match="letters, digits"):
        App("shop") / name  # type: ignore[operator]


def test_the_graph_keeps_physical_names_that_are_known() -> None:
    """Names that were given once stay, and others avoid them."""

    def program() -> App:
        app = App("shop")
        Idle(app / "a")
        Idle(app / "b")
        return app

    graph = graph_of(program)
    named = graph.named({"shop/a": graph.by_id["shop/b"].name})
    assert named.by_id["shop/a"].name == graph.by_id["shop/b"].name
    assert named.by_id["shop/b"].name not in ("", named.by_id["shop/a"].name)
