"""The driver `tcp`: no account, but a way. An edge to such a service is a tunnel to one place, which the machine keeps open or cuts."""

from __future__ import annotations

from typing import Final

from remit.credentials._credential import TUNNEL, Credential
from remit.credentials._driver import Description, Held, check_attenuation
from remit.credentials._owner import Owner, check_edge
from remit.credentials._place import Place
from remit.errors import BadArgument
from remit.lib import Attenuation
from remit.net import End

__all__ = ["Tcp"]

_DESCRIPTION: Final = Description("tcp", "tcp", ("bytes", "connections", "until"), (), "a tunnel to one place")


class Tcp:
    """The driver `tcp`. Its "connection" is the place of the server, which is no secret. Option beside it: `type`, as grantees are told ("tcp").

    What is open is the machine's (`Exits`); this knows which edges there are, until the agent is started anew and grants them again.
    """

    kind = "tcp"

    def __init__(self, owner: Owner) -> None:
        owner.check_options("type")
        self._type: str = owner.option("type", str, "tcp")
        self._text = owner.connection.text
        self._granted: dict[str, set[int]] = {}

    def describe(self) -> Description:
        """See `Driver.describe`."""
        return _DESCRIPTION

    @property
    def place(self) -> Place:
        """Where the server is."""
        return Place(self._text)

    async def check(self) -> None:
        """See `Driver.check`."""
        (await self.place.connect()).close()

    def through(self, credential: Credential) -> Credential:
        """See `Led.through`."""
        return credential

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """See `Led.connect`."""
        return await self.place.connect()

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        check_attenuation(_DESCRIPTION, attenuation)
        if type(generation) is not int or generation < 1:
            raise BadArgument("a generation is a whole number from 1 up")
        self._granted.setdefault(check_edge(edge), set()).add(generation)
        return Credential(self._type, {"provider": "remit", TUNNEL: "socket"}, {}, generation, until)

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`. All generations are one way."""
        held = self._granted.get(check_edge(edge))
        if held is not None:
            self._granted[edge] = {each for each in held if each >= below}

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        return self._granted.pop(check_edge(edge), None) is not None

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        return [Held(edge, sorted(generations)) for edge, generations in sorted(self._granted.items())]

    async def remembers(self, edge: str, generation: int) -> bool:
        """See `Comparing.remembers`. After a start of the agent it is asked for all edges again."""
        return bool(edge) and not generation  # never: generations begin with 1

    async def close(self) -> None:
        """See `Driver.close`."""
