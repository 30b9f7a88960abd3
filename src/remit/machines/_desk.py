"""The hob's desk for programs of its machine: they ask it for bindings, and offer their objects at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NotAllowed
from remit.machines._names import missing
from remit.machines._records import Offer
from remit.vat import Promise, Ref, actor, call, on_sever, spawn

if TYPE_CHECKING:
    from remit.machines._hob_client import HobClient

__all__ = ["Desk", "UserDesk"]


@actor(kind="remit.machines.desk", version=1)
class Desk:
    """What a program may ask of its machine's hob: what it was given, and nothing that the boss may.

    Owned by the hob. Its sturdyref is in a file that only the hob's user can read, and only that user can enter the
    directory of the socket; whoever has neither gets nothing.
    """

    hob: Ref[HobClient]

    def get(self, name: str, interface: str | None = None) -> Ref[Any]:
        """The service bound under this name: see `HobClient.get`."""
        found: Ref[Any] = call(self.hob).get(name, interface)
        return found

    def bindings(self) -> list[dict[str, Any]]:
        """The names that this machine was given."""
        found: list[dict[str, Any]] = call(self.hob).bindings()
        return found

    def offers(self) -> list[Offer]:
        """What this machine offers."""
        found: list[Offer] = call(self.hob).offers()
        return found

    async def offer(self, offer: Offer, ref: Ref[Any]) -> Offer:
        """Offer an object of the asking program for as long as it runs: see `HobClient.expose`."""
        await self.hob.expose(offer, ref)
        on_sever(ref, spawn(Absence, self.hob, offer.name, ref))
        return offer

    def withdraw(self, name: str) -> Promise[Any]:
        """Take a program's offer back, and end its grants. What the machine keeps is for its boss to withdraw."""
        for offer in call(self.hob).offers():
            if offer.name == name and offer.kind:
                raise NotAllowed(f"{name!r} is kept by the machine: only the boss can withdraw it")
        return self.hob.withdraw(name)

    def whereabouts(self, key: bytes) -> Promise[Any]:
        """The signed address of the node with this key, as far as it is known."""
        return self.hob.whereabouts(key)


@actor(kind="remit.machines.user_desk", version=1)
class UserDesk:
    """The same for programs of another user than the agent's: they get what is laid out for that user, and offer nothing."""

    hob: Ref[HobClient]
    user: str

    def get(self, name: str, interface: str | None = None) -> Ref[Any]:
        """The service bound under this name: see `HobClient.get`."""
        names = call(self.hob).for_user(self.user)
        if name not in names:
            raise missing(f"binding for user {self.user}:", name, names)
        found: Ref[Any] = call(self.hob).get(name, interface)
        return found

    def bindings(self) -> list[dict[str, Any]]:
        """The names that are for this user."""
        names = call(self.hob).for_user(self.user)
        return [each for each in call(self.hob).bindings() if each["name"] in names]

    def offers(self) -> list[Offer]:
        """Nothing."""
        return []

    def whereabouts(self, key: bytes) -> Promise[Any]:
        """See `Desk.whereabouts`."""
        return self.hob.whereabouts(key)


@actor(kind="remit.machines.absence", version=1)
class Absence:
    """Tells the hob that a program's object is gone. Not kept: after a restart no program offers anything."""

    hob: Ref[HobClient]
    name: str
    ref: Ref[Any]

    def __call__(self, cause: Any = None) -> Promise[Any]:
        """The link to the program was lost."""
        return self.hob.fell_silent(self.name, self.ref)
