"""The records of the gatekeeper's vocabulary, as values. (Syndicate Protocol, Gatekeeper.)"""

from __future__ import annotations

from typing import Any, Final

from remit.dataspace.syndicate._view import fields_of, rec
from remit.values import Symbol, printable

__all__ = ["ACCEPTED", "OK", "accepted", "answer_of", "bind_step", "failed_text", "rejected", "resolve"]

ACCEPTED: Final = "accepted"
"""The dialect up to the middle of 2025, which syndicate-py speaks: `<accepted #:cap>`, `<rejected detail>`."""
OK: Final = "ok"
"""The dialect since: `<ok #:cap>`, `<error detail>`."""


def resolve(step: Any, observer: Any) -> Any:
    """`<resolve step #:observer>`: the wish that the capability of a step be asserted to the observer."""
    return rec("resolve", step, observer)


def bind_step(step: Any, target: Any, observer: Any = False) -> Any:
    """`<bind step #:target observer>`: what a bindspace knows a target by. Not the `bind` of patterns."""
    return rec("bind", step, target, observer)


def accepted(dialect: str, cap: Any) -> Any:
    """The good answer."""
    return rec("accepted" if dialect == ACCEPTED else "ok", cap)


def rejected(dialect: str, detail: Any) -> Any:
    """The bad answer."""
    return rec("rejected" if dialect == ACCEPTED else "error", detail)


def answer_of(value: Any) -> tuple[bool, Any] | None:
    """What an answer of either dialect says: whether it is good, and the capability or the detail; None for what is no answer."""
    for label, good in (("accepted", True), ("ok", True), ("rejected", False), ("error", False)):
        fields = fields_of(value, label, 1)
        if fields is not None:
            return good, fields[0]
    return None


def failed_text(detail: Any) -> str:
    """The detail of a bad answer in words."""
    return detail.name if type(detail) is Symbol else printable(str(detail)[:300])
