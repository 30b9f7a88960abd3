"""What a supervisor says to a server that it starts, in its environment: roles, addresses, and who may use it from its first moment.

REMIT_SERVER_ID         who it is: what the rest is said to; a server of another id in the same process is not meant
REMIT_SERVER_ROLES, REMIT_SERVER_LISTEN, REMIT_SERVER_ANNOUNCE      separated by spaces
REMIT_SERVER_AUTHORIZE  {"console": ["shutdown"]}: ids, and the parts that are granted to the keys that have them
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Final

from remit.errors import LinkLost, Missing, RemitError
from remit.net import designator_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from remit.ensemble._home import Home
    from remit.ensemble._ids import ServerId
    from remit.ensemble._server import Server

__all__ = ["Told", "authorize_beforehand", "told_to"]

_log = logging.getLogger("remit.ensemble")
_AGAIN: Final = 1.0  # seconds between two look-ups of a server that is to be authorised and has not come yet
_AGAIN_LATER: Final = 30.0


class Told:
    """What this server was told; all empty where nobody has told it anything."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.roles = environment.get("REMIT_SERVER_ROLES", "").split()
        self.listen = environment.get("REMIT_SERVER_LISTEN", "").split()
        self.announce = environment.get("REMIT_SERVER_ANNOUNCE", "").split()
        self.authorize: dict[str, list[str]] = json.loads(environment.get("REMIT_SERVER_AUTHORIZE", "{}"))

    def roles_with(self, roles: Iterable[str]) -> list[str]:
        """Its own roles, and those that its supervisor gives it."""
        return list(dict.fromkeys([*roles, *self.roles]))


def told_to(home: Home, id: ServerId, environment: Mapping[str, str]) -> Told:
    """What the server of this id was told."""
    said = environment.get("REMIT_SERVER_ID")
    return Told(environment if said and home.id_of(said) == id else {})


async def authorize_beforehand(server: Server, wanted: Mapping[str, list[str]]) -> None:
    """Grant these parts to the keys of these servers, as soon as each is known; until all are, or cancelled.

    It is the word of the server's own user: where there is an administrators' key it is not enough, and that is said in the log.
    """
    left, pause = dict(wanted), _AGAIN
    while left:
        for id, parts in list(left.items()):
            try:
                entry = await server.directory.find(server.home.id_of(id))
                giver = await (await server.control.part("admin"))
                await giver.authorize(designator_of(entry.key), id, parts)
            except (Missing, LinkLost):  # it has not come yet
                continue
            except RemitError as error:
                _log.warning("%s: %s is not authorised beforehand: %s", server.id, id, error)
            del left[id]
        if left:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _AGAIN_LATER)
