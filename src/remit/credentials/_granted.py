"""What drivers have in common whose service knows no accounts: an edge is a way that this machine keeps open or cuts."""

from __future__ import annotations

from remit.credentials._credential import Credential
from remit.credentials._driver import Held
from remit.credentials._owner import check_edge
from remit.errors import BadArgument

__all__ = ["Granted"]


class Granted:
    """Which edges there are, in memory: after a start of the agent they are granted again. What is open is the machine's (`Exits`)."""

    def __init__(self) -> None:
        self._generations: dict[str, set[int]] = {}

    def note(self, edge: str, generation: int) -> None:
        """A generation of an edge is granted."""
        if type(generation) is not int or generation < 1:
            raise BadArgument("a generation is a whole number from 1 up")
        self._generations.setdefault(check_edge(edge), set()).add(generation)

    def through(self, credential: Credential) -> Credential:
        """See `Led.through`: it is written so from the beginning."""
        return credential

    async def remembers(self, edge: str, generation: int) -> bool:
        """See `Comparing.remembers`: nobody but us can drop one."""
        return generation in self._generations.get(check_edge(edge), ())

    async def retire(self, edge: str, below: int) -> None:
        """See `Driver.retire`. All generations are one way."""
        held = self._generations.get(check_edge(edge))
        if held is not None:
            self._generations[edge] = {each for each in held if each >= below}

    async def revoke(self, edge: str) -> bool:
        """See `Driver.revoke`."""
        return self._generations.pop(check_edge(edge), None) is not None

    async def observe(self) -> list[Held]:
        """See `Driver.observe`."""
        return [Held(edge, sorted(generations)) for edge, generations in sorted(self._generations.items())]

    async def close(self) -> None:
        """See `Driver.close`."""
