"""A customer table: what the demonstration offers on one machine and binds on another.

The classes are given to a machine's agent by name (`--option classes=customers --option path=examples`); nothing is imported because
somebody on the network says so.
"""

from __future__ import annotations

from remit import Ref, actor, field, reads, spawn
from remit.errors import Conflict, Missing
from remit.lib import keyed


@actor(kind="examples.customer", version=1)
class Customer:
    """One customer, reached through the table."""

    name: str
    email: str

    @reads
    def details(self) -> dict[str, str]:
        """What is known of the customer."""
        return {"name": self.name, "email": self.email}

    def move(self, email: str) -> None:
        """The customer has a new address."""
        self.email = email


@actor(kind="examples.customer-table", version=1)
class CustomerTable:
    """Customers by name. Each is an object of its own, and can be handed to others by itself."""

    customers: dict[str, Ref[Customer]] = field(dict)

    @keyed("name")
    def add(self, name: str, email: str) -> Ref[Customer]:
        """A new customer."""
        if name in self.customers:
            raise Conflict(f"there is a customer {name!r} already")
        self.customers[name] = spawn(Customer, name, email)
        return self.customers[name]

    @reads
    @keyed("name")
    def customer(self, name: str) -> Ref[Customer]:
        """The customer of this name."""
        if name not in self.customers:
            raise Missing(f"there is no customer {name!r}")
        return self.customers[name]

    @reads
    def names(self) -> list[str]:
        """All customers' names."""
        return sorted(self.customers)
