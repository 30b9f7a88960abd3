"""Pictures of who holds what: of what is declared, what there is, and what a plan changes. Pure: text in, text out."""

from __future__ import annotations

from remit.graph.picture._languages import as_data, dot, mermaid
from remit.graph.picture._model import CHANGED, GAINED, LOST, Box, Hold, Picture, Service, picture
from remit.graph.picture._svg import svg
from remit.graph.picture._text import text

__all__ = [
    "CHANGED",
    "GAINED",
    "LOST",
    "Box",
    "Hold",
    "Picture",
    "Service",
    "as_data",
    "dot",
    "mermaid",
    "picture",
    "svg",
    "text",
]
