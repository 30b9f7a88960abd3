"""The `docker` provider: a machine is a container of a Docker Engine on this host.

    volume    remit-<machine id>     made first, and removed last: what the machine keeps, and in its labels who it is and how it is made
    /var/lib/remit/                  the volume in the machine, owned by root
        code/                        what its agent was told to load (`_luggage.py`)
        machine/                     0700, the agent's: its state directory
    container remit-<machine id>     can be made again from the volume alone
    network   remit-<owner>          of all machines of one boss (`_network.py`)

Everything carries the labels remit.machine, remit.name, remit.owner and remit.provider. The user data goes into the volume through the Engine's archive request, before the container
starts for the first time: it is in no argument, environment, label or image.

Containers are made with the least rights: no capability, no new privileges, a user that is not root, a read-only root, bounded memory and processes. They
live on when the boss ends, and come back when the Engine restarts, unless somebody stopped them.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.errors import ProviderError
from remit.machines._luggage import packed
from remit.machines._parcel import Parcel
from remit.machines._provider import Observed
from remit.machines.docker._engine import Engine, EngineError
from remit.machines.docker._files import directory, file, tar_of
from remit.machines.docker._images import Images, last_words
from remit.machines.docker._network import Bridge
from remit.machines.docker._options import ContainerOptions, container_options, host_options
from remit.machines.docker._spec import STATE, VOLUME, container_spec, machine_volume
from remit.machines.docker._versions import RUNNER, Versions

__all__ = ["DockerProvider"]

_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
PLACE: Final = "remit.place"  # the label that says where the image's parcel is
GRACE: Final = 5  # seconds for an agent to end by itself when told to
EVERYWHERE: Final = "0.0.0.0:0"  # inside the machine's own network namespace


class DockerProvider:
    """Makes each machine as a container. Owned by the boss's process; holds nothing open.

    `owner` labels what is made: the boss's designator; so does `provider`, the name of this one among the boss's. `table` is what remit.toml says (`_options.py`); `store` a directory for parcels.
    """

    def __init__(
        self,
        owner: str,
        store: Path,
        table: Mapping[str, Any] | None = None,
        *,
        provider: str = "docker",
        engine: Engine | None = None,
    ) -> None:
        self.host, self.defaults = host_options(table or {})
        self.engine = engine or Engine(self.host.socket)
        self._owner = owner
        self._provider = provider
        self._images = Images(self.engine, owner, store)
        self._bridge = Bridge(self.engine, owner, provider, self.host)
        self.prefix = "remit-"  # of the names of containers and volumes; machine ids are unique
        self._versions = Versions(self.engine)
        self.command: Sequence[str] = (
            "/bin/sh",
            "-c",
            RUNNER,
            "remit",
        )  # what a machine's container runs, and where its parcel is
        self._locks: dict[str, asyncio.Lock] = {}

    async def gateway(self) -> str:
        """See `Networked.gateway`."""
        async with self._bridge.lock:
            gateway = await self._bridge.gateway()
        return gateway if self.host.gateway else ""

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. The options are those of `_options.py`."""
        chosen = container_options(options, self.defaults)
        if user_data.get("agent", {}).get("tether"):
            raise ProviderError("a container is not tethered to a process of this host: leave out the option tether")
        async with self._locked(id):
            found = await self._volume(id)
            if found is None:
                found = await self._make_volume(id, name, chosen)
            made = await self._container(id, found)
            if not made["State"]["Running"]:
                if not await self.engine.holds(
                    self.named(id), f"{STATE}/machine.json"
                ):  # else it has used its introduction
                    await self._leave_word(id, user_data, _options_of(found))
                await self.engine.post(f"/containers/{self.named(id)}/start")

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`. A container that somebody removed is made again, from what its volume says of it."""
        async with self._locked(id):
            made, user = await self._there(id)
            if not await self._told(id):
                raise ProviderError(f"machine {id} is half made: create it again")
            await self.engine.unpack(self.named(id), VOLUME, tar_of([file("machine/boss.address", address, user)]))
            await self._go_on(id, made, changed=False)

    async def upgrade(self, id: str, parcel: Parcel) -> None:
        """See `Upgradable.upgrade`."""
        async with self._locked(id):
            made, user = await self._there(id)
            changed = await self._versions.upgrade(self.named(id), made["Config"]["Labels"][PLACE], user, parcel)
            await self._go_on(id, made, changed)

    async def downgrade(self, id: str) -> None:
        """See `Upgradable.downgrade`."""
        async with self._locked(id):
            made, user = await self._there(id)
            changed = await self._versions.downgrade(self.named(id), made["Config"]["Labels"][PLACE], user)
            await self._go_on(id, made, changed)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`."""
        async with self._locked(id):
            found = await self._volume(id)
            container = await self._seen(id)
            if container is not None and container["State"]["Running"]:
                await self.engine.post(f"/containers/{self.named(id)}/stop", t=GRACE)
            if container is not None:
                await self.engine.delete(f"/containers/{self.named(id)}", force=True)
            if found is not None:
                await self.engine.delete(f"/volumes/{self.named(id)}")
            async with self._bridge.lock:
                if not await self._listed(
                    "/containers/json", all=True
                ):  # one that is stopped counts, too: it could not start again
                    await self._bridge.leave()

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        volumes = (await self._listed("/volumes"))["Volumes"] or []
        containers = await self._listed("/containers/json", all=True)
        labels = [each["Labels"] for each in (*volumes, *containers)]
        found = [await self.observe(id) for id in sorted({each["remit.machine"] for each in labels})]
        return [each for each in found if each.state != "absent"]

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        try:
            volume, container = await self._volume(id), await self._seen(id)
        except Foreign:
            return Observed(id)
        if volume is None and container is None:
            return Observed(id)
        labels = (volume or container["Config"])["Labels"]
        state, detail = await self._state(container)
        return Observed(id, labels["remit.name"], state, detail)

    # --- what there is --------------------------------------------------------------------------------

    def named(self, id: str) -> str:
        """What a machine's container and volume are called."""
        if not _ID.fullmatch(id):
            raise ProviderError(f"{id[:80]!r} cannot be a machine id: letters, digits, '-' and '_' only")
        return self.prefix + id

    def _locked(self, id: str) -> asyncio.Lock:
        self.named(id)
        return self._locks.setdefault(id, asyncio.Lock())

    async def _listed(self, path: str, **query: Any) -> Any:
        """What is there of this provider's."""
        labels = [f"{name}={value}" for name, value in self._ownership().items()]
        return await self.engine.get(path, filters={"label": labels}, **query)

    async def _volume(self, id: str) -> Any:
        found = await self.engine.find(f"/volumes/{self.named(id)}")
        return None if found is None else self._ours(id, found, found["Labels"])

    async def _seen(self, id: str) -> Any:
        found = await self.engine.find(f"/containers/{self.named(id)}/json")
        return None if found is None else self._ours(id, found, found["Config"]["Labels"])

    def _ours(self, id: str, found: Any, labels: Mapping[str, str] | None) -> Any:
        if (labels or {}).get("remit.owner") != self._owner:
            raise Foreign(
                f"machine {id} belongs to another boss, or to nobody, and was left alone: see docker inspect {self.named(id)}"
            )
        return found

    async def _state(self, container: Any) -> tuple[str, str]:
        if container is None:
            return "made", "it has no container; the machine's start makes it again"
        state, name = container["State"], container["Name"].lstrip("/")
        if state["Paused"]:
            return "made", f"somebody has paused it: docker unpause {name}"
        if state["Running"]:
            again = container["RestartCount"]
            return "running", f"container {container['Id'][:12]}{f', restarted {again} times' if again else ''}"
        if state["Status"] == "created":
            return "made", "its container has not been started"
        why = "it ran out of memory" if state["OOMKilled"] else f"it ended with status {state['ExitCode']}"
        return "made", f"{why}; its last words: {await last_words(self.engine, name) or 'none'}; see docker logs {name}"

    async def _there(self, id: str) -> tuple[Any, str]:
        """The container of a machine that was made, and the user of its agent."""
        found = await self._volume(id)
        if found is None:
            raise ProviderError(f"machine {id} is not here: it was never made, or was destroyed; create it again")
        return await self._container(id, found), _options_of(found).user

    async def _go_on(self, id: str, container: Any, changed: bool) -> None:
        """Have it run; one that runs starts its agent again if that has changed."""
        if container["State"]["Paused"]:
            await self.engine.post(f"/containers/{self.named(id)}/unpause")
        if not container["State"]["Running"]:
            await self.engine.post(f"/containers/{self.named(id)}/start")
        elif changed:
            await self._versions.again(self.named(id))

    async def _told(self, id: str) -> bool:
        """Whether it has what its agent needs to begin."""
        return any(
            [await self.engine.holds(self.named(id), f"{STATE}/{name}") for name in ("machine.json", "user-data")]
        )

    # --- what is made ---------------------------------------------------------------------------------

    async def _make_volume(self, id: str, name: str, options: ContainerOptions) -> Any:
        labels = {**self._labels(id, name), "remit.options": json.dumps(options._asdict())}
        await self.engine.post("/volumes/create", {"Name": self.named(id), "Labels": labels})
        return await self._volume(id)

    def _labels(self, id: str, name: str) -> dict[str, str]:
        return {"remit.machine": id, "remit.name": name, **self._ownership()}

    def _ownership(self) -> dict[str, str]:
        return {"remit.owner": self._owner, "remit.provider": self._provider}

    async def _container(self, id: str, volume: Any) -> Any:
        """The machine's container, made if it is not there."""
        found = await self._seen(id)
        if found is not None:
            return found
        name, options = volume["Labels"]["remit.name"], _options_of(volume)
        image = await self._images.with_agent(options.image)
        spec = container_spec(name, image.name, options, self.host)
        labels = {**self._labels(id, name), PLACE: image.place}
        spec |= {"Labels": labels, "Entrypoint": self.command[:1], "Cmd": [*self.command[1:], image.place]}
        spec["HostConfig"] |= {"NetworkMode": self._bridge.name}
        spec["HostConfig"]["Mounts"].append(machine_volume(self.named(id)))
        async with self._bridge.lock:
            await self._bridge.gateway()
            try:
                await self.engine.post("/containers/create", spec, name=self.named(id))
            except EngineError as error:
                if error.status != 409:
                    raise
        return await self._seen(id)

    async def _leave_word(self, id: str, user_data: dict[str, Any], options: ContainerOptions) -> None:
        """Put the user data and what it names where the machine alone reads it."""
        async with self._bridge.lock:
            facing = await self._bridge.gateway()
        told = {"listen": EVERYWHERE, "facing": facing, **user_data.get("agent", {})}
        luggage = await asyncio.to_thread(packed, told, f"{VOLUME}/code")
        data = json.dumps({**user_data, "agent": luggage.agent}).encode()
        state = [directory("code", "0:0", 0o755), directory("machine", options.user, 0o700)]
        if luggage.tar:
            await self.engine.unpack(self.named(id), VOLUME, tar_of(state))
            await self.engine.unpack(self.named(id), f"{VOLUME}/code", luggage.tar)
        await self.engine.unpack(
            self.named(id), VOLUME, tar_of([*state, file("machine/user-data", data, options.user)])
        )


class Foreign(ProviderError):
    """Something of this name is there, and is not ours."""


def _options_of(volume: Any) -> ContainerOptions:
    """What a machine was made with, as its volume has it."""
    told = json.loads(volume["Labels"]["remit.options"])
    told["publish"] = tuple((here, there) for here, there in told["publish"])
    return ContainerOptions(**{name: told[name] for name in ContainerOptions._fields if name in told})
