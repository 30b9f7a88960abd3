"""Which parcel a container's agent runs out of, and how that is changed while its services go on.

The container runs a small shell program that starts the agent, and starts it again when it is sent SIGHUP, or when the agent fails: its services do not end with it.
What is in the volume says out of what it is started:

    /var/lib/remit/                 root's, as all of this is
        current -> DIRECTORY        what is started; without it, what the image has
        previous -> DIRECTORY       what was, until the last upgrade
        parcels/DIGEST/             what was brought since, and DIGEST.whole once it is all there
"""

from __future__ import annotations

import asyncio
from typing import Final

from remit.errors import ProviderError
from remit.machines._parcel import Parcel
from remit.machines._service_room import KEEP
from remit.machines.docker._engine import Engine
from remit.machines.docker._files import directory, file, link, parcel_tar, tar_of
from remit.machines.docker._spec import STATE, VOLUME

__all__ = ["RUNNER", "Versions"]

PARCELS: Final = f"{VOLUME}/parcels"
RUNNER: Final = f"""
cd {VOLUME} || exit 1
again= over= agent=
trap 'again=1; [ -z "$agent" ] || kill -TERM "$agent"' HUP
trap 'over=1; [ -z "$agent" ] || kill -TERM "$agent"' TERM INT
status=0 delay=1
while [ -z "$over" ]; do
    place=$1
    [ ! -e current ] || place=$(cd -P current && pwd -P)
    again=
    began=$(date +%s)
    "$place/bin/remit-agent" --state {STATE} &
    agent=$!
    while :; do
        wait "$agent"
        status=$?
        kill -0 "$agent" 2>/dev/null || break
    done
    agent=
    [ -z "$over" ] || break
    [ -z "$again" ] || continue
    [ "$status" != 0 ] || break
    [ $(($(date +%s) - began)) -lt 60 ] || delay=1
    echo "remit: the agent ended with status $status; starting it again in $delay s" >&2
    sleep "$delay" &
    agent=$!
    wait "$agent"
    agent=
    [ "$delay" -ge 30 ] || delay=$((delay * 2))
done
exit "$status"
"""
"""What a container runs, with the directory of the image's parcel as its argument."""
TIDY: Final = f"""
cd {PARCELS} || exit 0
for each in */; do
    each=${{each%/}}
    [ "$(cd -P ../current && pwd -P)" = "{PARCELS}/$each" ] || [ "$(cd -P ../previous && pwd -P)" = "{PARCELS}/$each" ] || rm -rf "$each" "$each.whole"
done
"""


class Versions:
    """Those of the containers of one provider; each is named with the directory of its image's parcel, `own`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def upgrade(self, container: str, own: str, user: str, parcel: Parcel) -> bool:
        """Have the agent run out of this parcel; whether it has to be started again for that. What it ran out of is kept."""
        wanted = own if own.endswith(f"/{parcel.digest}") else f"{PARCELS}/{parcel.digest}"
        now = await self._engine.link(container, f"{VOLUME}/current") or own
        if now == wanted:
            return False
        if wanted != own and not await self._engine.holds(container, f"{wanted}.whole"):
            tar = await asyncio.to_thread(parcel_tar, parcel, f"parcels/{parcel.digest}")
            await self._engine.unpack(container, VOLUME, tar)
            await self._engine.unpack(container, VOLUME, tar_of([file(f"parcels/{parcel.digest}.whole", b"", "0:0")]))
        await self._turn(container, user, {"previous": now, "current": wanted})
        return True

    async def downgrade(self, container: str, own: str, user: str) -> bool:
        """Have it run out of what it was before; whether it has to be started again for that."""
        before = await self._engine.link(container, f"{VOLUME}/previous")
        if before is None:
            raise ProviderError(f"container {container} has run out of nothing else before")
        if await self._engine.link(container, f"{VOLUME}/current") == before:
            return False
        await self._turn(container, user, {"current": before})
        return True

    async def again(self, container: str) -> None:
        """Have a running container start its agent again, and remove what neither runs nor is gone back to."""
        await self._engine.post(f"/containers/{container}/kill", signal="HUP")
        command = {"Cmd": ["/bin/sh", "-c", TIDY], "User": "0:0"}
        made = await self._engine.post(f"/containers/{container}/exec", command)
        await self._engine.post(f"/exec/{made['Id']}/start", {"Detach": True})

    async def _turn(self, container: str, user: str, links: dict[str, str]) -> None:
        entries = [link(name, target) for name, target in links.items()]
        word = [file(f"machine/{KEEP}", b"", user)]  # its services are left to the next agent
        await self._engine.unpack(container, VOLUME, tar_of([directory("parcels", "0:0", 0o755), *entries, *word]))
