"""Applications: one program that describes a distributed system, and runs as any part of it.

Start with `_component.py` (what is passed to a component is an edge), `_graph.py` (the edges as data), `_held.py` and `_gate.py` (both ends of a call),
`targets/` (where it runs). `components/` has the kinds of components, `store/` what keeps values.
"""

from remit.app._app import App
from remit.app._component import Component, own
from remit.app._epoch import assert_build, assert_not_startup, assert_runtime, assert_startup, epoch
from remit.app._graph import AppEdge, AppGraph, AppNode, compute, graph_schema
from remit.app._held import Caller, Held, Wiring
from remit.app._ids import Id, physical_name
from remit.app._interface import Interface, exposed
from remit.app._load import load_program
from remit.app._persona import Host, Persona
from remit.app._twice import graph_of, read_program
from remit.app.components import ApiServer, CliCommand, Failed, Guest, Job, Queue, Size, Store, Taken, Worker, endpoint

__all__ = [
    "ApiServer",
    "App",
    "AppEdge",
    "AppGraph",
    "AppNode",
    "Caller",
    "CliCommand",
    "Component",
    "Failed",
    "Guest",
    "Held",
    "Host",
    "Id",
    "Interface",
    "Job",
    "Persona",
    "Queue",
    "Size",
    "Store",
    "Taken",
    "Wiring",
    "Worker",
    "assert_build",
    "assert_not_startup",
    "assert_runtime",
    "assert_startup",
    "compute",
    "endpoint",
    "epoch",
    "exposed",
    "graph_of",
    "graph_schema",
    "load_program",
    "own",
    "physical_name",
    "read_program",
]
