"""All targets by name, and what part of the inputs each gets."""

from __future__ import annotations

from typing import Final

from fuzz import codec, config, hello, preserves, schema, session, store, syndicate, websocket
from fuzz._target import Target

__all__ = ["TARGETS", "shares"]

TARGETS: Final[dict[str, Target]] = {
    target.name: target
    for module in (codec, preserves, hello, websocket, session, store, config, schema, syndicate)
    for target in module.TARGETS
}


def shares(inputs: int, names: list[str]) -> dict[str, int]:
    """How many inputs each of these targets gets, at least one."""
    whole = sum(TARGETS[name].share for name in names)
    return {name: max(1, inputs * TARGETS[name].share // whole) for name in names}
