"""The `ssh` provider: a machine is a host that is there already, to which the agent is brought. Needs `remit[ssh]`.

    STATE/ssh/known_hosts           the keys of hosts, pinned at the first connection
    STATE/ssh/machines/ID.json      which host each machine is on, written before anything is done there
    STATE/parcels/DIGEST/           what is brought

On the host, for root and for an ordinary user (`_hosted.py` has the rest):

    /opt/remit/versions/DIGEST/     ~/.local/lib/remit/versions/DIGEST/
    /var/lib/remit/machines/ID/     ~/.local/state/remit/machines/ID/

The option `base` puts both below one directory. Everything runs as the user that was logged in as; nothing else on the host is touched.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Conflict, Missing, ProviderError, RemitError
from remit.machines._far import check_way, is_loopback
from remit.machines._parcel import Parcel, pack
from remit.machines._provider import Observed
from remit.machines._ssh_link import Link, Pins, Target, connected

__all__ = ["SshProvider"]

_OPTIONS: Final = ("host", "identity", "base", "python")
_SURVEY: Final = 'id -u && printf "%s\\n" "$HOME" && uname -sm'


class Place:
    """Where things are on one host, for the user that we are there."""

    def __init__(self, base: str, machines: str) -> None:
        self.base = base
        self.machines = machines

    def program(self, digest: str) -> str:
        """The parcel's Python, as a word of a command."""
        return shlex.quote(f"{self.version(digest)}/bin/remit-python")

    def version(self, digest: str) -> str:
        """Where a parcel is or would be."""
        return f"{self.base}/versions/{digest}"


class SshProvider:
    """Takes hosts into use as machines. Owned by the boss's process; its machines go on without it.

    `state`: the boss's directory. `parcel` gives what is brought. `host`, `identity` and `base`: what holds where the option of that name is not given;
    `config`: a file for ssh.
    """

    def __init__(
        self,
        state: Path,
        owner: str,
        parcel: Callable[[], Parcel],
        *,
        host: str = "",
        identity: str = "",
        config: str = "",
        base: str = "",
    ) -> None:
        self._records = state / "ssh" / "machines"
        self._pins = Pins(state / "ssh" / "known_hosts")
        self._owner = owner
        self._parcel = parcel
        self._host = host
        self._identity = identity
        self._config = config
        self._base = base
        self._locks: dict[str, asyncio.Lock] = {}

    # --- the provider -----------------------------------------------------------------------------------

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. `options`: `host` (user@host:port), `identity` (a file with a private key), `base`, `python` (on the host)."""
        asked = self._options(name, options)
        async with self._lock(id):
            record = self._recorded(id) or self._note(id, name, asked)
            target = _target(record)
            told = _reachable(target, user_data)
            async with self._at(record) as (link, place):
                made = await asyncio.to_thread(self._parcel)
                fresh = await self._bring(link, place, made)
                what = {"verb": "take", "name": name, "user_data": told, "python": record["python"], "fresh": fresh}
                await self._ask(link, place, id, {**what, "digest": made.digest}, made.digest)

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`."""
        async with self._lock(id), self._at(self._record(id)) as (link, place):
            await self._ask(link, place, id, {"verb": "start", "address": base64.b64encode(address).decode()})

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`. The agent and what it keeps go; everything else on the host stays as it is."""
        async with self._lock(id):
            record = self._recorded(id)
            if record is None:
                return
            async with self._at(record) as (link, place):
                made = await asyncio.to_thread(self._parcel)
                if await self._is_there(link, place, id):
                    await self._ask(link, place, id, {"verb": "destroy"})
                elif await link.holds(
                    place.version(made.digest)
                ):  # which was brought for it, before anything else was done
                    await self._ask(link, place, id, {"verb": "destroy"}, made.digest)
            self._forget(id)

    async def leave(self, id: str) -> str:
        """See `Leaving.leave`."""
        async with self._lock(id):
            record = self._recorded(id)
            if record is None:
                return ""
            left = ""
            async with self._at(record) as (link, place):
                if await self._is_there(link, place, id):
                    left = str(await self._ask(link, place, id, {"verb": "leave"}))
            self._forget(id)
        return left and f"on {_target(record)}: {left}"

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`. Of a host that cannot be reached it says what is kept here."""
        ids = sorted(path.stem for path in self._records.glob("*.json"))
        return [each for each in await asyncio.gather(*map(self._listed, ids)) if each.state != "absent"]

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        record = self._recorded(id)
        if record is None:
            return Observed(id)
        async with self._at(record) as (link, place):
            if not await self._is_there(link, place, id):
                return Observed(id, record["name"], "made", f"{link.target} has nothing of it (yet); create it again")
            seen = Observed(**await self._ask(link, place, id, {"verb": "observe"}))
        pinned = "pinned just now" if link.fresh else "pinned"
        detail = f"{link.target}, {seen.detail}; host key {link.fingerprint}, {pinned}"
        return Observed(id, record["name"], "made" if seen.state == "absent" else seen.state, detail)

    async def upgrade(self, id: str, parcel: Parcel) -> None:
        """See `Upgradable.upgrade`."""
        async with self._lock(id), self._at(self._record(id)) as (link, place):
            fresh = await self._bring(link, place, parcel)
            request = {"verb": "upgrade", "digest": parcel.digest, "fresh": fresh}
            await self._ask(link, place, id, request, parcel.digest)

    async def downgrade(self, id: str) -> None:
        """See `Upgradable.downgrade`."""
        async with self._lock(id), self._at(self._record(id)) as (link, place):
            await self._ask(link, place, id, {"verb": "downgrade"})

    async def look(self, options: dict[str, Any], stay: bool = False) -> dict[str, Any]:
        """See `Adopting.look`. The parcel is brought for it, and removed where no machine is started out of it."""
        record = self._options("to be looked at", options)
        async with self._at(record) as (link, place):
            made = await asyncio.to_thread(self._parcel)
            await self._bring(link, place, made)
            found = await self._ask(link, place, "", {"verb": "look", "stay": stay}, made.digest)
        return {"host": str(link.target), "key": link.fingerprint, "fresh": link.fresh, "listening": found}

    # --- what is kept here --------------------------------------------------------------------------------

    def _options(self, name: str, options: dict[str, Any]) -> dict[str, str]:
        """All options, with what the configuration says of those that are not given."""
        unknown = sorted(options.keys() - set(_OPTIONS))
        if unknown:
            raise ProviderError(f"the ssh provider has no option {', '.join(unknown)}; it takes: {', '.join(_OPTIONS)}")
        if not all(type(each) is str for each in options.values()):
            raise ProviderError(f"machine {name}: the options of the ssh provider are texts")
        whole = {"host": self._host, "identity": self._identity, "base": self._base, "python": "", **options}
        if not whole["host"]:
            raise ProviderError(
                f"machine {name}: which host? Give --option host=user@host, with a port if it is not 22"
            )
        _target(whole)
        return whole

    def _note(self, id: str, name: str, asked: dict[str, str]) -> dict[str, str]:
        record = {"id": id, "name": name, **asked}
        open_state_dir(self._records)
        write_secret_file(self._records / f"{id}.json", json.dumps(record).encode(), replace=True)
        return record

    def _forget(self, id: str) -> None:
        (self._records / f"{id}.json").unlink(missing_ok=True)

    def _recorded(self, id: str) -> dict[str, str] | None:
        try:
            found = json.loads(read_secret_file(self._records / f"{Path(id).name}.json"))
        except Missing:
            return None
        except ValueError:
            raise ProviderError(
                f"{self._records}/{id}.json cannot be read: it is not what this provider has written"
            ) from None
        return found if isinstance(found, dict) else None

    def _record(self, id: str) -> dict[str, str]:
        found = self._recorded(id)
        if found is None:
            raise ProviderError(f"machine {id} is not here: it was never made, or was destroyed; create it again")
        return found

    def _lock(self, id: str) -> asyncio.Lock:
        return self._locks.setdefault(id, asyncio.Lock())

    async def _listed(self, id: str) -> Observed:
        try:
            return await self.observe(id)
        except ProviderError as error:
            return Observed(id, (self._recorded(id) or {}).get("name", ""), "made", str(error))

    # --- on the host --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _at(self, record: dict[str, str]) -> AsyncIterator[tuple[Link, Place]]:
        async with connected(_target(record), self._pins, self._config) as link:
            said = (await link.run(_SURVEY, what="looking at the host")).decode(errors="replace").splitlines()
            if len(said) != 3 or not said[2].startswith("Linux"):
                raise ProviderError(f"{link.target} is no Linux host, as far as one can see: agents run on Linux only")
            yield link, _place(record["base"], root=said[0] == "0", home=said[1])

    async def _is_there(self, link: Link, place: Place, id: str) -> bool:
        return await link.holds(f"{place.machines}/{id}/current/bin")

    async def _bring(self, link: Link, place: Place, made: Parcel) -> bool:
        """Have the parcel on the host; whether it has just come."""
        versions, digest = shlex.quote(f"{place.base}/versions"), made.digest
        there = f"test -f {versions}/{digest}/parcel.json"
        if await link.holds(f"{place.version(digest)}/parcel.json"):
            return False
        draft = f"{versions}/.draft-$$"
        command = f"umask 022 && mkdir -p {draft} && tar --no-same-owner -xzf - -C {draft} && {{ {there} || mv {draft} {versions}/{digest}; }}"
        data = await asyncio.to_thread(_packed, made)
        await link.run(
            f"{{ {command}; }} || {{ rm -rf {draft}; exit 1; }}; rm -rf {draft}", data, what="copying the agent"
        )
        return True

    async def _ask(self, link: Link, place: Place, id: str, request: dict[str, Any], digest: str = "") -> Any:
        """One request about a machine, to the parcel with this digest, or to the one that the machine runs out of."""
        program = place.program(digest) if digest else shlex.quote(f"{place.machines}/{id}/current/bin/remit-python")
        whole = {"owner": self._owner, "base": place.base, "machines": place.machines, "id": id, **request}
        return await link.ask(program, whole, what=f"{request['verb']} {id}")


def _target(record: dict[str, str]) -> Target:
    try:
        return Target.parse(record["host"], record["identity"])
    except RemitError as error:
        raise ProviderError(str(error)) from None


def _place(base: str, *, root: bool, home: str) -> Place:
    if base:
        return Place(base, f"{base}/machines")
    if root:
        return Place("/opt/remit", "/var/lib/remit/machines")
    return Place(f"{home}/.local/lib/remit", f"{home}/.local/state/remit/machines")


def _packed(made: Parcel) -> bytes:
    """The archive of a parcel, kept beside it: packing takes a second."""
    kept = made.path.with_name(f"{made.digest}.tar.gz")
    try:
        return kept.read_bytes()
    except FileNotFoundError:
        file = BytesIO()
        pack(made, file)
        try:
            write_secret_file(kept, file.getvalue(), replace=True)
        except (Conflict, RemitError):
            pass  # it is only kept to be quicker
        return file.getvalue()


def _reachable(target: Target, user_data: dict[str, Any]) -> dict[str, Any]:
    """The user data, for an agent that others reach by the host's name. Refused where the host could not reach the boss."""
    if is_loopback(target.host):
        return user_data
    check_way(user_data, str(target))
    agent = {
        "listen": "0.0.0.0:0",
        "published": target.host,
        **user_data.get("agent", {}),
    }  # its peers prove their keys
    return {**user_data, "agent": agent}
