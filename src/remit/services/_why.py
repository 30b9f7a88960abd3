"""Why a service is not up: the chain of what it waits for, down to the cause, with what to do next. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from remit.services._kernel_records import Device, Interface
from remit.services._model import NEEDS, Gate, Model, Service
from remit.services._records import Daemon, Milestone
from remit.values import Symbol, Tagged, as_record, key, record

__all__ = ["Reason", "explain", "named", "problem", "spelt"]


@record("remit.services.reason")
class Reason:
    """One link of the chain: the service, what is the case, and what can be done (only at the end of the chain)."""

    service: str
    text: str
    remedy: str = ""


def spelt(name: Any) -> str:
    """A name as people write it: `web` for a symbol or string, `<daemon web>` for a record."""
    if isinstance(name, Symbol):
        return name.name
    if isinstance(name, str):
        return name
    known: Any = as_record(name, Daemon, Milestone, Interface, Device)
    if isinstance(known, Interface | Device):
        return f'<interface "{known.name}">' if isinstance(known, Interface) else f'<device "{known.path}">'
    if known is not None:
        return f"<{known.__record_label__} {spelt(_inside(known))}>"
    if isinstance(name, Tagged) and isinstance(name.value, list):
        return f"<{' '.join([str(name.tag), *map(spelt, name.value)])}>"
    if isinstance(name, list | tuple):
        return f"[{' '.join(map(spelt, name))}]"
    if isinstance(name, bool):
        return "#t" if name else "#f"
    return repr(name)


def named(text: str, names: Iterable[Any]) -> list[Any]:
    """The names that people mean by this text: as it is spelt, or the inside of a daemon's or milestone's."""
    every = list(names)
    exact = [name for name in every if spelt(name) == text]
    return exact or [name for name in every if spelt(_inside(name)) == text]


def _inside(name: Any) -> Any:
    known: Any = as_record(name, Daemon, Milestone)
    return name if known is None else known.__record_values__()[0]


def near(name: Any, names: Iterable[Any]) -> str:
    """The nearest known names, as a question."""
    short = isinstance(name, str | Symbol)
    known = {spelt(_inside(each) if short else each) for each in names} - {spelt(name)}
    found = difflib.get_close_matches(spelt(name), sorted(known), 2)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def circle_text(way: Iterable[Service]) -> str:
    """A cycle in words."""
    names = [spelt(each.name) for each in way]
    return " -> ".join([*names, names[0]])


def problem(service: Service, model: Model) -> str:
    """Why it can never come up as things stand, "" where it can: a cycle, or a dependee that nobody provides."""
    if service.circle:
        return f"depends on itself: {circle_text(service.circle)}"
    for gate in service.after:
        if gate.kind == NEEDS and gate.shut() and not _offered(gate.dependee):
            return f"needs {spelt(gate.dependee.name)}, which nobody provides{_near(gate.dependee, model)}"
    return "" if _offered(service) or service.after else f"nobody provides it{_near(service, model)}"


def _offered(service: Service) -> bool:
    return bool(service.provided or service.states)


def _near(service: Service, model: Model) -> str:
    return near(service.name, (each.name for each in model.services.values() if _offered(each)))


def explain(name: Any, model: Model, details: Any = None) -> list[Reason]:
    """The chain for one service; one link that says so, if it is up.

    `details(name)` gives what its provider says of it: `{"text": …, "remedy": …}` or None.
    """
    chain: list[Reason] = []
    seen: set[Service] = set()
    service = model.services.get(key(name))
    if service is None:
        every = (each.name for each in model.services.values())
        return [
            Reason(spelt(name), f"nobody has spoken of it{near(name, every)}", "see what there is: remit service list")
        ]
    while True:
        text, remedy, after = _one(service, model, details)
        chain.append(Reason(spelt(service.name), text, remedy))
        if after is None or after in seen:
            return chain
        seen.add(service)
        service = after


def _one(service: Service, model: Model, details: Any) -> tuple[str, str, Service | None]:
    """What is the case, what to do, and on whom it depends."""
    name = spelt(service.name)
    said = (details(service.name) if details is not None else None) or {}
    if service.up and (service.runs or not service.wanted):
        return "is up", "", None
    if service.restarting:
        return "is being restarted, and has not stopped yet", "wait; whoever runs it stops when it should not run", None
    if service.held:
        return "is held by an operator", f"let it run: remit service start '{name}'", None
    if service.circle:
        return (
            f"depends on itself: {circle_text(service.circle)}",
            "take one of these dependencies out, or make it <weakly-depends-on …>",
            None,
        )
    if not service.wanted:
        return (
            "nobody wants it",
            f"want it: remit service start '{name}', or <require-service {name}> in its configuration",
            None,
        )
    waits = sorted((gate for gate in service.after if gate.shut()), key=_weight)
    if waits:
        gate = waits[0]
        more = f" (and {len(waits) - 1} more)" if len(waits) > 1 else ""
        late = "is not up in time: " if service.late else ""
        return f"{late}waits for {spelt(gate.dependee.name)} to be {spelt(gate.state)}{more}", "", gate.dependee
    if not _offered(service):
        return (
            f"nobody provides it{_near(service, model)}",
            "describe how it runs, or take out what depends on it",
            None,
        )
    if as_record(service.name, Interface, Device) is not None and not service.states:
        return (
            "is not there, or not up: the kernel tells of none such",
            "look at what there is: ip link, ls /sys/class",
            None,
        )
    states = ", ".join(sorted(spelt(each) for each in service.states.values())) or "not started"
    if service.failed and not said:
        said = {"text": "has failed", "remedy": f"look at its log: remit service logs '{name}'"}
    return (
        said.get("text") or f"should run, and is: {states}",
        said.get("remedy") or f"remit service logs '{name}'",
        None,
    )


def _weight(gate: Gate) -> tuple[int, str]:
    """The cause first: what has failed or cannot come, before what is on its way."""
    dependee = gate.dependee
    bad = dependee.held or bool(dependee.circle) or dependee.failed or not (_offered(dependee) or dependee.after)
    return (0 if bad else 1, spelt(dependee.name))
