"""Errors over HTTP: a status that others understand, and kind, words and id, so that a client of ours raises the same."""

from __future__ import annotations

from typing import Any, Final

from remit.errors import Broken

__all__ = ["error_of", "status_of", "written"]

_STATUS: Final = {
    "BadArgument": 422,
    "Missing": 404,
    "NoSuchMethod": 404,
    "Conflict": 409,
    "Refused": 403,
    "NotAllowed": 403,
    "Revoked": 403,
    "Expired": 403,
    "Unreachable": 503,
    "Uncertain": 504,
    "StoreFull": 507,
}


def status_of(error: Broken) -> int:
    """The status of an answer that carries this error (*HTTP Semantics*, RFC 9110, section 15): 500 for those that only a program knows."""
    return _STATUS.get(error.kind, 500)


def written(error: Broken) -> dict[str, Any]:
    """The error as JSON."""
    return {"error": {"kind": error.kind, "message": error.message, "id": error.id}}


def error_of(value: Any, status: int) -> Broken:
    """The error that an answer carries. Without one, it is some other server's, and the status is all that is known."""
    try:
        inside = value["error"]
        kind, message, id = inside["kind"], inside["message"], inside["id"]
        if {type(kind), type(message), type(id)} == {str}:
            return Broken.of(kind, message, id)
    except (TypeError, KeyError):
        pass
    return Broken.of(
        "Unreachable" if status in (502, 503) else "Uncertain",
        f"the server, or one before it, answered with status {status} and no error of ours",
    )
