"""The pages of the manual: links that lead somewhere, and decisions that can be found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.source import SRC, TOP

PAGES = [*sorted(TOP.glob("*.md")), *sorted((TOP / "docs").rglob("*.md")), *sorted((TOP / "examples").rglob("*.md"))]
LINK = re.compile(r"\]\((?!\w+:|#)(?P<target>[^)#\s]+)(?:#[\w-]*)?\)")
PATH = re.compile(r"\bdocs/[\w./-]+\.md\b")
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
DECISIONS = TOP / "docs" / "decisions"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_links_lead_to_files(page: Path) -> None:
    """Every relative link of a page names a file of the checkout."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    gone = [match["target"] for match in LINK.finditer(text) if not (page.parent / match["target"]).exists()]
    assert gone == []


def test_pages_named_in_the_source_exist() -> None:
    """Where a comment sends a reader to docs/, the page is there."""
    named = {(path, name) for path in SRC.rglob("*.py") for name in PATH.findall(path.read_text(encoding="utf-8"))}
    gone = [f"{path.relative_to(TOP)}: {name}" for path, name in sorted(named) if not (TOP / name).exists()]
    assert gone == []


def test_decisions_are_numbered_and_listed() -> None:
    """Each page in docs/decisions has a number of its own and a line in the index."""
    pages = [path.name for path in sorted(DECISIONS.glob("*.md")) if path.name != "README.md"]
    assert [name for name in pages if not re.match(r"\d{3}-[a-z0-9-]+\.md$", name)] == []
    numbers = [name[:3] for name in pages]
    assert len(set(numbers)) == len(numbers)
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    assert [name for name in pages if f"({name})" not in index] == []


@pytest.mark.parametrize(("page", "letter"), [("ensembles.md", "E"), ("applications.md", "A")])
def test_numbered_defects_are_held_by_tests(page: str, letter: str) -> None:
    """Each defect of others that a page numbers has a test that carries the number, unless the page says that it is open."""
    rows = re.findall(rf"^\| ({letter}\d+) \|(.*)$", (TOP / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    text = "\n".join(path.read_text(encoding="utf-8") for path in (TOP / "tests").rglob("*.py"))
    held = set(re.findall(rf"\b{letter}\d+\b", text))
    assert len(rows) > 20
    assert [number for number, row in rows if "(open)" not in row and number not in held] == []
