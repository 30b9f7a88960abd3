"""Remit with the hooks of causal tracing taken out of its source: what being able to trace costs is the difference to this."""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType
from typing import Any

HOOKED = {
    f"remit.{name}" for name in ("vat._message", "vat._task", "vat._device", "captp._incoming", "captp._outgoing")
}
NAMES = {"trace", "tracer", "named"}


class Remover(ast.NodeTransformer):
    """Takes out each `if` that asks whether something is followed."""

    def __init__(self) -> None:
        self.removed = 0

    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        asked = {part.attr for part in ast.walk(node.test) if isinstance(part, ast.Attribute)}
        if asked & NAMES:
            self.removed += 1
            return ast.copy_location(ast.Pass(), node)
        return node


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles a module without its hooks; nothing of it is cached."""

    def get_code(self, fullname: str) -> CodeType:
        remover = Remover()
        tree = remover.visit(ast.parse(self.get_data(self.path)))
        if not remover.removed:
            raise ImportError(f"{fullname} has no hook that could be taken out")
        return compile(ast.fix_missing_locations(tree), self.path, "exec")


class Finder:
    """Finds the modules that have hooks, in their source."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in HOOKED:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None or found.origin is None or not found.origin.endswith(".py"):
            raise ImportError(f"{fullname} is compiled: its hooks cannot be taken out")
        return importlib.machinery.ModuleSpec(fullname, Loader(fullname, found.origin), origin=found.origin)


def install() -> None:
    """From now on modules are imported without their hooks; to be called before Remit is imported."""
    if HOOKED & set(sys.modules):
        raise RuntimeError("Remit is imported already")
    sys.meta_path.insert(0, Finder())
