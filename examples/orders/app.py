"""Orders: a queue with a worker, a job by schedule, two stores, and two commands.

remit up app.py --target processes
remit exec app.py order plums --times 2
remit exec app.py stock
"""

from __future__ import annotations

from remit.app import App, CliCommand, Job, Queue, Store, Worker


class Opening(Worker):
    """Orders what there always is."""

    orders: Queue[str]

    async def run(self) -> None:
        for what in ("apples", "pears"):
            await self.orders.put(what, key=what)


class Packer(Worker):
    """Packs what was ordered; each order once more, if this process dies in between."""

    orders: Queue[str]
    packed: Store[int]

    async def run(self) -> None:
        await self.orders.work(self.pack)

    async def pack(self, what: str) -> None:
        count = await self.packed.modify(what, lambda count: (count or 0) + 1)
        print(f"packed {what}, {count} by now")


class Report(Job):
    """Writes down how many kinds were packed, once an hour."""

    every = 3600.0
    packed: Store[int]
    reports: Store[int]

    async def work(self) -> None:
        await self.reports.set("kinds", len(await self.packed.keys()))
        print("wrote a report")


class Order(CliCommand):
    """Order something."""

    orders: Queue[str]

    async def run(self, what: str, *, times: int = 1) -> str:
        for _ in range(times):
            await self.orders.put(what)
        return f"ordered {what}"


class Stock(CliCommand):
    """Say what was packed."""

    packed: Store[int]

    async def run(self) -> str:
        return ", ".join([f"{await self.packed.get(what)} {what}" for what in await self.packed.keys()]) or "nothing"


app = App("orders")
orders: Queue[str] = Queue(app / "orders", tries=3)
packed: Store[int] = Store(app / "packed")
reports: Store[int] = Store(app / "reports")
Opening(app / "opening", orders=orders.only("put"))
Packer(app / "packer", orders=orders, packed=packed)
Report(app / "report", packed=packed.read_only(), reports=reports)
Order(app / "order", orders=orders.only("put"))
Stock(app / "stock", packed=packed.read_only())
