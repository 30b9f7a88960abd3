"""Edges as data, and questions over them."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from remit.graph import Attenuation, Edge, edges_of, held_by, holders_of, select
from remit.values import decode, encode, same


def edge(grantee: str, provider: str, offer: str = "db", **more: object) -> Edge:
    """One edge, named after its ends."""
    return Edge(f"{grantee}-{provider}-{offer}", grantee, offer, provider, offer, **more)


CHAIN = [edge("app", "db"), edge("web", "app", "api"), edge("cdn", "web", "page"), edge("app", "mail", "smtp")]


def test_an_edge_names_both_its_ends() -> None:
    """`target` is where it is held, `service` what it leads to."""
    made = Edge("1", "app", "orders", "db-machine", "main")
    assert (made.target, made.service, made.open) == ("app.orders", "db-machine.main", True)


def test_a_changed_edge_keeps_its_id() -> None:
    """`but` changes what it is told to and nothing else."""
    made = edge("app", "db")
    changed = made.but(state="revoking", awaiting=["db"])
    assert (changed.id, changed.grantee, changed.open, made.open) == (made.id, "app", False, True)


def test_an_edge_travels() -> None:
    """It comes out of the codec as it went in, attenuation included."""
    made = edge("app", "db", attenuation=Attenuation(methods=["get"], read_only=True), awaiting=["db"])
    assert same(decode(encode(made)), made)


def test_what_a_machine_holds_and_what_touches_it() -> None:
    """Held are the edges that end there; of it are those at either end; both oldest first."""
    edges = [edge("app", "db", created=2.0), edge("app", "mail", created=1.0), edge("web", "app", created=3.0)]
    assert [each.provider for each in held_by(edges, "app")] == ["mail", "db"]
    assert len(edges_of(edges, "app")) == 3
    assert edges_of(edges, "db") == [edges[0]]
    assert select(edges, lambda each: each.created > 1.5) == [edges[0], edges[2]]


def test_holders_are_direct_or_through_others_nearest_first() -> None:
    """Whoever holds something of a holder may get through, and the path there is told."""
    found = holders_of(CHAIN, "db", "db")
    assert [(each.machine, each.through) for each in found] == [("app", []), ("web", ["app"]), ("cdn", ["app", "web"])]
    assert found[0].edges == ["app-db-db"]
    assert holders_of(CHAIN, "db", "other") == []


def test_a_holder_is_told_once_by_its_nearest_way() -> None:
    """Direct beats indirect, and cycles end."""
    edges = [*CHAIN, edge("web", "db", "db"), edge("db", "cdn", "log"), edge("app", "web", "hook")]
    found = {each.machine: each.through for each in holders_of(edges, "db")}
    assert found == {"app": [], "web": [], "cdn": ["web"]}


def test_a_holder_of_several_edges_shows_how_much_of_each() -> None:
    """The attenuations are listed, not merged: each edge is its own way in."""
    edges = [edge("app", "db", attenuation=Attenuation(read_only=True)), edge("app", "db", "log")]
    (found,) = holders_of(edges, "db")
    assert found.attenuation == "read-only / unrestricted"
    assert len(found.edges) == 2


def test_an_edge_that_is_being_revoked_still_counts() -> None:
    """Until both ends have confirmed, its holder may still get through, and the answer must not hide it."""
    assert [each.machine for each in holders_of([edge("app", "db", state="revoking")], "db")] == ["app"]


names = st.sampled_from("abcdef")


@given(st.lists(st.tuples(names, names)), names)
def test_the_holders_are_those_from_whom_a_path_leads(pairs: list[tuple[str, str]], service: str) -> None:
    """Exactly the machines from which edges lead to the service, each by a path of edges that exist."""
    edges = [edge(grantee, provider, f"o{index}") for index, (grantee, provider) in enumerate(pairs)]
    reach: set[str] = set()
    while True:
        more = {grantee for grantee, provider in pairs if provider == service or provider in reach} - {service}
        if grown := more - reach:
            reach |= grown
        else:
            break
    own = {service} if (service, service) in pairs else set()
    found = holders_of(edges, service)
    assert {each.machine for each in found} - {service} == reach
    assert {each.machine for each in found} & {service} <= own
    for each in found:
        path = [service, *each.through, each.machine]
        assert all((later, earlier) in pairs for earlier, later in itertools.pairwise(path))
