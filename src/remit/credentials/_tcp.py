"""The driver `tcp`: no account, but a way. An edge to such a service is a tunnel to one place, which the machine keeps open or cuts."""

from __future__ import annotations

from typing import Final

from remit.credentials._credential import TUNNEL, Credential
from remit.credentials._driver import Description, check_attenuation
from remit.credentials._granted import Granted
from remit.credentials._owner import Owner
from remit.credentials._place import Place
from remit.lib import Attenuation
from remit.net import End

__all__ = ["Tcp"]

_DESCRIPTION: Final = Description("tcp", "tcp", ("bytes", "connections", "until"), (), "a tunnel to one place")


class Tcp(Granted):
    """The driver `tcp`. Its "connection" is the place of the server, which is no secret. Option beside it: `type`, as grantees are told ("tcp")."""

    kind = "tcp"

    def __init__(self, owner: Owner) -> None:
        owner.check_options("type")
        self._type: str = owner.option("type", str, "tcp")
        self._text = owner.connection.text
        super().__init__()

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

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """See `Led.connect`."""
        return await self.place.connect()

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """See `Driver.grant`."""
        check_attenuation(_DESCRIPTION, attenuation)
        self.note(edge, generation)
        return Credential(self._type, {"provider": "remit", TUNNEL: "socket"}, {}, generation, until)
