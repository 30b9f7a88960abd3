"""The objects of `remit.lib` in a durable vat: what they were given, granted and revoked is there after a restart."""

from __future__ import annotations

from typing import Any

from remit.durable import DurableVat, MemoryStore
from remit.errors import Broken, Expired, NotAllowed, Revoked
from remit.lib import (
    KINDS,
    Attenuation,
    Cell,
    Map,
    Publisher,
    Queue,
    Set,
    Ticker,
    attenuated,
    make_sealer,
    membrane,
    swappable,
)
from remit.vat import Ref, actor, actor_type, call, field, spawn
from tests.lib.objects import Party, Table, outcome


@actor(kind="test.keeper", version=1)
class Keeper:
    """A root: spawns what it is asked for and keeps it under a name."""

    kept: dict[str, Any] = field(dict)

    def make(self, name: str) -> Any:
        self.kept[name] = spawn(
            {"cell": Cell, "map": Map, "set": Set, "queue": Queue, "table": Table, "party": Party}[name]
        )
        return self.kept[name]

    def grant(self, name: str, target: Ref[Any], attenuation: Attenuation) -> Any:
        made = self.kept[name] = membrane(target, attenuation)
        return call(made).root()

    def root(self, name: str) -> Any:
        return call(self.kept[name]).root()

    def narrow(self, name: str, target: Ref[Any], attenuation: Attenuation) -> None:
        self.kept[name] = attenuated(target, attenuation)

    def others(self) -> None:
        self.kept["seals"], self.kept["swap"] = list(make_sealer("s")), list(swappable(self.kept["cell"]))
        self.kept["publisher"], self.kept["ticker"] = spawn(Publisher), spawn(Ticker)

    def keep(self, name: str, value: Any) -> None:
        self.kept[name] = value

    def get(self, name: str) -> Any:
        return self.kept[name]


class House:
    """A durable vat that can be restarted."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.open()

    def open(self) -> None:
        self.durable = DurableVat.open(self.store, classes=[*KINDS, Table, Party], roots={"keeper": (Keeper,)})
        self.keeper: Any = self.durable.root("keeper")

    def restart(self) -> None:
        self.durable.close()
        self.store = self.store.reopen()
        self.open()

    def __call__(self, sent: Any) -> Any:
        return outcome(self.durable.vat, sent)

    def get(self, name: str) -> Any:
        return self(self.keeper.get(name))


def test_a_grant_survives_with_its_attenuation_and_uses() -> None:
    """After a restart the root is the same object, narrowed as before, with the uses that were left."""
    house = House()
    table = house(house.keeper.make("table"))
    root = house(house.keeper.grant("grant", table, Attenuation(["get", "size"], count=3)))
    assert house(root.size()) == 0
    assert isinstance(house(root.put("a", 1)), NotAllowed)
    house.restart()
    root = house(house.keeper.root("grant"))
    assert house(root.size()) == 0 and house(root.get("a")) is None
    assert isinstance(house(root.put("a", 1)), NotAllowed)
    house.restart()
    assert isinstance(house(house(house.keeper.root("grant")).size()), Expired)


def test_a_revocation_is_for_good() -> None:
    """After a restart everything that came through is still dead, proxies that an object kept included."""
    house = House()
    party = house(house.keeper.make("party"))
    root = house(house.keeper.grant("grant", party, Attenuation()))
    guest = house(house.keeper.make("table"))
    assert house(root.keep("guest", guest)) is None
    assert house(house.keeper.keep("mine", house(root.me()))) is None
    house.restart()
    inside = house(house.get("party").give("guest"))
    assert house(inside.size()) == 0 and inside is not house.get("table")
    assert house(house.get("grant").revoke("moved out")) is None
    house.restart()
    root = house(house.keeper.root("grant"))
    answers = [house(root.me()), house(house.get("mine").me()), house(house(house.get("party").give("guest")).size())]
    assert all(isinstance(answer, Revoked) and "moved out" in answer.message for answer in answers)
    assert house(house.get("table").size()) == 0


def test_a_kept_proxy_goes_home_as_the_original() -> None:
    """Which object a proxy stands for is part of what is kept."""
    house = House()
    party = house(house.keeper.make("party"))
    root = house(house.keeper.grant("grant", party, Attenuation()))
    assert house(root.keep("guest", house(house.keeper.make("table")))) is None
    house.restart()
    assert house(house(house.keeper.root("grant")).give("guest")) is house.get("table")
    assert house(house(house.keeper.root("grant")).me()) is house(house.keeper.root("grant"))


def test_every_object_keeps_its_state() -> None:
    """Cells, tables, sets, queues, seals, switches, publishers and tickers are as they were."""
    house = House()
    cell, table, members, queue = [house(house.keeper.make(name)) for name in ("cell", "map", "set", "queue")]
    house(cell.set([1])), house(table.set("a", cell)), house(members.add("m")), house(queue.put("q"))
    house(house.keeper.others())
    seal, _, _ = house.get("seals")
    house(house.keeper.keep("box", house(seal("secret"))))
    house(house.keeper.narrow("reader", cell, Attenuation(methods=["get"])))
    house(house.get("publisher").subscribe(cell)), house(house.get("ticker").join(cell))
    house.restart()
    cell = house.get("cell")
    assert house(cell.get()) == [1] and house(house.get("map").get("a")) is cell
    assert house(house.get("set").values()) == ["m"] and house(house.get("queue").take()) == "q"
    assert house(house.get("seals")[1](house.get("box"))) == "secret"
    assert house(house.get("swap")[0].get()) == [1]
    assert house(house.get("reader").get()) == [1] and isinstance(house(house.get("reader").set(2)), Broken)
    assert house(house.get("publisher").size()) == 1 and house(house.get("ticker").size()) == 1


def test_every_kind_is_named_and_versioned() -> None:
    """What is stored says `remit.…`, never where the code stands; no two classes share a name."""
    kinds = [actor_type(cls) for cls in KINDS]
    assert all(kind.kind.startswith("remit.") and kind.version == 1 for kind in kinds)
    assert len({kind.kind for kind in kinds}) == len(kinds)
