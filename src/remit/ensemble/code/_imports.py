"""Which modules a module imports, read from its source: nothing is executed."""

from __future__ import annotations

import ast
import bisect
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

__all__ = ["Import", "imports_of", "outline"]

_CAUGHT: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})

_TOP: Final = re.compile(rb"^(?:def|async def|class|@)[ \w][^\n]*\n(?:(?:[ \t#)\]}][^\n]*)?\n)*", re.MULTILINE)
"""A function, class or decorator at the beginning of a line, with what is indented below it."""


class Import(NamedTuple):
    """A name that is imported. `attribute`: of `from name import attribute`, which may be a module, too; "" and "*" are none.

    `needed`: that the module cannot do without it: it is imported when the module is executed, whatever happens. `eager`: it may be imported then.
    """

    name: str
    attribute: str
    needed: bool
    eager: bool


def imports_of(tree: ast.Module, source: bytes, module: str, package: bool) -> list[Import]:
    """All imports of a module, with what is imported only in functions, under conditions, or by a name in a string."""
    walk = _Walk(source, module if package else module.rpartition(".")[0])
    walk.inside(tree.body, needed=True, eager=True)
    if b"__import__" in source or b"import_module" in source:
        walk.found.extend(_named(tree))
    return walk.found


class _Walk:
    """Goes through statements, and not into expressions, which are most of a tree. What has no line with the word is not looked into."""

    def __init__(self, source: bytes, package: str) -> None:
        self.package = package
        self.found: list[Import] = []
        self._lines = list(_lines_with(b"import", source))

    def inside(
        self, body: Iterable[ast.stmt | ast.ExceptHandler | ast.match_case], *, needed: bool, eager: bool
    ) -> None:
        """The statements of one block."""
        for node in body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._note(alias.name, "", needed, eager)
            elif isinstance(node, ast.ImportFrom):
                name = self._absolute(node)
                for alias in node.names if name else ():
                    self._note(name, alias.name, needed, eager)
            elif not isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.Return) and self._spoken(node):
                self._compound(node, needed, eager)

    def _spoken(self, node: ast.AST) -> bool:
        """Whether there is the word `import` in the lines of a statement."""
        first = getattr(node, "lineno", 0)
        at = bisect.bisect_left(self._lines, first)
        return at < len(self._lines) and (not first or self._lines[at] <= (node.end_lineno or first))  # type: ignore[attr-defined]  # what has the one has the other

    def _compound(self, node: ast.AST, needed: bool, eager: bool) -> None:
        blocks = [getattr(node, name, []) for name in ("body", "handlers", "cases", "orelse", "finalbody")]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            needed = eager = False
        elif isinstance(node, ast.If):
            said = ast.unparse(node.test)
            if said in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
                blocks = [node.orelse]
            elif said in ("__name__ == '__main__'", "'__main__' == __name__"):
                eager = False
            needed = False
        elif isinstance(node, ast.Match) or (
            isinstance(node, ast.Try | ast.TryStar) and any(_catches(handler.type) for handler in node.handlers)
        ):
            needed = False
        for block in blocks:
            self.inside(block, needed=needed, eager=eager)

    def _absolute(self, node: ast.ImportFrom) -> str:
        """The whole name that something is imported from; "" where it leads out of the top, which raises where it is executed."""
        name = node.module or ""
        if not node.level:
            return name
        parts = self.package.split(".") if self.package else []
        if len(parts) < node.level:
            return ""
        base = ".".join(parts[: len(parts) - node.level + 1])
        return f"{base}.{name}" if name else base

    def _note(self, name: str, attribute: str, needed: bool, eager: bool) -> None:
        self.found.append(Import(name, "" if attribute == "*" else attribute, needed, eager))


def outline(source: bytes) -> bytes:
    """The source without top-level functions and classes in which nothing is imported: what is left is parsed in a fraction of the time.

    Where a string goes over lines in a way that may mislead this, the block stays; what it makes of a source may be no Python, though the source is.
    """
    kept = []
    at = 0
    for block in _TOP.finditer(source):
        text = block[0]
        if b"import" not in text and text.count(b'"""') % 2 == 0 and text.count(b"'''") % 2 == 0:
            kept.append(source[at : block.start()])
            at = block.end()
    return b"".join([*kept, source[at:]])


def _lines_with(word: bytes, source: bytes) -> Iterator[int]:
    """The numbers of the lines with this word in them."""
    line, before = 1, 0
    at = source.find(word)
    while at >= 0:
        line += source.count(b"\n", before, at)
        yield line
        before, at = at, source.find(word, at + 1)


def _named(tree: ast.Module) -> Iterator[Import]:
    """What is imported by a name in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called, wanted = node.func, node.args[0]
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            said = wanted.value if isinstance(wanted, ast.Constant) else None
            if (
                name in ("__import__", "import_module")
                and isinstance(said, str)
                and all(part.isidentifier() for part in said.split("."))
            ):
                yield Import(said, "", needed=False, eager=True)


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    return any(ast.unparse(each) in _CAUGHT for each in (kind.elts if isinstance(kind, ast.Tuple) else [kind]))
