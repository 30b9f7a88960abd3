"""Alarms: what an operator must look at, kept until somebody says that it is settled."""

from __future__ import annotations

from typing import Any

from remit.machines._names import missing
from remit.machines._records import Alarm
from remit.machines._views import alarm_view
from remit.vat import Ref, actor, current, field, tell, this

__all__ = ["Alarms"]

_MOST = 1000  # open alarms; one machine's later ones only repeat what the first says


@actor(kind="remit.machines.alarms", version=1)
class Alarms:
    """The boss's open alarms, by id. While a machine has one, it gets no new grants; what it has goes on working.

    `untold` are those of which the device `herald`, where there is one, has not said yet that they were heard.
    """

    network: Ref[Any]
    open: dict[str, Alarm] = field(factory=dict)
    untold: dict[str, bool] | None = None

    async def ring(self, machine: str, what: str, known: str, other: str) -> None:
        """Keep an alarm, unless the same one is open already; it is kept when this has answered."""
        at = await self.network.now()
        id = await self.network.token()
        same = (
            alarm for alarm in self.open.values() if (alarm.machine, alarm.what, alarm.other) == (machine, what, other)
        )
        if next(same, None) is None and len(self.open) < _MOST:
            alarm = self.open[id[:12]] = Alarm(id[:12], at, machine, what, known, other)
            if _herald() is not None:
                self.untold = {**(self.untold or {}), alarm.id: True}
                tell(this()).announce(alarm.id)

    async def announce(self, id: str) -> None:
        """Have an open alarm told to whoever should look at it."""
        herald, alarm = _herald(), self.open.get(id)
        if herald is not None and alarm is not None:
            await herald.announce(alarm_view(alarm, told=False))
        self.untold = {each: True for each in self.untold or {} if each != id}

    def resume(self) -> None:
        """After a start of the boss's process: what was not heard yet is told again."""
        for id in self.untold or {}:
            tell(this()).announce(id)

    def of(self, machine: str) -> list[Alarm]:
        """The open alarms of this machine."""
        return [alarm for alarm in self.open.values() if alarm.machine == machine]

    def by_machine(self) -> dict[str, list[str]]:
        """The ids of the open alarms of each machine that has any, oldest first."""
        found: dict[str, list[str]] = {}
        for alarm in self.every():
            found.setdefault(alarm.machine, []).append(alarm.id)
        return found

    def views(self) -> list[dict[str, Any]]:
        """All open alarms as they are shown, oldest first."""
        return [alarm_view(alarm, alarm.id not in (self.untold or {})) for alarm in self.every()]

    def every(self) -> list[Alarm]:
        """All open alarms, oldest first."""
        return sorted(self.open.values(), key=lambda alarm: (alarm.at, alarm.id))

    def clear(self, what: str) -> list[Alarm]:
        """Settle an alarm by its id, or all of a machine by its name; gives those that were open. `Missing` if there is none."""
        found = [alarm for alarm in self.open.values() if what in (alarm.id, alarm.machine)]
        if not found:
            known = {name for alarm in self.open.values() for name in (alarm.id, alarm.machine)}
            raise missing("open alarm", what, known)
        for alarm in found:
            del self.open[alarm.id]
        return found

    def rename(self, old: str, new: str) -> None:
        """A machine has another name now."""
        for alarm in self.of(old):
            self.open[alarm.id] = alarm.__replace__(machine=new)  # type: ignore[attr-defined]  # @record adds it

    def drop(self, machine: str) -> None:
        """Forget the alarms of a machine that is gone."""
        for alarm in self.of(machine):
            del self.open[alarm.id]


def _herald() -> Ref[Any] | None:
    return current("the device herald").vat.devices.get("herald")
