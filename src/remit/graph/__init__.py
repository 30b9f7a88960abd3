"""Who holds what, as data: edges and questions over them. Pure; imports values and lib only."""

from __future__ import annotations

from remit.graph._edge import Edge
from remit.graph._holding import Holder, edges_of, held_by, holders_of, select
from remit.lib import Attenuation

__all__ = ["Attenuation", "Edge", "Holder", "edges_of", "held_by", "holders_of", "select"]
