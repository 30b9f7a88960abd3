"""A service with accounts, in memory, and its driver: for tests of what grants credentials, without any server."""

from __future__ import annotations

from typing import ClassVar, Final

from remit.credentials import Credential, Description, Held, Owner, check_attenuation, check_edge
from remit.errors import Refused, Unreachable
from remit.lib import Attenuation

__all__ = ["FakeDriver", "FakeServer", "FakeSession"]


class FakeSession:
    """An open session with a fake server; `works` until its account is gone."""

    def __init__(self, server: FakeServer, username: str) -> None:
        self.server = server
        self.username = username

    async def works(self) -> bool:
        """Whether the server still does what it is told here."""
        return self in self.server.sessions

    async def close(self) -> None:
        """Leave."""
        self.server.sessions.discard(self)


class FakeServer:
    """A server with accounts. `FakeServer.named` has those that exist, by the text of their owner's connection. `down` refuses everybody.

    `fail` makes the next steps of its drivers break, so many times. `used` says of accounts when they were last used, `powers` how much
    they may do, in words. `forgetful`: it forgets them by itself.
    """

    named: ClassVar[dict[str, FakeServer]] = {}

    def __init__(self, name: str) -> None:
        self.accounts: dict[str, str] = {}
        self.sessions: set[FakeSession] = set()
        self.used: dict[str, float] = {}
        self.down = False
        self.fail = 0
        self.powers: dict[str, str] = {}
        self.forgetful = False
        self.named[name] = self

    def log_in(self, username: str, password: str) -> FakeSession:
        """A session. Raises `Refused` for who has no account."""
        if self.down or self.accounts.get(username) != password:
            raise Refused("the fake server does not know this account")
        session = FakeSession(self, username)
        self.sessions.add(session)
        return session


class FakeDriver:
    """A `Driver` for fake servers; the model for real ones."""

    kind = "fake"
    DESCRIPTION: Final = Description("fake", "fake-service", ("methods", "read_only"), ("read", "write"))

    def __init__(self, owner: Owner) -> None:
        owner.check_options()
        self._owner = owner

    def describe(self) -> Description:
        """See `Driver.describe`."""
        return self.DESCRIPTION

    async def check(self) -> None:
        """See `Driver.check`."""
        self._server()

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        check_attenuation(self.DESCRIPTION, attenuation)
        password, username = self._owner.password(edge, generation), f"{self._mark}{check_edge(edge)}_{generation}"
        self._server().accounts[username] = password.text
        self._server().powers[username] = attenuation.describe()
        return Credential("fake", {"username": username}, {"password": password}, generation, until)

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`."""
        server = self._server()
        self._end(
            server,
            [name for name, generation in self._accounts(server, check_edge(edge)).items() if generation < below],
        )

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        server = self._server()
        names = list(self._accounts(server, check_edge(edge)))
        self._end(server, names)
        return bool(names)

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        server = self._server()
        mine = [name.removeprefix(self._mark) for name in server.accounts if name.startswith(self._mark)]
        held = []
        for edge in sorted({name.rpartition("_")[0] for name in mine}):
            accounts = self._accounts(server, edge)
            open_now = sum(session.username in accounts for session in server.sessions)
            used = max((server.used[name] for name in accounts if name in server.used), default=None)
            held.append(Held(edge, sorted(accounts.values()), open_now, used))
        return held

    async def remembers(self, edge: str, generation: int) -> bool:
        """See `Comparing.remembers`."""
        return not (edge and generation and self._server().forgetful)

    async def compare(self, edge: str, attenuation: Attenuation, generation: int) -> str:
        """See `Comparing.compare`."""
        found = self._server().powers.get(f"{self._mark}{edge}_{generation}", "")
        return "" if found == attenuation.describe() else f"it may do {found}, and was granted {attenuation.describe()}"

    async def close(self) -> None:
        """See `Driver.close`."""

    def _end(self, server: FakeServer, names: list[str]) -> None:
        for name in names:
            server.accounts.pop(name)
        server.sessions = {session for session in server.sessions if session.username not in names}

    def _accounts(self, server: FakeServer, edge: str) -> dict[str, int]:
        start = f"{self._mark}{edge}_"
        return {name: int(name.removeprefix(start)) for name in server.accounts if name.startswith(start)}

    def _server(self) -> FakeServer:
        server = FakeServer.named.get(self._owner.connection.text)
        if server is None or server.down:
            raise Unreachable("the fake server is down")
        if server.fail:
            server.fail -= 1
            raise Unreachable("the fake server was told to fail")
        return server

    @property
    def _mark(self) -> str:
        return f"{self._owner.tag}_"
