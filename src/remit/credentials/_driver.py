"""The driver: turns an edge to a service that does not speak CapTP into a real credential there, and takes it back.

    grant(edge) ──► 1 ──grant(edge, generation=2)──► 1 and 2 ──retire(edge, 2)──► 2 ──revoke(edge)──► nothing

All that a driver makes at its service carries the owner's tag and the edge's id, so that it is found again after any crash, and nothing else is
touched. There is no state beside the service's own: every step may be asked for again, and finishes what an earlier one has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from remit.credentials._credential import Credential
from remit.errors import BadArgument
from remit.lib import Attenuation
from remit.net import End
from remit.values import record

__all__ = ["Description", "Driver", "Held", "Led", "check_attenuation"]


@record("remit.credentials.description")
class Description:
    """What a kind of service is: the `interface` that its offers keep, the attenuations that it `supports` (fields of
    `remit.lib.Attenuation`), and the names that `methods` may have.

    `until` is enforced for every kind: what keeps the grants takes an edge back when its time has come.
    """

    kind: str
    interface: str
    supports: Sequence[str]
    methods: Sequence[str]
    text: str = ""


@record("remit.credentials.held")
class Held:
    """What exists at the service for one edge: the `generations` that can log in, the `sessions` that are open now, and when it was last
    `used` as far as the service knows (seconds since the epoch; None: it does not). No generations: it is half made or half gone.
    `spent` are the bytes that its tunnel has carried, where it has one.
    """

    edge: str
    generations: Sequence[int]
    sessions: int = 0
    used: float | None = None
    spent: int | None = None


class Driver(Protocol):
    """One service, seen by its owner. Made from an `Owner`; used by one task at a time or by several; ends with `close`.

    What cannot be done breaks: `Unreachable` where nothing was done and it may be tried again, `Uncertain` where the link was lost,
    `BadArgument` for what can never be done, `Refused` where the owner lacks the right, `Conflict` for what the service says otherwise.
    No error shows a secret.

    A driver may have two methods more, where grantees get to the service by a tunnel of this machine's: see `Led`.
    """

    def describe(self) -> Description:
        """What this kind of service is; asks nobody."""

    async def check(self) -> None:
        """Raise what stands in the way of making grants: the service cannot be reached, or the owner's rights do not suffice."""

    async def grant(
        self, edge: str, attenuation: Attenuation, *, until: float | None = None, generation: int = 1
    ) -> Credential:
        """Make the credential of this edge; the same each time, for the same generation. Another generation leaves the others as they are."""

    async def retire(self, edge: str, below: int) -> None:
        """End the generations below this one: their sessions are closed when it returns, and what they have made stays the edge's."""

    async def revoke(self, edge: str) -> bool:
        """End the edge: sessions are closed, what it has made stays with the service's owner, and nothing labelled with the edge is left.

        Whether there was anything.
        """

    async def observe(self) -> list[Held]:
        """What exists that carries our tag, by edge."""

    async def close(self) -> None:
        """Let go of the service. Grants stay."""


class Led(Protocol):
    """What a driver has besides where its service is reached by a tunnel."""

    def through(self, credential: Credential) -> Credential | None:
        """The credential as one writes it down who comes by a tunnel: with an entry `TUNNEL`, and `TUNNEL_HOST` and `TUNNEL_PORT` for the place that
        the grantee's machine fills in. None: there is no need of a tunnel.
        """

    async def connect(self, edge: str, attenuation: Attenuation) -> End:
        """A connection for one that has come by the tunnel of this edge. Raises `Unreachable`."""


class Comparing(Protocol):
    """What a driver may have besides: either, or both."""

    async def remembers(self, edge: str, generation: int) -> bool:
        """Whether the service has this account still, unless somebody has dropped it: False where it has forgotten it by itself, as some do at a restart. What
        was forgotten is granted again; what was dropped is told. Without this method: True.
        """

    async def compare(self, edge: str, attenuation: Attenuation, generation: int) -> str:
        """How what this account can do at the service differs from what it was granted, for people; "" if it does not."""


def check_attenuation(description: Description, attenuation: Attenuation) -> Attenuation:
    """The attenuation in normal form; raises `BadArgument` where this kind of service cannot enforce it. `read_only` becomes the method
    "read", where there is one.
    """
    checked = attenuation.checked()
    able = {*description.supports, "until"}
    unable = [kind for kind in checked.kinds() if kind not in able]
    if unable:
        raise BadArgument(
            f"{description.kind} cannot enforce {', '.join(unable)}; it supports: {', '.join(sorted(able))}"
        )
    for name in checked.methods or ():
        if name not in description.methods:
            raise BadArgument(f"{description.kind} knows no {name!r}: there are {', '.join(description.methods)}")
    if checked.read_only:
        narrowed = Attenuation(methods=["read"], prefix=checked.prefix, until=checked.until)
        checked = Attenuation(checked.methods, False, checked.prefix, None, checked.until).and_(narrowed)
    return checked
