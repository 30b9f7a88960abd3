"""What makes machines: the `Provider` protocol, and the desk at which the boss asks for them.

A provider is outside of every vat; the boss's objects reach it through the device `providers`, a `ProviderDesk`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from remit.errors import ProviderError, RemitError
from remit.machines._names import check_name, missing
from remit.machines._parcel import Parcel, find_parcel, parcel
from remit.values import record

__all__ = ["Adopting", "Leaving", "Networked", "Observed", "Provider", "ProviderDesk", "Upgradable"]

T = TypeVar("T")
PATIENCE: Final = 300.0  # seconds that one call to a provider may take; making a virtual machine takes minutes


@record("remit.machines.observed")
class Observed:
    """What a provider sees of one machine: `state` is "absent", "made" (there, but not running) or "running"."""

    id: str
    name: str = ""
    state: str = "absent"
    detail: str = ""


class Provider(Protocol):
    """Makes, starts and destroys machines of one sort. Owned by the boss's process.

    Every method may be called again with the same machine id, after an answer was lost or a crash: what is done
    already is not done twice. A machine is labelled with id, name and owner (the boss's designator) where the provider keeps
    it, so that `list` finds those that nobody remembers. What goes wrong is a `ProviderError` that names the machine,
    the step and what to do. Secrets of `user_data` go where only the machine can read them: not into arguments,
    environments, logs or errors. `tests/machines/test_provider_contract.py` is the contract.
    """

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """Make the machine and start it with this user data; what is half made already is finished.

        `options` are the provider's own, from whoever asks for the machine; unknown ones are refused.
        """

    async def start(self, id: str, address: bytes) -> None:
        """Start a made machine, or leave it running; `address` (public) tells it where its boss is now."""

    async def destroy(self, id: str) -> None:
        """End the machine and remove all that was made for it; nothing happens where there is nothing."""

    async def list(self) -> Sequence[Observed]:
        """All machines that this owner has here, half-made ones included."""

    async def observe(self, id: str) -> Observed:
        """How this machine is; "absent" if it is not there."""


@runtime_checkable
class Networked(Protocol):
    """A provider whose machines have a network of their own, on which this host is one of the ends."""

    async def gateway(self) -> str:
        """This host's address on that network, which is made if need be; "" where there is none (now).

        The boss listens there as well from then on, and its signed address says so, before a machine is made or started.
        """


@runtime_checkable
class Upgradable(Protocol):
    """A provider that can put another version of the agent on its machines, and take that back. Both may be called again."""

    async def upgrade(self, id: str, parcel: Parcel) -> None:
        """Put this parcel on the machine and start its agent again out of it, with its services kept; what ran before is kept beside it.

        Nothing happens to one that runs out of it already. Whether the agent is well is seen by its boss.
        """

    async def downgrade(self, id: str) -> None:
        """Start the agent again out of what ran before the last upgrade."""


@runtime_checkable
class Leaving(Protocol):
    """A provider whose machines were there before, or can go on without it."""

    async def leave(self, id: str) -> str:
        """Take the agent off the machine, with all that it keeps, and leave everything else running; in words, what of ours was left, and where.

        May be called again; nothing happens where there is nothing.
        """


@runtime_checkable
class Adopting(Protocol):
    """A provider that can look at a host before it is a machine."""

    async def look(self, options: dict[str, Any], stay: bool = False) -> dict[str, Any]:
        """What there is on the host of these options, as for `create`: {"host", "key", "fresh", "listening"}.

        Nothing is left there, unless `stay`: what was brought is of use to a `create` that follows.
        """


class ProviderDesk:
    """The device `providers`: the providers by name.

    `listen` has the boss listen at another address of this host, and is set by its process. Bounds each call by `patience` seconds. `defaults` is what the user data of a provider's machines
    says of their agents, besides what was asked for with the one machine. `parcels` is where versions of the agent are kept.
    """

    def __init__(
        self,
        providers: dict[str, Provider],
        *,
        defaults: dict[str, dict[str, Any]] | None = None,
        patience: float = PATIENCE,
        parcels: Path | None = None,
    ) -> None:
        self._providers = {check_name("provider", name): provider for name, provider in providers.items()}
        self._defaults = defaults or {}
        self._patience = patience
        self._parcels = parcels
        self.listen: Callable[[str], Awaitable[None]] | None = None

    async def prepare(self, provider: str) -> None:
        """Have the boss be where the machines of this provider reach it: asked before the boss says where it is. See `Networked`."""
        found = self._find(provider)
        if not isinstance(found, Networked):
            return
        host = await self._asked(provider, "prepare", "its network", found.gateway())
        if host and self.listen is not None:
            try:
                await self.listen(host)
            except RemitError as error:
                raise ProviderError(
                    f"provider {provider}: the boss cannot listen where its machines are: {error}"
                ) from None

    def names(self) -> Sequence[str]:
        """The providers that there are."""
        return sorted(self._providers)

    async def create(
        self, provider: str, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]
    ) -> None:
        """See `Provider.create`."""
        told = {**user_data, "agent": {**self._defaults.get(provider, {}), **user_data.get("agent", {})}}
        await self._asked(provider, "create", name, self._find(provider).create(id, name, told, options))

    async def start(self, provider: str, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        await self._asked(provider, "start", id, self._find(provider).start(id, address))

    async def destroy(self, provider: str, id: str) -> None:
        """See `Provider.destroy`."""
        await self._asked(provider, "destroy", id, self._find(provider).destroy(id))

    async def list(self, provider: str) -> Sequence[Observed]:
        """See `Provider.list`."""
        return await self._asked(provider, "list", "its machines", self._find(provider).list())

    async def observe(self, provider: str, id: str) -> Observed:
        """See `Provider.observe`."""
        return await self._asked(provider, "observe", id, self._find(provider).observe(id))

    async def stage(self, digest: str) -> dict[str, str]:
        """The parcel whose digest begins so, or that of the installation that runs (""): {"digest", "parcel" (its beginning), "version"}."""
        made = await asyncio.to_thread(self._staged, digest)
        return {"digest": made.digest, "parcel": made.short, "version": made.version}

    def _staged(self, digest: str) -> Parcel:
        if self._parcels is None:
            raise ProviderError("this boss keeps no parcels: its machines cannot be upgraded")
        return find_parcel(self._parcels, digest) if digest else parcel(self._parcels)

    async def upgrade(self, provider: str, id: str, digest: str) -> None:
        """See `Upgradable.upgrade`, of a parcel that was staged."""
        found, made = self._upgradable(provider), await asyncio.to_thread(self._staged, digest)
        await self._asked(provider, "upgrade", id, found.upgrade(id, made))

    async def downgrade(self, provider: str, id: str) -> None:
        """See `Upgradable.downgrade`."""
        await self._asked(provider, "downgrade", id, self._upgradable(provider).downgrade(id))

    async def look(self, provider: str, options: dict[str, Any], stay: bool = False) -> dict[str, Any]:
        """See `Adopting.look`."""
        found = self._find(provider)
        if not isinstance(found, Adopting):
            raise ProviderError(f"provider {provider} makes its machines itself: there is no host to look at")
        return await self._asked(provider, "look at", str(options.get("host", "")), found.look(options, stay))

    def can_leave(self, provider: str) -> None:
        """Raise what stands against it that machines of this provider go on without it."""
        if not isinstance(self._find(provider), Leaving):
            raise ProviderError(f"machines of provider {provider} were made by it and end with it: destroy them")

    async def leave(self, provider: str, id: str) -> str:
        """See `Leaving.leave`."""
        self.can_leave(provider)
        found: Any = self._find(provider)
        left: str = await self._asked(provider, "leave", id, found.leave(id))
        return left

    async def pause(self, seconds: float) -> None:
        """Wait, for an object that looks again and again."""
        await asyncio.sleep(min(seconds, self._patience))

    def _upgradable(self, name: str) -> Upgradable:
        found = self._find(name)
        if not isinstance(found, Upgradable):
            raise ProviderError(f"machines of provider {name} cannot be upgraded in place: destroy and create them")
        return found

    def _find(self, name: str) -> Provider:
        provider = self._providers.get(name)
        if provider is None:
            raise missing("provider", name, self._providers)
        return provider

    async def _asked(self, provider: str, step: str, machine: str, work: Coroutine[Any, Any, T]) -> T:
        """The answer, or a `ProviderError`; what else a provider raises may hold what it was told, so only its class is said."""
        try:
            async with asyncio.timeout(self._patience):
                return await work
        except ProviderError:
            raise
        except TimeoutError:
            raise ProviderError(
                f"provider {provider} did not answer within {self._patience:g} s ({step} {machine}): "
                "it may have done it; look at the provider, then ask again"
            ) from None
        except OSError as error:
            raise ProviderError(
                f"provider {provider}, {step} {machine}: {error.strerror or type(error).__name__}"
            ) from None
        except Exception as error:  # noqa: BLE001  # a provider is foreign code
            raise ProviderError(f"provider {provider} failed ({step} {machine}): {type(error).__name__}") from None
