"""A schema as a Python module: its classes with annotations that type checkers understand, and functions that parse and unparse."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Final

from remit.values._data import Symbol
from remit.values.preserves.schema._check import module_of, modules_of
from remit.values.preserves.schema._model import (
    ANY,
    Atom,
    DictOf,
    Embedding,
    Lit,
    Ref,
    SeqOf,
    SetOf,
)
from remit.values.preserves.schema._names import class_name, distinct
from remit.values.preserves.schema._plan import ClassPlan
from remit.values.preserves.schema._prs import prs_source
from remit.values.preserves.schema._schema import Definition, Schema

__all__ = ["python_source"]

_ATOMS: Final = {
    "Boolean": "bool",
    "Double": "float",
    "SignedInteger": "int",
    "String": "str",
    "ByteString": "bytes",
    "Symbol": "Symbol",
}
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def python_source(schema: Schema, *, known: bool = True) -> str:
    """The text of a module for this schema.

    `known`: decoding gives the `@record` classes, so their labels are no other class's; labels that the schema itself uses twice
    are left out of that. Modules that it refers to are imported from the same package.
    """
    return _Writer(schema, known).module()


class _Writer:
    def __init__(self, schema: Schema, known: bool) -> None:
        self.schema = schema
        labels = Counter(plan.label for plan in schema.plans)
        self.known = {label for label, count in labels.items() if known and count == 1}
        self.names: set[str] = set()  # of `typing` and others that are used

    def module(self) -> str:
        classes = [self._class(plan) for plan in self.schema.plans]
        aliases = [line for line in map(self._alias, self.schema.values()) if line]
        modules = sorted(modules_of({name: each.pattern for name, each in self.schema.items()}))
        words = distinct(_WORD.sub("_", name).lower() for name in self.schema)
        functions = [self._functions(each, word) for each, word in zip(self.schema.values(), words, strict=True)]
        head = [
            f'"""The vocabulary `{self.schema.name}`. Made by `remit schema compile`: change its schema and make it again."""',
            "from __future__ import annotations",
            self._imports(modules),
        ]
        body = [*classes, "\n".join([*aliases, "", self._load(modules)]).lstrip("\n"), *functions]
        return "\n\n".join(head) + "\n\n\n" + "\n\n".join(body)

    def _imports(self, modules: list[str]) -> str:
        groups = [
            "from collections.abc import Mapping" if "Mapping" in self.names else "",
            _from("typing", {"Any", "Final", *(self.names & {"Literal", "TypeAlias"})}),
            "",
            _from("remit.values", self.names & {"Symbol", "record"}) if self.names & {"Symbol", "record"} else "",
            _from("remit.values.preserves", {"schema", *(self.names & {"Set"})}),
            *[f"from .{path}import {name}" for path, name in map(_split, modules)],
        ]
        lines = [line for index, line in enumerate(groups) if line or index == 2]
        return "\n".join(lines)

    def _class(self, plan: ClassPlan) -> str:
        self.names.add("record" if plan.label is not None else "shape")
        known = "" if plan.label in self.known else ", known=False"
        decorator = "@schema.shape" if plan.label is None else f"@record({_quoted(plan.label)}{known})"
        definition = self.schema[plan.definition]
        what = (
            f"`{plan.variant}` of `{plan.definition}`." if plan.variant else definition.doc or f"`{plan.definition}`."
        )
        lines = [decorator, f"class {plan.name}:", *_doc(what)]
        fields = [f"    {field.name}: {self._type(field.pattern)}" for field in plan.fields]
        return "\n".join(lines + (["", *fields] if fields else [])) + "\n"

    def _alias(self, definition: Definition) -> str:
        """The type of a definition that has no class of its own."""
        alternatives = list(definition.alternatives.values())
        if len(alternatives) == 1 and alternatives[0].plan is not None:
            return ""
        self.names.add("TypeAlias")
        types = [each.plan.name if each.plan is not None else self._type(each.pattern) for each in alternatives]
        union = "Any" if "Any" in types else " | ".join(dict.fromkeys(types))
        return f"{class_name(definition.name)}: TypeAlias = {_quoted(union)}"

    def _load(self, modules: list[str]) -> str:
        lines = [f"TEXT: Final = {_long(prs_source(self.schema))}", "SCHEMA: Final = schema.load(", "    TEXT,"]
        lines.append(f"    name={_quoted(self.schema.name)},")
        if self.schema.plans:
            lines += ["    classes=[", *[f"        {plan.name}," for plan in self.schema.plans], "    ],"]
        if modules:
            lines.append("    using={")
            lines += [f"        {_quoted(name)}: {_split(name)[1]}.SCHEMA," for name in modules]
            lines.append("    },")
        return "\n".join([*lines, ")"]) + "\n"

    def _functions(self, definition: Definition, word: str) -> str:
        kind = class_name(definition.name)
        return "\n".join(
            [
                f"def parse_{word}(value: object) -> {kind}:",
                f'    """The value as `{definition.name}`. Raises `BadArgument` where it is none."""',
                f"    found: {kind} = SCHEMA[{_quoted(definition.name)}].parse(value)",
                "    return found",
                "",
                "",
                f"def unparse_{word}(typed: {kind}) -> Any:",
                f'    """The value of a `{definition.name}`. Raises `BadArgument` where a part does not fit."""',
                f"    return SCHEMA[{_quoted(definition.name)}].unparse(typed)",
                "",
            ]
        )

    def _type(self, pattern: Any) -> str:
        """The annotation for what a simple pattern gives."""
        if pattern == ANY or isinstance(pattern, Embedding):
            return "Any"
        if isinstance(pattern, Atom):
            return self._used(_ATOMS[pattern.kind.name])
        if isinstance(pattern, Lit):
            return self._literal(pattern.value)
        if isinstance(pattern, Ref):
            module = module_of(pattern, "")
            return f"{_split(module)[1]}.{class_name(pattern.name.name)}" if module else class_name(pattern.name.name)
        if isinstance(pattern, SeqOf):
            return f"list[{self._type(pattern.pattern)}]"
        if isinstance(pattern, SetOf):
            return self._used("Set")
        assert isinstance(pattern, DictOf)
        return f"{self._used('Mapping')}[{self._type(pattern.key)}, {self._type(pattern.value)}]"

    def _literal(self, value: object) -> str:
        if type(value) is Symbol:
            return self._used("Symbol")
        if value is None:
            return "None"
        if type(value) in (str, int, bool, bytes):
            return f"{self._used('Literal')}[{_quoted(value) if type(value) is str else repr(value)}]"
        return "float" if type(value) is float else "Any"

    def _used(self, name: str) -> str:
        self.names.add(name)
        return name


def _split(module: str) -> tuple[str, str]:
    """The package of a module of the schema, with a space after it, and the module's own name."""
    *package, name = module.split(".")
    return ".".join(package) + " ", name


def _from(module: str, names: set[str]) -> str:
    return f"from {module} import {', '.join(sorted(names))}"


def _quoted(text: object) -> str:
    """A string between double quotes, as people write them."""
    written = repr(text)
    return f'"{written[1:-1]}"' if written[0] == "'" and '"' not in written else written


def _doc(text: str) -> list[str]:
    """A docstring."""
    plain = text.replace("\\", "\\\\").replace('"""', "'''")
    lines = [_printable(line) for line in plain.splitlines()] or [""]
    if len(lines) == 1 and not lines[0].endswith('"'):
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *[f"    {line}".rstrip() for line in lines[1:]], '    """']


def _printable(line: str) -> str:
    """What cannot be seen, such as a mark of direction or a control character, is spelled out."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in line)


def _long(text: str) -> str:
    """A long string, line by line where quotes of three will not do."""
    if "\\" not in text and '"""' not in text and text.replace("\n", "").isprintable():
        return f'"""\\\n{text}"""'
    return "(\n" + "".join(f"    {_quoted(line)}\n" for line in text.splitlines(keepends=True)) + ")"
