"""Which modules a module imports, read from its source: nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["Import", "imports_of"]

_CAUGHT: Final = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Import(NamedTuple):
    """A name that is imported. `attribute`: of `from name import attribute`, which may be a module, too; "" and "*" are none.

    `needed`: that the module cannot do without it: it is imported when the module is executed, whatever happens. `eager`: it may be imported then.
    """

    name: str
    attribute: str
    needed: bool
    eager: bool


def imports_of(tree: ast.Module, module: str, package: bool) -> list[Import]:
    """All imports of a module, with what is imported only in functions, under conditions, or by a name in a string."""
    finder = _Finder(module if package else module.rpartition(".")[0])
    finder.visit(tree)
    return finder.found


class _Finder(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self.package = package
        self.found: list[Import] = []
        self._needed = True
        self._eager = True

    def visit_Import(self, node: ast.Import) -> None:  # the names are ast's
        for alias in node.names:
            self._note(alias.name, "")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        name = node.module or ""
        if node.level:
            parts = self.package.split(".") if self.package else []
            if len(parts) < node.level:
                return  # out of the top: it raises where it is executed, and says why
            base = ".".join(parts[: len(parts) - node.level + 1])
            name = f"{base}.{name}" if name else base
        for alias in node.names:
            self._note(name, alias.name)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
        if name in ("__import__", "import_module") and node.args:
            wanted = node.args[0]
            if isinstance(wanted, ast.Constant) and isinstance(wanted.value, str) and wanted.value[:1].isidentifier():
                self.found.append(Import(wanted.value, "", False, self._eager))
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._inside(ast.iter_child_nodes(node), needed=False, eager=False)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._inside(ast.iter_child_nodes(node), needed=False, eager=False)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inside(ast.iter_child_nodes(node), needed=False, eager=False)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self._inside(iter(node.orelse))
        elif ast.unparse(node.test) in ("__name__ == '__main__'", "'__main__' == __name__"):
            self._inside(iter((*node.body, *node.orelse)), needed=False, eager=False)
        else:
            self._inside(ast.iter_child_nodes(node), needed=False)

    def visit_Try(self, node: ast.Try) -> None:
        self._try(node)

    def visit_TryStar(self, node: ast.TryStar) -> None:
        self._try(node)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        caught = any(_catches(handler.type) for handler in node.handlers)
        self._inside(iter(node.body), needed=not caught)
        self._inside(iter((*node.handlers, *node.orelse, *node.finalbody)), needed=not caught)

    def _inside(self, nodes: Iterator[ast.AST], *, needed: bool = True, eager: bool = True) -> None:
        before = self._needed, self._eager
        self._needed, self._eager = before[0] and needed, before[1] and eager
        for node in nodes:
            self.visit(node)
        self._needed, self._eager = before

    def _note(self, name: str, attribute: str) -> None:
        self.found.append(Import(name, "" if attribute == "*" else attribute, self._needed, self._eager))


def _catches(kind: ast.expr | None) -> bool:
    if kind is None:
        return True
    return any(ast.unparse(each) in _CAUGHT for each in (kind.elts if isinstance(kind, ast.Tuple) else [kind]))
