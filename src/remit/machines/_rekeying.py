"""Another key for the boss.

    one key ──key-next.pem──► two keys ──successions──► decided ──key.pem──► the new key ──every machine has said hello──► done
                                │                          │
                                └── nothing was said       └── machines hear of it, and every start goes on from here

The files are in the state directory; `successions` is what decides. The old key is destroyed as the new one takes its place: the succession that it has
signed is all that is needed of it.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

from remit.durable import FileLock, read_secret_file, sync_dir, write_secret_file
from remit.errors import Broken, Conflict, Missing, NoSuchMethod, ProtocolError, Refused, StoreCorrupt
from remit.lib import race
from remit.machines._devices import device_now
from remit.machines._outcome import outcome_of
from remit.net import NodeKey, Succession, designator_of, heir_of, sign_succession
from remit.values import decode, encode
from remit.vat import Ref, actor, call, tell, this

__all__ = ["Keys", "Rekeying", "begin_rekey", "finish_rekey", "first_key", "successions_of"]

KEY: Final = "key.pem"
NEXT: Final = "key-next.pem"
CHAIN: Final = "successions"
TELLING: Final = 5.0  # seconds that machines have to answer before the key is changed
PARTING: Final = 0.5  # seconds for the answer to whoever asked
FIRST, LONGEST = 0.5, 60.0  # seconds between two attempts to tell a machine


# --- in the state directory ---------------------------------------------------------------------------


def successions_of(directory: Path) -> list[Succession]:
    """The successions of this boss, oldest first."""
    try:
        chain = decode(read_secret_file(directory / CHAIN))
        if not isinstance(chain, list) or not chain or not isinstance(chain[0], Succession):
            raise ValueError
        heir_of(chain[0].old, chain)
    except Missing:
        return []
    except (ProtocolError, Broken, ValueError):
        raise StoreCorrupt(
            f"{directory / CHAIN} does not hold the boss's successions: restore it from a copy"
        ) from None
    return chain


def begin_rekey(directory: Path) -> list[Succession]:
    """Make the next key and its succession, both on disk on return; begun before, it is the same one. From here on it is decided."""
    old, chain = NodeKey.load(directory / KEY), successions_of(directory)
    new = NodeKey.open(directory / NEXT)
    if not chain or chain[-1].new != new.public:
        chain = [*chain, sign_succession(old, new, int(time.time()))]
        write_secret_file(directory / CHAIN, encode(chain), replace=True)
    return chain


def finish_rekey(directory: Path) -> bool:
    """Put the next key in the place of the old one, which is gone then; whether there was one that was decided. Before each start of a boss."""
    if not (directory / NEXT).exists():
        return False
    with FileLock(directory / "lock", f"the state directory {directory}"):
        chain, new = successions_of(directory), NodeKey.load(directory / NEXT)
        if not chain or chain[-1].new != new.public:
            return False
        os.replace(directory / NEXT, directory / KEY)
        sync_dir(directory)
    return True


def first_key(directory: Path, designator: str) -> str:
    """The first key that the boss with this designator had, by which its providers know what is its own."""
    chain = successions_of(directory)
    return designator_of(chain[0].old) if chain else designator


class Keys:
    """The device `keys` of a boss's vat. `turned` is set when the boss has to start again, with its next key."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.turned = asyncio.Event()

    def successions(self) -> list[Succession]:
        """The boss's successions, oldest first."""
        return successions_of(self._directory)

    def begin(self) -> list[Succession]:
        """Decide on another key: see `begin_rekey`."""
        return begin_rekey(self._directory)

    def turn(self) -> None:
        """Have the boss start again, when the answer to whoever asked has gone out."""
        asyncio.get_running_loop().call_later(PARTING, self.turned.set)


# --- in the boss's vat ----------------------------------------------------------------------------------


@actor(kind="remit.machines.rekeying", version=1)
class Rekeying:
    """What the boss's objects do about another key. Owned by the boss. `done`: how many successions have been gone through here."""

    network: Ref[Any]
    providers: Ref[Any]
    fleet: Ref[Any]
    wiring: Ref[Any]
    guests: Ref[Any]
    done: int = 0

    async def begin(self) -> dict[str, Any]:
        """Decide on another key, tell the machines that are there, and have the boss start again with it: {"key", "told", "missing"}.

        `Conflict` while a machine is on its way: it was told the present key, and knows no other to follow.
        """
        coming = [each.name for each in call(self.fleet).every() if not _has_come(each)]
        if coming:
            raise Conflict(
                f"{coming[0]} is on its way, and was told this key: wait until it has come, or destroy it first"
            )
        present = await self._present()
        chain = await device_now("keys").begin()
        try:
            told = await self._told(chain, present)
        finally:
            tell(device_now("keys")).turn()
        names = {each.name for each in self._machines()}
        return {"key": designator_of(chain[-1].new), "told": sorted(told), "missing": sorted(names - set(told))}

    async def _present(self) -> list[Any]:
        """The machines that are there. `Conflict` where one has an agent that would not know what it is told."""
        late, found = self.providers.pause(TELLING), list[Any]()
        asked = [(each, race(each.hob.follow([]), late)) for each in self._machines()]
        for machine, answer in asked:
            try:
                await answer  # without a succession nothing is done, and that is said
            except Refused:
                found.append(machine)
            except NoSuchMethod:
                raise Conflict(
                    f"the agent of {machine.name} is of a version that follows no other key: remit machine upgrade {machine.name}"
                ) from None
            except Broken:  # it hears of it when it is back
                continue
        return found

    async def _told(self, chain: list[Any], machines: list[Any]) -> list[str]:
        late, told = self.providers.pause(TELLING), list[str]()
        asked = {each.name: race(each.hob.follow(chain), late) for each in machines}
        for name, answer in asked.items():
            try:
                told += [name] if await answer else []
            except Broken:  # as above
                continue
        return told

    async def resume(self) -> None:
        """After a start of the boss, before anything is asked of a machine: say where the boss is, and who. What another key asks for is done once; machines
        that have not heard of it are told until they have, and asked nothing before.
        """
        hobs = call(self.wiring).joined()
        for hob in hobs:
            tell(self.network).learn(call(hob).signed_address())
        chain = await self._chain()
        if chain:
            call(self.fleet).rekeyed(chain, len(chain) > self.done)
        if len(chain) > self.done:
            call(self.wiring).rekeyed()
            call(self.guests).end_all()
            self.done = len(chain)
        here = await self.network.address()
        for hob in hobs:
            if chain and call(hob).met_as() != here.key:
                tell(this()).pursue(hob, chain)
            else:
                tell(hob).summon(here)

    async def _chain(self) -> list[Any]:
        try:
            chain: list[Any] = await device_now("keys").successions()
        except Missing:
            return []
        return chain

    async def pursue(self, hob: Ref[Any], chain: list[Any]) -> None:
        """Tell a machine of the boss's key until it has said hello under it, or is gone."""
        here, pause = (await self.network.address()).key, FIRST
        while call(hob).met_as() != here and hob in call(self.wiring).joined():
            await outcome_of(hob.introduce(chain))
            await self.providers.pause(pause)
            pause = min(2 * pause, LONGEST)

    async def state(self) -> dict[str, Any]:
        """{"key", "former": designators, oldest first, "since", "machines": [{"machine", "heard"}, …]}; `since` in seconds since the epoch, None for
        the first key.
        """
        chain, here = await self._chain(), await self.network.address()
        heard = {each.name: not chain or call(each.hob).met_as() == here.key for each in self._machines()}
        return {
            "key": designator_of(here.key),
            "former": [designator_of(each.old) for each in chain],
            "since": chain[-1].at if chain else None,
            "machines": [{"machine": name, "heard": heard[name]} for name in sorted(heard)],
        }

    def _machines(self) -> list[Any]:
        return [each for each in call(self.fleet).every() if call(each.hob).state() == "active"]


def _has_come(machine: Any) -> bool:
    return machine.state != "pending" and (machine.state != "active" or call(machine.hob).last_seen() is not None)
