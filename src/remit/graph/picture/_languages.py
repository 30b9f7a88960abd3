"""A picture in the languages of other programs: DOT for Graphviz, Mermaid, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from remit.graph.picture._model import CHANGED, GAINED, LOST, Hold, Picture

__all__ = ["COLOURS", "as_data", "dot", "mermaid"]

COLOURS: Final = {GAINED: "#1a7f37", LOST: "#cf222e", CHANGED: "#9a6700", "": "#57606a"}
"""Of what a plan gains, loses and changes, and of the rest: dark enough for text on white."""


def as_data(picture: Picture) -> dict[str, Any]:
    """The picture as data for JSON; fields keep their names, and new ones may come."""
    nodes = [{"id": row.id, "box": box.id, "note": row.note, "mark": row.mark} for box, row in picture.rows]
    links = [
        {
            "id": hold.id,
            "holder": hold.box,
            "service": hold.service,
            "attenuation": hold.words,
            "state": hold.state,
            "mark": hold.mark,
        }
        for hold in picture.holds
    ]
    return {"version": 1, "title": picture.title, "nodes": nodes, "links": links}


def dot(picture: Picture) -> str:
    """For Graphviz (The DOT Language): a cluster for each box."""
    return "\n".join(_dot(picture)) + "\n"


def _dot(picture: Picture) -> Iterator[str]:
    yield f"digraph {_quoted(picture.title)} {{"
    yield "  rankdir=LR;"
    yield '  node [shape=box, style="rounded", fontname="monospace", fontsize=11];'
    yield '  edge [fontname="monospace", fontsize=10];'
    for number, box in enumerate(picture.boxes):
        yield f"  subgraph cluster_{number} {{"
        yield f"    label={_quoted(box.note)}; fontname=monospace; fontsize=10; color={_quoted(COLOURS[box.mark])};"
        yield f"    {_quoted(box.id)} [label={_quoted(_marked(box.mark, box.id))}, style=bold, color={_quoted(COLOURS[box.mark])}];"
        for service in box.services:
            label = _marked(service.mark, service.name, service.note)
            yield f"    {_quoted(service.id)} [label={_quoted(label)}, color={_quoted(COLOURS[service.mark])}];"
        yield "  }"
    for hold in picture.holds:
        looks = f"color={_quoted(COLOURS[hold.mark])}, fontcolor={_quoted(COLOURS[hold.mark])}{', style=dashed' if hold.mark == LOST else ''}"
        yield f"  {_quoted(hold.box)} -> {_quoted(hold.service)} [label={_quoted(_label(hold))}, {looks}];"
    yield "}"


def mermaid(picture: Picture) -> str:
    """A flowchart for Mermaid, as GitHub shows it in Markdown."""
    return "\n".join(_mermaid(picture)) + "\n"


def _mermaid(picture: Picture) -> Iterator[str]:
    ids = {row.id: f"n{number}" for number, (_, row) in enumerate(picture.rows)}
    yield "flowchart LR"
    for number, box in enumerate(picture.boxes):
        yield f'  subgraph b{number}["{_entities(box.note)}"]'
        yield f'    {ids[box.id]}["{_entities(_marked(box.mark, box.id))}"]'
        for service in box.services:
            yield f'    {ids[service.id]}(["{_entities(_marked(service.mark, service.name, service.note))}"])'
        yield "  end"
    for hold in picture.holds:
        arrow = "-.->" if hold.mark == LOST else "-->"
        yield f'  {ids[hold.box]} {arrow}|"{_entities(_label(hold))}"| {ids[hold.service]}'
    for mark, colour in COLOURS.items():
        edges = [str(number) for number, hold in enumerate(picture.holds) if hold.mark == mark and mark]
        if edges:
            yield f"  linkStyle {','.join(edges)} stroke:{colour},color:{colour}"


def _label(hold: Hold) -> str:
    return _marked(hold.mark, f"{hold.name}: {hold.words}", hold.state)


def _marked(mark: str, *words: str) -> str:
    return " ".join(each for each in (mark, *words) if each)


def _quoted(words: str) -> str:
    """A quoted string of DOT. Backslashes begin escapes there, so they are doubled."""
    return json.dumps(words, ensure_ascii=False)


def _entities(words: str) -> str:
    """Inside quotes, all that means something to Mermaid or to HTML, by its number."""
    return "".join(letter if letter.isalnum() or letter in " -_.,:/()·+~" else f"#{ord(letter)};" for letter in words)
