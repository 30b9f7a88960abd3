"""Invitations: attenuated ways in to the boss, for people and jobs that should not have all of it.

Each is a membrane around the boss with the methods of its parts, a name, and an end. The boss keeps the membrane, which is the right to
take it back; the reference is given out once and kept nowhere here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from remit.errors import BadArgument, Conflict
from remit.lib import Attenuation, Membrane, membrane
from remit.machines._names import check_name, missing
from remit.values import SturdyRef, record
from remit.vat import Ref, actor, call, field, tell

__all__ = ["PARTS", "Guests", "Invitation"]

LOOKS: Final = ("show", "list_machines", "offers", "bindings")  # what every part that changes something has to see
SERVERS: Final = ("servers", "ping_server", "describe_server")  # the directory of servers, which tells and does nothing
PARTS: Final[dict[str, tuple[str, ...]]] = {
    "status": ("status", "glance", "burdens", "who_can", *LOOKS, *SERVERS),
    "logs": ("services", "why", "logs", "list_machines", "server_logs", *SERVERS),
    "services": ("service", "services", "why", "logs", "list_machines"),
    "inspect": ("inspect_server", *SERVERS),
    "supervise": ("supervise", "list_machines", *SERVERS),
    "control": ("server_part", "supervise", "inspect_server", "server_logs", *SERVERS),
    "trace": ("watch", "recall"),
    "alarms": ("status", "clear_alarm"),
    "bind": ("bind", "unbind", "revoke", "rotate", "who_can", *LOOKS),
    "offer": ("offer", "withdraw", *LOOKS),
    "plan": ("inventory",),
    "up": ("inventory", "planner"),
    "machines": ("make_machine", "start_machine", "destroy_machine", *LOOKS),
}
"""Parts of the boss's authority by name. Their methods answer with plain data only, so that nothing leads beyond them; what `planner` gives does the same."""


@record("remit.machines.invitation")
class Invitation:
    """One way in: who has it, which parts, since and until when (seconds since the epoch; None for no end), and the membrane that it goes through."""

    name: str
    parts: Sequence[str]
    created: float
    until: float | None
    membrane: Ref[Membrane]


@actor(kind="remit.machines.guests", version=1)
class Guests:
    """The boss's invitations by name. Owned by the boss, which alone holds it."""

    network: Ref[Any]
    invitations: dict[str, Invitation] = field(factory=dict)

    async def invite(self, boss: Ref[Any], name: str, parts: Sequence[str], until: float | None) -> SturdyRef:
        """Make a way in to these parts of the boss. `Conflict` for a name that has one; an invitation that is over makes room for another."""
        check_name("invitation", name)
        attenuation = Attenuation(methods=methods_of(parts), until=until).checked()
        now = await self.network.now()
        old = self.invitations.get(name)
        if old is not None and (old.until is None or now < old.until):
            raise Conflict(f"there is an invitation {name!r} already: take it back first, or choose another name")
        way = membrane(boss, attenuation, self.network)
        if name in self.invitations:
            self._end(name)
        self.invitations[name] = Invitation(name, sorted(set(parts)), now, until, way)
        made: SturdyRef = await self.network.sturdy(call(way).root(), holder=_holder(name), expires=until)
        return made

    def uninvite(self, name: str) -> None:
        """Take an invitation back: what its holder has fetched breaks at once."""
        if name not in self.invitations:
            raise missing("invitation", name, self.invitations)
        self._end(name)

    def end_all(self) -> list[str]:
        """Take all of them back; their names."""
        names = sorted(self.invitations)
        for name in names:
            self._end(name)
        return names

    def _end(self, name: str) -> None:
        invitation = self.invitations.pop(name)
        call(invitation.membrane).revoke(f"the invitation {name} has ended")
        tell(self.network).forget_holder(_holder(name))

    def every(self) -> list[dict[str, Any]]:
        """All invitations, by name, as they are shown: no reference is in it."""
        return [_view(self.invitations[name]) for name in sorted(self.invitations)]


def _holder(name: str) -> str:
    return f"invitation {name}"


def methods_of(parts: Sequence[str]) -> list[str]:
    """The boss's methods of these parts. Raises `BadArgument` for none, `Missing` for one that there is not."""
    if not isinstance(parts, list | tuple) or not parts:
        raise BadArgument(f"an invitation is to some parts of the boss: {', '.join(PARTS)}")
    for part in parts:
        if part not in PARTS:
            raise missing("part of the boss", str(part), PARTS)
    return sorted({method for part in parts for method in PARTS[part]})


def _view(invitation: Invitation) -> dict[str, Any]:
    return {
        "name": invitation.name,
        "parts": list(invitation.parts),
        "created": invitation.created,
        "until": invitation.until,
    }
