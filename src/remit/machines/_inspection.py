"""What a machine finds when it is asked to look inside: accounts at its services, and the credentials laid out on it. Nothing is changed.

{"accounts": [{"offer", "edge", "what", "since", "text"}], "files": [{"name", "edge", "text"}], "leases": {edge: offer}, "laid": {name: edge}, "failures": [{"where", "error"}]}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from remit.errors import BadArgument, Broken
from remit.machines._accounts import is_accounts
from remit.machines._devices import device_now
from remit.machines._grant import Binding
from remit.vat import Ref, call

__all__ = ["check_inspection", "inspected"]

_MOST: Final = (
    20_000  # findings of one machine, and characters of each text: a machine fills no more of its boss than this
)
_PARTS: Final[dict[str, dict[str, type]]] = {
    "accounts": {"offer": str, "edge": str, "what": str, "since": float, "text": str},
    "files": {"name": str, "edge": str, "text": str},
    "failures": {"where": str, "error": str},
}


async def inspected(services: Mapping[str, Ref[Any]], bound: Mapping[str, Binding]) -> dict[str, Any]:
    """Look at the services with accounts that a hob offers, and at what is laid out for its bindings; from inside a turn of the hob."""
    laid: dict[str, str] = await device_now("layout").held()
    found: dict[str, Any] = {"accounts": [], "files": [], "leases": {}, "laid": dict(laid), "failures": []}
    for name, service in sorted(services.items()):
        if not is_accounts(service):
            continue
        found["leases"] |= dict.fromkeys(call(service).edges(), name)
        try:
            found["accounts"] += [{"offer": name, **each} for each in await service.inspect()]
        except Broken as error:
            found["failures"].append({"where": name, "error": error.message})
    for name, edge in sorted(laid.items()):
        if name in bound and bound[name].id == edge:
            found["files"] += await _files(name, edge, bound[name].ref, found["failures"])
        else:
            found["files"].append({"name": name, "edge": edge, "text": "is laid out, and not bound"})
    return found


async def _files(name: str, edge: str, ref: Ref[Any], failures: list[dict[str, str]]) -> list[dict[str, str]]:
    """What differs from the credential as its provider has it."""
    try:
        text = await device_now("layout").differs(name, edge, await ref.layout())
    except Broken as error:
        failures.append({"where": f"bindings/{name}", "error": error.message})
        return []
    return [{"name": name, "edge": edge, "text": text}] if text else []


def check_inspection(found: object) -> dict[str, Any]:
    """Refuse what is no answer of `inspected`: it comes from a machine."""
    if not isinstance(found, dict):
        raise BadArgument("this is not what a machine finds when it looks inside")
    for part in ("leases", "laid"):
        names = found.get(part)
        if (
            not isinstance(names, dict)
            or len(names) > _MOST
            or not all(type(each) is str for pair in names.items() for each in pair)
        ):
            raise BadArgument(f"a machine's {part} are names")
    for part, keys in _PARTS.items():
        rows = found.get(part)
        if not isinstance(rows, list) or len(rows) > _MOST or not all(_fits(row, keys) for row in rows):
            raise BadArgument(f"a machine's {part} have {', '.join(keys)}")
    return found


def _fits(row: object, keys: Mapping[str, type]) -> bool:
    return isinstance(row, dict) and all(
        type(row.get(key)) is kind and (kind is not str or len(row[key]) <= _MOST) for key, kind in keys.items()
    )
