"""What is declared, as data."""

from __future__ import annotations

import pytest

from remit.errors import BadArgument
from remit.graph import Graph, Link, Node, canonical, data, digest, levels
from remit.lib import Attenuation
from tests.graph.kit import graph, link, machine, offer

SHOP = graph(machine("db"), offer("db/main"), machine("app"), link("app/db", "db/main", Attenuation(read_only=True)))


def test_the_order_of_declaration_does_not_matter() -> None:
    """The same graph is the same bytes and digest, however it was written down."""
    other = Graph("shop", list(reversed(SHOP.nodes)), SHOP.links)
    assert canonical(SHOP.checked()) == canonical(other.checked())
    assert digest(SHOP.checked()) == digest(other.checked())


def test_a_graph_survives_json() -> None:
    """What `data` makes of a graph gives the same graph."""
    assert Graph.of(data(SHOP)) == SHOP


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (graph(machine("db"), Node("db", "offer", {})), "machine db and offer db are two nodes with one id"),
        (graph(machine("db"), link("db/x", "db"), link("db/x", "db")), "two links with one id"),
        (graph(offer("db/main")), "offer db/main needs db, which is not declared"),
        (graph(machine("app"), offer("app/main"), link("app/db", "app/mian")), "did you mean app/main"),
        (graph(machine("a", needs=["b"]), machine("b", needs=["a"])), "these need each other: a -> b -> a"),
        (graph(machine("a b")), "cannot be the id of a machine"),
        (graph(machine("a//b")), "cannot be the id of a machine"),
        (graph(Node("a", "machine", {"key": b"x"})), "machine a.key is bytes"),
        (graph(Node("a", "machine", {"n": float("nan")})), "machine a.n is float"),
        (graph(machine("db"), moved=[["db", "store"]]), "db is to be store, and db is declared as well"),
        (graph(machine("db"), moved=[["x", "x/y"]]), "leads nowhere"),
        (Graph(version=2), "version 2"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: Graph, words: str) -> None:
    """Collisions, missing ends, circles and what JSON has not are named."""
    with pytest.raises(BadArgument, match=words.replace("(", r"\(")):
        wrong.checked()


def test_what_is_needed_stands_lower() -> None:
    """Levels count from what needs nothing; a deep chain needs no recursion."""
    chain = [Node(f"n{i}", "x", {}, [f"n{i - 1}"] if i else []) for i in range(5000)]
    found = levels(reversed(chain))
    assert [found[f"n{i}"] for i in (0, 1, 4999)] == [0, 1, 4999]


def test_keys_tell_kinds_apart() -> None:
    """An offer and a binding may have the same path: their keys differ."""
    both = graph(machine("web"), offer("web/db"), machine("db"), offer("db/main"), link("web/db", "db/main")).checked()
    assert {"offer web/db", "binding web/db"} <= set(both.by_key)
    assert isinstance(both.by_key["binding web/db"], Link)
