"""Remit: an object-capability platform for Python.

Layers, each importing only those to its right (a test keeps it so):
testing, cli, web, app, machines, ensemble, credentials, ledger, graph, services, dataspace, durable, net, captp, lib, vat,
values, errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import TypeVar as _TypeVar

from remit._lazy import lazily as _lazily

if _TYPE_CHECKING:
    import os

    from remit.errors import Broken, RemitError
    from remit.machines import LocalMachine
    from remit.values import NULL, Symbol, Tagged, compiled, key, passable, record, same
    from remit.vat import (
        Promise,
        Ref,
        Teller,
        Vat,
        actor,
        become,
        call,
        field,
        off_sever,
        on,
        on_sever,
        promise,
        reads,
        send,
        spawn,
        tell,
        this,
    )

_T = _TypeVar("_T")

__all__ = [
    "NULL",
    "Broken",
    "Promise",
    "Ref",
    "RemitError",
    "Symbol",
    "Tagged",
    "Vat",
    "actor",
    "become",
    "call",
    "compiled",
    "durably",
    "field",
    "key",
    "machine",
    "off_sever",
    "on",
    "on_sever",
    "passable",
    "promise",
    "reads",
    "record",
    "same",
    "send",
    "spawn",
    "tell",
    "this",
]


def durably(ref: Ref[_T]) -> Teller[_T]:
    """The reference as one to send to for certain; see `remit.durable.durably`."""
    from remit.durable import durably  # only durable vats pay for stores and the network

    return durably(ref)


def machine(hob: str | os.PathLike[str] | None = None) -> LocalMachine:
    """The machine that this program runs on: `async with remit.machine() as m: db = await m.get("db")`.

    `hob` is the machine's state directory or the `hob.ref` in it; without it `$REMIT_HOB` says which.
    """
    from remit.machines import LocalMachine  # only programs on machines pay for the network

    return LocalMachine(hob)


__getattr__ = _lazily(
    __name__,
    {
        "errors": "Broken RemitError",
        "values": "NULL Symbol Tagged compiled key passable record same",
        "vat": "Promise Ref Vat actor become call field off_sever on on_sever promise reads send spawn tell this",
    },
)
