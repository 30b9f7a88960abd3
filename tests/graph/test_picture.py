"""Pictures of graphs: what is shown, the same bytes every time, and nothing a name can break."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.graph import Actual, Graph, Link, Node, Plan, Seen
from remit.graph.picture import as_data, dot, mermaid, picture, svg, text
from remit.graph.picture._layout import lay_out
from remit.graph.picture._text import width_of
from remit.lib import Attenuation
from tests.graph.kit import Town, graph, link, machine, offer

READ = Attenuation(read_only=True)
PARTS = [
    *(
        machine("public"),
        offer("public/site", "web"),
        machine("api", "docker"),
        offer("api/main", "server"),
        machine("db"),
    ),
    *(offer("db/main", "postgres"), link("public/api", "api/main", Attenuation(methods=["get"], until=2e9))),
    *(link("api/db", "db/main", READ), link("db/site", "public/site"), link("public/db", "db/main")),
]
ALL = [lambda shown: text(shown), svg, dot, mermaid, lambda shown: json.dumps(as_data(shown))]


def changed() -> tuple[Graph, Actual, Plan]:
    """A plan that gains, loses and changes."""
    town = Town()
    town.up(graph(*PARTS))
    kept = [part for part in PARTS if part.id not in ("public/db", "api/db", "public/site", "db/site")]
    wanted = graph(*kept, link("api/db", "db/main"), machine("logs"), offer("logs/in"), link("db/logs", "logs/in"))
    return wanted, town.world.actual(), town.plan(wanted)


def test_a_terminal_shows_who_holds_what() -> None:
    """Box by box: what it holds, how much, what it offers, and who holds that."""
    assert text(picture(graph(*PARTS))) == (
        "  api  machine · docker\n"
        "  ├─ db   ─▶ db/main      read-only\n"
        "  └─● main  server\n"
        "        ◀─ public/api\n"
        "\n"
        "  db  machine · process\n"
        "  ├─ site ─▶ public/site  unrestricted\n"
        "  └─● main  postgres\n"
        "        ◀─ api/db, public/db\n"
        "\n"
        "  public  machine · process\n"
        "  ├─ api  ─▶ api/main     only get; until 2000000000\n"
        "  ├─ db   ─▶ db/main      unrestricted\n"
        "  └─● site  web\n"
        "        ◀─ db/site\n"
    )


def test_what_a_plan_changes_is_marked() -> None:
    """Gained, lost and changed, with what was before; what is removed is still shown. Not by colour alone."""
    shown = picture(*changed())
    lines = text(shown).splitlines()
    assert "~ ├─ db   ─▶ db/main      unrestricted (was read-only)" in [line.replace("db  ", "db  ") for line in lines]
    assert any(line.startswith("- └─● site") for line in lines) and any(line.startswith("+ logs") for line in lines)
    assert any(line.startswith("+ ├─ logs") for line in lines) and lines[-1] == "+ gained   - lost   ~ changed"
    marks = {hold.id: hold.mark for hold in shown.holds}
    assert marks == {"api/db": "~", "db/logs": "+", "db/site": "-", "public/api": "", "public/db": "-"}
    drawn = svg(shown)
    for colour in ("#1a7f37", "#cf222e", "#9a6700"):
        assert drawn.count(f'stroke="{colour}"') >= 1
    assert "stroke-dasharray" in drawn and "- public/db" not in drawn
    assert "linkStyle" in mermaid(shown) and "style=dashed" in dot(shown)


def test_states_are_shown_where_somebody_looked() -> None:
    """What is away, or is not there, says so."""
    things = [
        Seen(part, "shop", part.id, "away" if part.id == "api/db" else "up", "db is away")
        for part in PARTS
        if part.id != "public"
    ]
    shown = text(picture(graph(*PARTS), Actual(things)))
    assert "read-only [away: db is away]" in shown
    assert "public  machine · process · missing" in shown and "api  machine · docker · up" in shown


def test_a_terminal_of_80_columns_is_enough() -> None:
    """Long lists of methods and of holders go on below; only a name that is longer itself makes a line longer."""
    much = Attenuation(methods=[f"method_{number}" for number in range(20)], prefix="customers-of-the-north-", count=7)
    parts = [machine("db"), offer("db/main"), *(machine(f"reader-number-{number}") for number in range(12))]
    parts += [link(f"reader-number-{number}/database", "db/main", much) for number in range(12)]
    shown = text(picture(graph(*parts)))
    assert max(width_of(line) for line in shown.splitlines()) <= 80
    assert all(f"method_{number}" in shown for number in range(20))
    wide = text(
        picture(
            graph(
                machine("a" * 60),
                offer(f"{'a' * 60}/{'b' * 60}"),
                link(f"{'a' * 60}/c", f"{'a' * 60}/{'b' * 60}", much),
            )
        )
    )
    assert all(width_of(line) <= 80 or "a" * 60 in line for line in wide.splitlines())


@pytest.mark.parametrize("render", ALL)
def test_the_same_bytes_every_time(render: Any) -> None:
    """In whatever order the parts come."""
    wanted, actual, made = changed()
    expected = render(picture(wanted, actual, made))
    for seed in range(5):
        mixed = [list(parts) for parts in (wanted.nodes, wanted.links, actual.things)]
        for parts in mixed:
            random.Random(seed).shuffle(parts)
        again = picture(Graph(wanted.project, *mixed[:2]), Actual(mixed[2]), made)
        assert render(again) == expected


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=6, max_size=6))
def test_whatever_things_are_called_it_is_one_document(words: list[str]) -> None:
    """Names, kinds and methods of strangers: valid XML, JSON and lines, with no control character, no element and no attribute of theirs."""
    one, other, name, kind, provider, method = words
    nodes = [Node(one or "x", kind or "k", {"provider": provider}), Node(f"{other}/s", "offer", {"kind": kind})]
    shown = picture(
        Graph("shop", nodes, [Link(f"{one}/{name}", one or "x", f"{other}/s", Attenuation(methods=[method]))])
    )
    document = ET.fromstring(svg(shown))
    assert {element.tag.rpartition("}")[2] for element in document.iter()} <= {
        *("svg", "title", "defs", "marker", "path", "rect", "text", "circle", "line")
    }
    assert not {key for element in document.iter() for key in element.attrib if key.startswith("on") or "href" in key}
    json.dumps(as_data(shown)).encode()
    for lines in (text(shown), dot(shown), mermaid(shown)):
        lines.encode()
        assert not [letter for letter in lines if ord(letter) < 32 and letter != "\n"]
    left = re.sub(r'"(\\.|[^"\\])*"', "", dot(shown))
    assert not set(re.findall(r"\w+", left)) - DOT_WORDS - {f"cluster_{number}" for number in range(3)}
    left = re.sub(r'"[^"]*"', "", mermaid(shown))
    assert not [
        word for word in re.findall(r"\w+", left) if not re.fullmatch(r"flowchart|LR|subgraph|end|[nb]\d", word)
    ]


DOT_WORDS = {
    *(
        "digraph",
        "rankdir",
        "LR",
        "node",
        "edge",
        "shape",
        "box",
        "style",
        "bold",
        "fontname",
        "monospace",
        "fontsize",
        "10",
        "11",
    ),
    *("subgraph", "label", "color", "fontcolor", "dashed"),
}
NAMES = [f"m{number}" for number in range(9)]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25)


@settings(max_examples=80, deadline=None)
@given(PAIRS, st.lists(st.tuples(st.integers(50, 300), st.integers(30, 200)), min_size=9, max_size=9))
def test_boxes_never_overlap(pairs: list[tuple[str, str]], sizes: list[tuple[int, int]]) -> None:
    """Nor do edges that pass a column cross a box of it; all edges of a graph without circles lead to the right."""
    given_sizes = {name: (float(size[0]), float(size[1])) for name, size in zip(NAMES, sizes, strict=True)}
    placed = lay_out(given_sizes, pairs, 90.0)
    spans: dict[int, list[tuple[float, float]]] = {}
    for name, place in placed.boxes.items():
        spans.setdefault(place.column, []).append((place.y, place.y + given_sizes[name][1]))
        assert place.y + given_sizes[name][1] <= placed.height
        left, width = placed.columns[place.column]
        assert place.x == left and given_sizes[name][0] <= width
    for (one, other), heights in placed.passing.items():
        first, last = placed.boxes[one].column, placed.boxes[other].column
        assert first < last and len(heights) == last - first - 1
        for number, height in enumerate(heights, first + 1):
            spans.setdefault(number, []).append((height, height))
    for column in spans.values():
        ordered = sorted(column)
        assert all(one[1] <= other[0] for one, other in pairwise(ordered))
    falling = {pair for pair in pairs if pair[0] < pair[1]}
    assert set(lay_out(given_sizes, falling, 90.0).passing) == falling


def test_a_way_back_goes_round_all_boxes() -> None:
    """Circles and what a machine holds of itself are drawn below, and every link is drawn once."""
    shown = picture(graph(*PARTS, link("db/own", "db/main")))
    paths = [
        element
        for element in ET.fromstring(svg(shown)).iter()
        if element.tag.endswith("path") and "marker-end" in element.attrib
    ]
    assert len(paths) == len(shown.holds)
    assert len([path for path in paths if " Q" in path.attrib["d"]]) == 3


def test_nothing_is_drawn_too() -> None:
    """An empty graph has a picture in every form."""
    for render in ALL:
        assert isinstance(render(picture(Graph())), str)
    ET.fromstring(svg(picture(Graph())))


def test_boxes_of_a_column_are_as_wide() -> None:
    """So that no edge that leaves a narrow one runs behind a wide one."""
    much = Attenuation(methods=["a_very_long_name_of_a_method"])
    parts = [
        machine("wide"),
        machine("thin"),
        machine("db"),
        offer("db/main"),
        link("wide/db", "db/main", much),
        link("thin/db", "db/main"),
    ]
    boxes = [each.attrib for each in ET.fromstring(svg(picture(graph(*parts)))).iter() if each.attrib.get("rx") == "6"]
    assert len({(each["x"], each["width"]) for each in boxes}) == 2 and len(boxes) == 3
