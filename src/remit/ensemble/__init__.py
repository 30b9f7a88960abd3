"""Ensembles: long-running servers that find each other by id or role, and are managed from the command line.

    registry    knows whose an id is, and which servers are there now                    `_registry.py`, `_directory.py`
    server      a node with an id, roles, and a door for everybody in the ensemble       `_serve.py`, `_server.py`, `_door.py`
    control     what can be done with a server, part by part                             `_parts.py`; who may: `admin/`
    console     who looks servers up and asks them; commands are one                     `_console.py`

Names are loaded when they are used, so that a command that asks one question loads no stores.
"""

from __future__ import annotations

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from remit.ensemble._calls import calls_picture, joined
    from remit.ensemble._console import Console
    from remit.ensemble._cookie import make_cookie
    from remit.ensemble._home import Home
    from remit.ensemble._ids import ServerId
    from remit.ensemble._outcasts import Expelled
    from remit.ensemble._parts import PARTS
    from remit.ensemble._program import current_server, run_main, run_server
    from remit.ensemble._records import ServerEntry
    from remit.ensemble._registry import REGISTRY_CLASSES, Registry
    from remit.ensemble._run_registry import REGISTRY_ROOTS, OpenRegistry, run_registry
    from remit.ensemble._serve import serve
    from remit.ensemble._server import Server

_WHERE = {
    "PARTS": "_parts",
    "Console": "_console",
    "OpenRegistry": "_run_registry",
    "Expelled": "_outcasts",
    "Home": "_home",
    "REGISTRY_CLASSES": "_registry",
    "Registry": "_registry",
    "REGISTRY_ROOTS": "_run_registry",
    "Server": "_server",
    "ServerEntry": "_records",
    "ServerId": "_ids",
    "calls_picture": "_calls",
    "current_server": "_program",
    "joined": "_calls",
    "make_cookie": "_cookie",
    "run_main": "_program",
    "run_registry": "_run_registry",
    "run_server": "_program",
    "serve": "_serve",
}

__all__ = [
    "PARTS",
    "REGISTRY_CLASSES",
    "REGISTRY_ROOTS",
    "Console",
    "Expelled",
    "Home",
    "OpenRegistry",
    "Registry",
    "Server",
    "ServerEntry",
    "ServerId",
    "calls_picture",
    "current_server",
    "joined",
    "make_cookie",
    "run_main",
    "run_registry",
    "run_server",
    "serve",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(_importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found
