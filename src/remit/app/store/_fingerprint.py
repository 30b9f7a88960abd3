"""What an index function is, as a digest: the same for the same program, however it is laid out and whichever Python runs it.

Counted are the syntax of the function and of the program's own functions that it uses, and the plain constants that it reads. Not counted: names of
local files, comments, annotations, docstrings, and what other packages do.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import linecache
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any, Final

__all__ = ["fingerprint"]

_CONSTANTS: Final = (type(None), bool, int, float, str, bytes)
_LEFT_OUT: Final = frozenset({"ctx", "type_comment", "kind", "returns", "annotation", "type_params", "type_ignores"})


def fingerprint(function: Callable[..., Any]) -> str:
    """The digest, or "" where the function has no source to be seen (typed at a prompt, or not Python)."""
    parts = sorted(_parts(function, set()))
    if not parts or "" in parts:
        return ""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _parts(function: Any, seen: set[int]) -> Iterator[str]:
    """One text for the function, and one for each thing of the program's own that it uses."""
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType) or id(function) in seen:
        if id(function) not in seen:
            yield ""
        return
    seen.add(id(function))
    node = _node(function.__code__)
    yield "" if node is None else f"{_said(node)} {function.__defaults__!r} {function.__kwdefaults__!r}"
    for name, value in _used(function):
        if isinstance(value, _CONSTANTS):
            yield f"{name} = {value!r}"
        elif isinstance(value, FunctionType) and _package(value) == _package(function):
            yield from _parts(value, seen)


def _used(function: FunctionType) -> Iterator[tuple[str, Any]]:
    inside = inspect.getclosurevars(function)
    yield from inside.nonlocals.items()
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__ and not name.startswith("__"):
            yield name, function.__globals__[name]


def _names(code: CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _package(function: FunctionType) -> str:
    return function.__module__.partition(".")[0] if function.__module__ else ""


def _node(code: CodeType) -> ast.AST | None:
    """The function's own part of its source file."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return None
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:
        return None
    found = [node for node in ast.walk(tree) if _is_of(node, code)]
    if len(found) > 1:  # several lambdas in one line
        found = [
            node
            for node in found
            if _starts(code) in {(n.lineno, n.col_offset) for n in ast.walk(node) if isinstance(n, ast.expr)}
        ]
    return found[0] if len(found) == 1 else None


def _is_of(node: ast.AST, code: CodeType) -> bool:
    if isinstance(node, ast.Lambda):
        return code.co_name == "<lambda>" and node.lineno == code.co_firstlineno
    if isinstance(node, ast.FunctionDef):
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        return node.name == code.co_name and first == code.co_firstlineno
    return False


def _starts(code: CodeType) -> tuple[int, int]:
    """Where the first expression of a lambda stands that has a place of its own."""
    for line, _, column, _ in code.co_positions():
        if line is not None and column is not None and (line, column) != (code.co_firstlineno, 0):
            return line, column
    return 0, 0


def _said(node: Any) -> str:
    """The syntax as text; the same on every version of Python, which `ast.dump` is not."""
    if isinstance(node, list):
        return f"[{' '.join(_said(each) for each in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    if isinstance(node, ast.JoinedStr):
        return f"(JoinedStr {_said(_joined(node.values))})"
    fields = [
        (name, value)
        for name, value in ast.iter_fields(node)
        if name not in _LEFT_OUT and value is not None and value != []
    ]
    if isinstance(node, ast.FunctionDef):
        fields = [
            (name, _without_docstring(value) if name == "body" else value)
            for name, value in fields
            if name not in ("name", "decorator_list")
        ]
    return f"({type(node).__name__} {' '.join(f'{name}={_said(value)}' for name, value in fields)})"


def _joined(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, with the texts between them in one piece each: Python 3.12 cuts them where others do not."""
    found: list[ast.expr] = []
    for each in values:
        last = found[-1] if found else None
        if isinstance(each, ast.Constant) and isinstance(last, ast.Constant):
            found[-1] = ast.Constant(f"{last.value!s}{each.value!s}")
        elif not (isinstance(each, ast.Constant) and each.value == ""):
            found.append(each)
    return found


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    if (
        len(body) > 1
        and isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:]
    return body
