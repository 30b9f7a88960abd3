"""Components and their fields, at start-up."""

from __future__ import annotations

import pytest

from remit.app import ApiServer, App, Store, Worker, endpoint, graph_of, own
from remit.errors import BadArgument, Misuse, NotAllowed
from remit.lib import Attenuation


class Server(ApiServer):
    db: Store[str] = own(Store[str])
    greeting: str = "hello"

    @endpoint("GET")
    async def read(self, key: str) -> str | None:
        return await self.db.get(key)

    @endpoint("POST")
    async def write(self, key: str, value: str) -> None:
        await self.db.set(key, value)


class Client(Worker):
    server: Server

    async def run(self) -> None:
        await self.server.read("a")


def test_what_is_passed_is_an_edge_and_what_is_own_is_below() -> None:
    """A field that is a component is an edge of the graph; own components are made below their owner; plain fields stand in its spec."""

    def program() -> None:
        app = App("shop")
        Client(app / "client", server=Server(app / "server", greeting="hi"))

    graph = graph_of(program)
    assert [node.id for node in graph.nodes] == ["shop/client", "shop/server", "shop/server/db"]
    assert [(edge.id, edge.source, edge.target) for edge in graph.edges] == [
        ("shop/client/server", "shop/client", "shop/server"),
        ("shop/server/db", "shop/server", "shop/server/db"),
    ]
    assert graph.by_id["shop/server"].spec["fields"] == {"greeting": "hi"}
    assert graph.needs("shop/client") == ["shop/server"]


def test_attenuations_compose_and_only_narrow() -> None:
    """`only`, `read_only` and `limited` give the same component with less; what both pass is left, and the whole is as it was."""
    app = App("shop")
    server = Server(app / "server")
    narrow = server.only("read", "write").read_only().limited(count=3)
    Client(app / "a", server=narrow)
    Client(app / "b", server=server)
    edges = {edge.id: edge.attenuation for edge in graph_of_app(app).edges}
    assert edges["shop/a/server"] == {"methods": ["read", "write"], "read_only": True, "count": 3}
    assert edges["shop/b/server"] == {}


def test_narrowing_that_makes_no_sense_is_refused_at_once() -> None:
    """A method that there is not is named with the nearest; read-only needs a method that reads; limits that are none are refused."""
    app = App("shop")
    server = Server(app / "server")
    with pytest.raises(BadArgument, match="did you mean 'read'"):
        server.only("raed")
    with pytest.raises(BadArgument, match="none of an Attenuation's fields"):
        server.limited(speed=3)
    with pytest.raises(BadArgument, match="marked with reads"):
        Client(app / "client", server=server).read_only()


def test_what_is_owned_is_not_reached_from_outside() -> None:
    """A component's own store is not there for the rest of the program, at start-up either (A18)."""
    server = Server(App("shop") / "server")
    with pytest.raises(NotAllowed, match="shop/server/db, by way of shop/server.db, which it was not given"):
        _ = server.db


def test_fields_are_checked() -> None:
    """A field that is missing, unknown or no plain data is refused with the component's id."""
    app = App("shop")
    with pytest.raises(BadArgument, match="shop/a .Client. was not given its field 'server'"):
        Client(app / "a")  # type: ignore[call-arg]
    with pytest.raises(BadArgument, match="has no field 'sever'; it has: server"):
        Client(app / "b", sever=1)  # type: ignore[call-arg]
    with pytest.raises(BadArgument, match="neither a component nor plain data"):
        Server(app / "c", greeting=object())  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="another application"):
        Client(app / "d", server=Server(App("other") / "server"))


def test_endpoints_take_time() -> None:
    """A method that others call is `async`, and says so when the class is made."""
    with pytest.raises(Misuse, match="async def"):

        class Wrong(ApiServer):
            @endpoint("GET")  # type: ignore[arg-type]
            def read(self) -> str:
                return ""


def test_setup_makes_more_below_an_id() -> None:
    """In `setup` a component reads its fields, and makes others that it gives them to."""

    class Group(ApiServer):
        db: Store[str] = own(Store[str])

        def setup(self) -> None:
            Reader(self.id / "reader", db=self.db.read_only())

    class Reader(Worker):
        db: Store[str]

    app = App("shop")
    Group(app / "group")
    edges = {edge.id: edge.attenuation for edge in graph_of_app(app).edges}
    assert edges == {"shop/group/db": {}, "shop/group/reader/db": {"read_only": True}}


def graph_of_app(app: App):
    from remit.app import compute

    return compute(app)


def test_attenuations_are_those_of_the_rest_of_the_house() -> None:
    """An edge's attenuation goes into the planner's graph as what it is."""

    def program() -> None:
        app = App("shop")
        Client(app / "client", server=Server(app / "server").read_only())

    link = graph_of(program).as_graph().checked().by_key["edge shop/client/_server"]
    assert link.attenuation == Attenuation(read_only=True) and link.interface == "Server"
