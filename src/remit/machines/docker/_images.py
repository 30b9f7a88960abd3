"""Images for machines: whatever image has Python, with the parcel of an agent put into it, made once for each pair of the two.

    remit-agent:<digest of both>      the base image and /opt/remit/<digest of the parcel>

The Engine keeps it, and shows it under that name only when it is whole. Nothing of a single machine is in it.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from remit.errors import ProviderError
from remit.machines._parcel import Parcel, parcel
from remit.machines.docker._engine import Engine, EngineError
from remit.machines.docker._files import parcel_tar
from remit.machines.docker._options import BASE_IMAGE

__all__ = ["AgentImage", "Images", "last_words"]

HOME: Final = "/opt/remit"
MAKING: Final = "remit.making"  # the label of a container in which an image is made, with the owner
CHECK: Final = (
    "import compileall, os; compileall.compile_dir(os.environ['REMIT_PARCEL'], quiet=2); import remit.machines._agent"
)
STALE: Final = {
    "label": ["remit.parcel"],
    "dangling": ["false"],
    "until": ["24h"],
}  # of ours, those that nobody uses any more
MAKING_SECONDS: Final = 240.0
LINES: Final = 3


class AgentImage(NamedTuple):
    """An image that machines are made from: its name at the Engine, and where in it the parcel is."""

    name: str
    place: str


class Images:
    """The images that one provider's machines are made from. `store` is where the parcel is made; `owner` labels what is half made."""

    def __init__(self, engine: Engine, owner: str, store: Path) -> None:
        self._engine = engine
        self._owner = owner
        self._store = store
        self._parcel: Parcel | None = None
        self._lock = asyncio.Lock()

    async def with_agent(self, base: str) -> AgentImage:
        """The image of this base with an agent in it, made if need be. Raises `ProviderError` where it cannot run one."""
        async with self._lock:
            found = await self._base(base)
            if self._parcel is None:
                self._parcel = await asyncio.to_thread(parcel, self._store)
            digest = sha256(f"2 {found['Id']} {self._parcel.digest} {CHECK}".encode()).hexdigest()[:20]
            name = f"remit-agent:{digest}"
            if await self._engine.find(f"/images/{name}/json") is None:
                await self._make(base, found["Id"], self._parcel, digest)
            return AgentImage(name, f"{HOME}/{self._parcel.digest}")

    async def _base(self, name: str) -> Any:
        """The image, out of a registry if the Engine does not have it; but ours only from here, since anybody could publish one of its name."""
        found = await self._engine.find(f"/images/{name}/json")
        if found is None and name.partition(":")[0] == BASE_IMAGE:
            raise ProviderError(
                f"the Docker Engine has no image {name}: make it with: remit image build docker (as root, on Debian), or name another one that has "
                "Python 3.11 or newer: --option image=NAME"
            )
        if found is None:
            repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "latest")
            try:
                await self._engine.pull("/images/create", lambda _: None, fromImage=repository, tag=tag)
            except EngineError as error:
                raise ProviderError(
                    f"the image {name} is not here, and cannot be fetched from its registry: {error}"
                ) from None
            found = await self._engine.get(f"/images/{name}/json")
        return found

    async def _make(self, base: str, id: str, made: Parcel, digest: str) -> None:
        await self._sweep()
        body = {
            "Image": id,
            "Entrypoint": [f"{HOME}/{made.digest}/bin/remit-python"],
            "Cmd": ["-c", CHECK],
            "User": "0:0",
            "NetworkDisabled": True,
            "Labels": {MAKING: self._owner},
        }
        container = (await self._engine.post("/containers/create", body))["Id"]
        try:
            await self._engine.unpack(
                container, "/", await asyncio.to_thread(parcel_tar, made, f"{HOME.lstrip('/')}/{made.digest}")
            )
            await self._run(base, container)
            labels = {
                "remit.base": base,
                "remit.parcel": made.digest,
                MAKING: "",
            }  # else machines would inherit that one
            config = {"Labels": labels, "Entrypoint": [], "Cmd": ["python3"], "User": ""}
            await self._engine.post("/commit", config, container=container, repo="remit-agent", tag=digest, pause=False)
        finally:
            await self._engine.delete(f"/containers/{container}", force=True, v=True)
        await self._engine.post("/images/prune", filters=STALE)

    async def _run(self, base: str, container: str) -> None:
        """See that an agent can be loaded there; its modules are compiled on that occasion."""
        why = f"the image {base} cannot run an agent (it needs sh, and Python 3.11 or newer of the same version as the boss's)"
        try:
            await self._engine.post(f"/containers/{container}/start")
        except EngineError as error:
            raise ProviderError(f"{why}: {error}") from None
        waiting = await self._engine.ask("POST", f"/containers/{container}/wait", {}, seconds=MAKING_SECONDS)
        if waiting.data()["StatusCode"] != 0:
            raise ProviderError(f"{why}: {await last_words(self._engine, container)}")

    async def _sweep(self) -> None:
        """Remove what a boss that was killed meanwhile has left of this, and never a machine."""
        filters = {"label": [f"{MAKING}={self._owner}"]}
        for each in await self._engine.get("/containers/json", all=True, filters=filters):
            if "remit.machine" not in each["Labels"]:
                await self._engine.delete(f"/containers/{each['Id']}", force=True, v=True)


async def last_words(engine: Engine, container: str) -> str:
    """The last lines that a container has written, on one line."""
    answer = await engine.ask("GET", f"/containers/{container}/logs", {"stdout": True, "stderr": True, "tail": LINES})
    body, text = answer.body, b""
    while len(body) >= 8:  # Engine API, "Attach to a container", Stream format: kind, 3 zeros, 4 bytes of length
        size = int.from_bytes(body[4:8], "big")
        text, body = text + body[8 : 8 + size], body[8 + size :]
    return " | ".join(text.decode(errors="replace").split("\n")).strip(" |")[-500:]
