"""A customer server with a store of its own, and a client that is handed the server: one program, wherever they run."""

from __future__ import annotations

from remit import record
from remit.app import ApiServer, App, Store, Worker, endpoint, own


@record("examples.customers.customer")
class Customer:
    id: str
    name: str


class CustomerServer(ApiServer):
    db: Store[Customer] = own(Store[Customer])

    @endpoint("POST")
    async def post_customer(self, customer: Customer) -> None:
        await self.db.set(customer.id, customer)

    @endpoint("GET")
    async def get_customer(self, id: str) -> Customer | None:
        return await self.db.get(id)


class ExampleClient(Worker):
    server: CustomerServer

    async def run(self) -> None:
        await self.server.post_customer(Customer("1", "John Doe"))
        print(f"Loaded customer: {await self.server.get_customer('1')}")


app = App("customers")
server = CustomerServer(app / "customer-server")
ExampleClient(app / "example-client", server=server.only("post_customer", "get_customer"))
