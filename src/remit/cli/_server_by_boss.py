"""A console that finds servers by way of the boss: it reaches what the boss reaches, and may what its reference to the boss gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remit.ensemble import ServerId
from remit.errors import BadArgument, Missing
from remit.net import Network, Node
from remit.vat import Ref

__all__ = ["BossConsole", "ByBoss", "Seen"]

# The boss's method for a part, where there is one: somebody who was invited to inspect gets this one only.
_OWN_METHOD: Final = {"inspect": "inspect_server", "logs": "server_logs", "exec": "supervise"}


class Seen:
    """A server as the boss tells of it; read like a `ServerEntry`, but it leads nowhere."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.id: str = row["id"]
        self.roles: list[str] = list(row["roles"])
        self.address = self
        self.hints: dict[str, str] = dict(row["addresses"])
        self.key: bytes = row["key"]
        self.since: float = row["since"]
        self.info: dict[str, Any] = dict(row["info"])


class BossConsole:
    """As `Console`, for a command that holds a reference to the boss; it is its own `directory` and `home`."""

    def __init__(self, boss: Ref[Any], node: Node) -> None:
        self.boss = boss
        self.node = node
        self.network = Network(node)
        self.directory = self
        self.home = self

    def domain(self) -> str:
        """That of bare names."""
        return "/"

    def id_of(self, text: str | ServerId) -> ServerId:
        """The id that is so written."""
        return text if isinstance(text, ServerId) else ServerId.parse(text)

    async def entries(self, domain: str = "/") -> list[Seen]:
        """All servers of a domain and below it, by id."""
        found: list[Seen] = []
        while page := await self.boss.servers(domain, found[-1].id if found else ""):
            found += [Seen(row) for row in page]
        return found

    async def with_role(self, role: str, domain: str = "/") -> list[Seen]:
        """Those that have a role."""
        return [entry for entry in await self.entries(domain) if role in entry.roles]

    async def entry(self, id: str | ServerId) -> Seen:
        """One of them. Raises `Missing`."""
        return await self.find(id)

    async def find(self, id: str | ServerId) -> Seen:
        """The same."""
        whole = self.id_of(id).text
        found = {entry.id: entry for entry in await self.entries()}
        if whole not in found:
            raise Missing(f"the server {whole} is not there; there are: {', '.join(sorted(found))}")
        return found[whole]

    async def presence(self, id: str | ServerId) -> Any:
        """A server, as the boss gives it."""
        return ByBoss(self.boss, self.id_of(id).text)

    async def control(
        self, id: str | ServerId, parts: list[str] | None = None, unlock: Any = None
    ) -> Any:  # what is lacking, the boss says
        """The same: there is no other way by the boss."""
        return ByBoss(self.boss, _boss_for_registry(self.id_of(id)).text)

    async def by_reference(
        self, sturdyref: Any, parts: list[str] | None = None, unlock: Any = None
    ) -> Any:  # as `Console` has it
        """The control object of a server that no boss need know."""
        return await self.node.fetch_from(sturdyref)


def _boss_for_registry(id: ServerId) -> ServerId:
    """The registry of a boss's ensemble is the boss."""
    return ServerId("boss") if id == ServerId("registry") else id


class ByBoss:
    """A server's control object, as commands use it: each question goes to the boss."""

    def __init__(self, boss: Ref[Any], id: str) -> None:
        self._boss = boss
        self._id = id

    async def ping(self, actor: str | None = None) -> float:
        """Whether it is alive."""
        return float(await self._boss.ping_server(self._id, actor))

    async def describe(self) -> dict[str, Any]:
        """What it says of itself."""
        return dict(await self._boss.describe_server(self._id))

    async def granted(self) -> list[str]:
        """The parts that it has; whether the boss gives them to us is another question."""
        return list((await self.describe())["parts"])

    async def part(self, name: str) -> Ref[Any]:
        """One of them. Raises what the boss says: `NotAllowed` where our reference to it does not give so much."""
        if name in _OWN_METHOD:
            return await getattr(self._boss, _OWN_METHOD[name])(self._id)  # type: ignore[no-any-return]  # a reference
        return await self._boss.server_part(self._id, name)  # type: ignore[no-any-return]  # as above

    def challenge(self, *_: Any) -> Any:
        """There is nothing to unlock by way of the boss."""
        raise BadArgument("by way of the boss nothing is unlocked: what its reference does not give, it does not give")
