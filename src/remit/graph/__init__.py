"""Who holds what, as data: edges and questions over them; what is declared, and the planner from what there is to that. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily
from remit.lib import Attenuation

if _TYPE_CHECKING:
    from remit.graph._actual import GOING, HALF, Actual, Known, Seen
    from remit.graph._apply import Done, Journal, Late, Ledger, World, apply, check_same
    from remit.graph._authority import authority_changes, covers, difference
    from remit.graph._data import attenuation_of, canonical, data, digest
    from remit.graph._diff import plan
    from remit.graph._drift import Finding, adoption, drift, finding, only, orphans
    from remit.graph._edge import Edge
    from remit.graph._holding import Holder, edges_of, held_by, holders_of, select
    from remit.graph._model import Graph, Link, Node, Violation, below, levels, part_of
    from remit.graph._policy import Hook, check, check_policies
    from remit.graph._reach import Reach
    from remit.graph._steps import Authority, Kind, Plan, Step

__all__ = [
    "GOING",
    "HALF",
    "Actual",
    "Attenuation",
    "Authority",
    "Done",
    "Edge",
    "Finding",
    "Graph",
    "Holder",
    "Hook",
    "Journal",
    "Kind",
    "Known",
    "Late",
    "Ledger",
    "Link",
    "Node",
    "Plan",
    "Reach",
    "Seen",
    "Step",
    "Violation",
    "World",
    "adoption",
    "apply",
    "attenuation_of",
    "authority_changes",
    "below",
    "canonical",
    "check",
    "check_policies",
    "check_same",
    "covers",
    "data",
    "difference",
    "digest",
    "drift",
    "edges_of",
    "finding",
    "held_by",
    "holders_of",
    "levels",
    "only",
    "orphans",
    "part_of",
    "plan",
    "select",
]

__getattr__ = _lazily(
    __name__,
    {
        "_actual": "GOING HALF Actual Known Seen",
        "_apply": "Done Journal Late Ledger World apply check_same",
        "_authority": "authority_changes covers difference",
        "_data": "attenuation_of canonical data digest",
        "_diff": "plan",
        "_drift": "Finding adoption drift finding only orphans",
        "_edge": "Edge",
        "_holding": "Holder edges_of held_by holders_of select",
        "_model": "Graph Link Node Violation below levels part_of",
        "_policy": "Hook check check_policies",
        "_reach": "Reach",
        "_steps": "Authority Kind Plan Step",
    },
)
