"""The project's own source, as the house tests look at it: its modules, what they import, how long things are."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

TOP = Path(__file__).parents[2]
SRC = TOP / "src"


@dataclass(frozen=True)
class Import:
    """One module that another names: `from a.b import c` names `a.b`, or `a.b.c` where that is a module."""

    module: str
    name: str | None
    line: int


@dataclass(frozen=True)
class Module:
    """One file of the project."""

    path: Path

    @property
    def shown(self) -> str:
        """The path as people write it, from the top of the checkout."""
        return self.path.relative_to(TOP).as_posix()

    @property
    def name(self) -> str:
        """The dotted name, for files under src."""
        parts = self.path.relative_to(SRC).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def layer(self) -> str:
        """The layer that a module of remit belongs to; "" is the root package itself."""
        return [*self.name.split("."), ""][1]

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.shown)

    def imports(self) -> Iterator[Import]:
        """All of them: at the top, inside functions, and for types only."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, None, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    yield (
                        Import(whole, None, node.lineno) if is_module(whole) else Import(base, alias.name, node.lineno)
                    )

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".")
        if self.path.name != "__init__.py":
            package.pop()
        package = package[: len(package) - node.level + 1]
        return ".".join([*package, node.module] if node.module else package)


def is_module(name: str) -> bool:
    """Is this dotted name a module of remit?"""
    path = SRC.joinpath(*name.split("."))
    return name.startswith("remit.") and (path.with_suffix(".py").exists() or (path / "__init__.py").exists())


@cache
def modules() -> list[Module]:
    """Every module of remit, sorted by path."""
    return files("src/remit")


@cache
def files(*folders: str) -> list[Module]:
    """Every Python file in these folders, sorted by path."""
    return [Module(path) for folder in folders for path in sorted((TOP / folder).rglob("*.py"))]
