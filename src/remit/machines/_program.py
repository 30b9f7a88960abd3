"""A program's connection to the hob of its machine: `async with remit.machine() as m: db = await m.get("db")`."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from remit.credentials import Credential
from remit.durable import read_secret_file
from remit.errors import Broken, Missing
from remit.lib import Rules
from remit.machines._records import Offer
from remit.machines._supports import described, description_of
from remit.machines._watch import Bell, Watch
from remit.net import (
    Live,
    Network,
    Node,
    NodeKey,
    SignedAddress,
    TurnLog,
    dialling,
    live_ref,
    public_of,
)
from remit.values import SturdyRef
from remit.vat import Far, Ref, Vat

__all__ = ["LocalMachine"]

KNOWN = (Credential,)
"""Records that bindings answer with: a class is known by its label once its module is loaded."""
_RETRY = 1.0  # seconds between two attempts to offer again
_GUIDANCE = 5.0  # seconds for the hob to say where another machine is


class LocalMachine:
    """The machine that a program runs on, for as long as `async with` lasts; owns a vat and a node of the program's own.

    `hob` is the machine's state directory or its `hob.ref`; without it `$REMIT_HOB` says which. Only the user whose file
    that is can read it: other users of the machine get nothing.
    """

    def __init__(self, hob: str | os.PathLike[str] | None = None) -> None:
        self._path = hob_file(hob)
        self._stack = AsyncExitStack()
        self._offered: dict[str, tuple[Offer, Ref[Any]]] = {}
        self._bell = Bell()
        self._keeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> LocalMachine:
        sturdyref = SturdyRef.parse(read_secret_file(self._path).decode().strip())
        key = NodeKey.generate()
        self.vat = await self._stack.enter_async_context(
            Vat("program", recorder=TurnLog(), mark=f"{os.urandom(3).hex()}-")
        )
        try:
            node = await self._stack.enter_async_context(Node(key, self.vat, guide=self._guide))
            for netlayer in dialling(key):
                node.use(netlayer)
            self._network = Network(node)
            self._hob = sturdyref.locator.designator
            self._desk: Ref[Any] = self._network.enliven(sturdyref)
            self._watch = self.vat.spawn(Watch, self.vat.device("bell", self._bell))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stack.aclose()

    async def get(self, name: str, interface: str | None = None) -> Far[Any]:
        """The service that this machine was given under a name. It finds its object again by asking the hob, after any restart.

        Raises `Missing` for a name that is not bound (with the nearest ones), `Conflict` if the service keeps another interface.
        """
        first = [await self._desk.get(name, interface)]

        async def find() -> Ref[Any]:
            found: Ref[Any] = first.pop() if first else await self._desk.get(name, interface)
            return found

        return live_ref(Live(self._network, find), self.vat)

    async def bindings(self) -> list[dict[str, Any]]:
        """The names that this machine was given: name, interface, service, attenuation, edge of each."""
        return list(await self._desk.bindings())

    async def offers(self) -> list[Offer]:
        """What this machine offers."""
        return list(await self._desk.offers())

    async def offer(
        self, name: str, ref: Ref[Any], *, interface: str = "", description: str = "", rules: Rules | None = None
    ) -> Offer:
        """Offer an object of this program under a name, for as long as the program runs, restarts of the hob included.

        What it can be attenuated by comes from its class, or from `rules` (`remit.lib.rules_of`) where it is somebody else's object.
        Raises `Conflict` while another program offers that name.
        """
        wish = describe(Offer(name, interface, description, rules=rules), ref)
        made: Offer = await self._desk.offer(wish, ref)
        self._offered[name] = (wish, ref)
        await self._watch.over(self._desk)
        if self._keeping is None:
            self._keeping = asyncio.ensure_future(self._keep_offering())
        return made

    async def withdraw(self, name: str) -> None:
        """Take an offer back, and end every grant of it."""
        self._offered.pop(name, None)
        await self._desk.withdraw(name)

    async def _keep_offering(self) -> None:
        """The hob forgets programs' objects when it restarts: offer them again."""
        while True:
            if not await self._bell.wait(3600.0):
                continue
            try:
                for wish, ref in list(self._offered.values()):
                    await self._desk.offer(wish, ref)
                await self._watch.over(self._desk)
            except Broken:
                await asyncio.sleep(_RETRY)
                self._bell.ring()

    async def _guide(self, designator: str) -> SignedAddress | None:
        if designator == self._hob:
            return None  # the one that would be asked
        try:
            async with asyncio.timeout(_GUIDANCE):
                found: SignedAddress = await self._desk.whereabouts(public_of(designator))
        except (Broken, TimeoutError):
            return None
        return found


def describe(wish: Offer, ref: Ref[Any]) -> Offer:
    """The offer with what the object's class says, if the object is near; its rules are sent along, since the hob cannot see it."""
    if isinstance(ref, Far) or ref._link is not None:
        more = (
            ()
            if wish.rules is None
            else (["read_only"] if wish.rules.reads else []) + (["prefix"] if wish.rules.keys else [])
        )
        return wish.but(supports=[*more, "count", "methods", "rate", "until"])
    found = description_of(type(ref._at))
    return described(wish, found).but(rules=wish.rules or found["rules"])


def hob_file(given: str | os.PathLike[str] | None) -> Path:
    """The file by which the hob is found. Raises `Missing` where nothing names one."""
    named = given or os.environ.get("REMIT_HOB")
    if not named:
        raise Missing(
            "which machine is this? Set $REMIT_HOB to its state directory (or its hob.ref), or pass it: remit.machine(path)"
        )
    path = Path(named).expanduser().absolute()
    return path / "hob.ref" if path.is_dir() else path
