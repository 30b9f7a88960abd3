"""What every target has to do in the same way: a probe that makes calls and says what came of each, a line of JSON for each case."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from typing import Any

from remit import record
from remit.app import ApiServer, App, Store, Worker, assert_runtime, endpoint, own
from remit.app.store import index
from remit.errors import Missing, RemitError


@record("tests.conformance.item")
class Item:
    id: str
    tags: list[str]


class Items(Store[Item]):
    @index(version=1)
    def by_tag(item: Item) -> list[str]:  # noqa: N805  # a function of a value
        return list(item.tags)


class Server(ApiServer):
    db: Items = own(Items)
    kept: list[Any] = []  # a plain field: each server has its own copy

    @endpoint("POST")
    async def put(self, item: Item) -> None:
        await self.db.set(item.id, item)

    @endpoint("GET")
    async def get(self, id: str) -> Item | None:
        return await self.db.get(id)

    @endpoint("GET")
    async def tagged(self, tag: str) -> list[Any]:
        return [found.key for found in await self.db.find("by_tag", tag)]

    @endpoint("POST", keys=("id",))
    async def tag(self, id: str, tag: str) -> Item | None:
        def change(item: Item | None) -> Item | None:
            return Item(id, [*(item.tags if item else []), tag])

        return await self.db.modify(id, change)

    @endpoint("POST")
    async def keep(self, value: Any) -> Any:
        self._kept = value
        return self._kept

    @endpoint("GET")
    async def same(self, value: Any) -> Any:
        return value

    @endpoint("GET")
    async def kept_now(self) -> Any:
        return self._kept

    @endpoint("GET")
    async def missing(self) -> None:
        raise Missing("there is no such thing")

    @endpoint("GET")
    async def wrong(self) -> None:
        raise ValueError("a value that is wrong")

    @endpoint("GET")
    async def unfit(self) -> Any:
        return {"inside": [1, object()]}

    @endpoint("GET")
    async def slow(self) -> str:
        await asyncio.sleep(0.05)
        self._slow = "done"
        return "slow"

    @endpoint("GET")
    async def was_slow(self) -> str:
        return getattr(self, "_slow", "not done")


app = App("probe")
server = Server(app / "server")
shared = Store[str](app / "shared")


class Probe(Worker):
    restart = "never"
    whole: Server
    reading: Server
    few: Server
    twice: Server
    mine: Server
    shared: Store[str]
    part: Store[str]

    async def run(self) -> None:
        assert_runtime()
        for name, case in list(vars(type(self)).items()):
            if name.startswith("_case_"):
                await self._tried(name.removeprefix("_case_"), case(self))
        print("the end", flush=True)

    async def _tried(self, name: str, case: Awaitable[Any]) -> None:
        try:
            shown: Any = {"value": await case}
        except RemitError as error:
            shown = {"error": type(error).__name__, "text": str(error)}
        except Exception as error:
            shown = {"error": f"unexpected {type(error).__name__}", "text": str(error)}
        print(json.dumps({"case": name, **shown}, default=repr), flush=True)

    async def _case_values(self) -> Any:
        values = [None, False, 0, "", [], {}, 0.0, b"", True, -1, "text", [1, [2]], {"a": {"b": None}}]
        return [[await self.whole.same(value), type(await self.whole.same(value)).__name__] for value in values]

    async def _case_tuples(self) -> Any:
        return [type(each).__name__ for each in [await self.whole.same((1, 2)), (await self.whole.same([(1,)]))[0]]]

    async def _case_records(self) -> Any:
        item = await self.whole.same(Item("1", ["a"]))
        return [type(item).__name__, item == Item("1", ["a"])]

    async def _case_nothing_is_shared(self) -> Any:
        mine = [1]
        back = await self.whole.keep(mine)
        mine.append(2)
        back.append(3)
        return [mine, back, await self.whole.kept_now()]

    async def _case_store(self) -> Any:
        await self.whole.put(Item("1", ["a", "b"]))
        first = await self.whole.get("1")
        first.tags.append("mutated")
        return [
            repr(await self.whole.get("1")),
            await self.whole.get("2"),
            await self.whole.tagged("b"),
            repr(await self.whole.tag("1", "c")),
        ]

    async def _case_counting(self) -> Any:
        await asyncio.gather(*(self.shared.modify("count", lambda n: str(int(n or "0") + 1)) for _ in range(20)))
        return await self.shared.get("count")

    async def _case_falsy_in_store(self) -> Any:
        await self.shared.set("empty", "")
        return [
            await self.shared.get("empty"),
            await self.shared.has("empty"),
            await self.shared.delete("empty"),
            await self.shared.has("empty"),
        ]

    async def _case_keyword(self) -> Any:
        return await self.whole.same(value=3)

    async def _case_missing(self) -> Any:
        return await self.whole.missing()

    async def _case_wrong(self) -> Any:
        return await self.whole.wrong()

    async def _case_unfit_argument(self) -> Any:
        return await self.whole.same({"a": [1, object()]})

    async def _case_unfit_result(self) -> Any:
        return await self.whole.unfit()

    async def _case_too_few(self) -> Any:
        return await self.whole.get()  # type: ignore[call-arg]

    async def _case_own_of_another(self) -> Any:
        return await self.whole.db.get("1")

    async def _case_private(self) -> Any:
        return await self.whole._kept

    async def _case_no_method(self) -> Any:
        return await self.whole.gett("1")  # type: ignore[attr-defined]

    async def _case_global(self) -> Any:
        return await server.same(1)

    async def _case_global_store(self) -> Any:
        return await Hidden.it.get("a")

    async def _case_reading(self) -> Any:
        return await self.reading.same(1)

    async def _case_reading_only(self) -> Any:
        return await self.reading.put(Item("9", []))

    async def _case_few(self) -> Any:
        return await self.few.kept_now()

    async def _case_prefix(self) -> Any:
        await self.part.set("a/1", "x")
        return await self.part.get("a/1")

    async def _case_outside_of_prefix(self) -> Any:
        return await self.part.get("b/1")

    async def _case_count(self) -> Any:
        return [await self.twice.same(1), await self.twice.same(2), await self.twice.same(3)]

    async def _case_narrowed_key(self) -> Any:
        return [repr(await self.mine.tag("my-1", "x")), await self.mine.tag("other", "x")]

    async def _case_cancelled(self) -> Any:
        try:
            async with asyncio.timeout(0.01):
                await self.whole.slow()
        except TimeoutError:
            async with asyncio.timeout(5):
                while await self.whole.was_slow() != "done":
                    await asyncio.sleep(0.01)
            return "went on"

    async def _case_made_late(self) -> Any:
        return Store[str](app / "late")


class Hidden:
    it = Store[str](app / "hidden")


Probe(
    app / "probe",
    whole=server,
    reading=server.read_only(),
    few=server.only("get"),
    twice=server.limited(count=2),
    mine=server.limited(prefix="my-"),
    shared=shared,
    part=shared.limited(prefix="a/"),
)
