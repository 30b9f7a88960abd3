"""What a server says of code that was loaded into it."""

from __future__ import annotations

from typing import Any

from remit.values import record

__all__ = ["Loaded", "Version"]


@record("remit.loaded")
class Loaded:
    """What loading has come to. `digest`: of the bundle, in hexadecimal, "" for a module of the server's own path.

    `already`: it was there, and nothing was done. `executed`: modules that were; `differ`: modules that the server has of its own, in another form than the bundle, and
    that were left; `stale`: modules loaded before that still use what was replaced: load them, too. `upgraded`: living objects that are of the newer classes now, by kind;
    `kept`: those whose kind the newer code does not have.
    """

    module: str
    digest: str
    already: bool
    executed: list[Any]
    differ: list[Any]
    stale: list[Any]
    upgraded: dict[str, Any]
    kept: dict[str, Any]


@record("remit.code-version")
class Version:
    """One version of a loaded module: `who` had it loaded, `signer` is the key (as a designator) that signed it, `when` in seconds since the epoch.

    `skipped`: why the running one is not loaded when the server starts, "" where it is.
    """

    module: str
    digest: str
    who: str
    signer: str
    when: float
    running: bool
    skipped: str
