"""Dataspaces: places where assertions are published, observed and withdrawn, and objects' conversations there.

Imports `errors`, `values` and `vat`; pure as they are. Start with `_space.py` (the heart), then `_index.py` (who hears of what), `_talk.py`
(what objects use) and `_conversation.py` (how it reaches the dataspace).
"""

from remit.dataspace._compiled import Compiled, compiled
from remit.dataspace._dataspace import Dataspace, Party
from remit.dataspace._facet import Facet
from remit.dataspace._flow import Variable, dataflow, variable
from remit.dataspace._looks import AssertionView, Debt, ObserverView, PartyView, Trace
from remit.dataspace._pace import Slow
from remit.dataspace._pattern import ANY, Bind, Discard, Group, Lit, Observe, bind, interest, pattern
from remit.dataspace._published import Published
from remit.dataspace._talk import (
    complete,
    during,
    facet,
    join,
    message,
    on_asserted,
    on_message,
    on_retracted,
    once,
    publish,
    state,
    sync,
    this_facet,
)

KINDS: tuple[type, ...] = (Dataspace, Party)
"""The classes to hand to a durable vat that holds such objects in fields. What was asserted is not kept: see `Dataspace`."""

__all__ = [
    "ANY",
    "KINDS",
    "AssertionView",
    "Bind",
    "Compiled",
    "Dataspace",
    "Debt",
    "Discard",
    "Facet",
    "Group",
    "Lit",
    "Observe",
    "ObserverView",
    "Party",
    "PartyView",
    "Published",
    "Slow",
    "Trace",
    "Variable",
    "bind",
    "compiled",
    "complete",
    "dataflow",
    "during",
    "facet",
    "interest",
    "join",
    "message",
    "on_asserted",
    "on_message",
    "on_retracted",
    "once",
    "pattern",
    "publish",
    "state",
    "sync",
    "this_facet",
    "variable",
]
