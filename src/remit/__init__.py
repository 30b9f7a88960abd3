"""Remit: an object-capability platform for Python.

Layers, each importing only those to its right (a test keeps it so):
testing, cli, web, app, ensemble, machines, credentials, graph, services, dataspace, durable, net, captp, lib, vat,
values, errors.
"""

from __future__ import annotations

from remit.errors import Broken, RemitError
from remit.values import NULL, Symbol, Tagged, key, passable, record, same
from remit.vat import (
    Promise,
    Ref,
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
    "field",
    "key",
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
