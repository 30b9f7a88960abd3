"""Loaded schemas: definitions that parse and unparse values, with the classes of what they give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from remit.errors import BadArgument, LimitExceeded, Misuse, NotPassable
from remit.values._record import Recorded, record
from remit.values.preserves._strip import strip
from remit.values.preserves.schema._check import Definitions, check, module_of, modules_of
from remit.values.preserves.schema._choose import FAIL, Matcher
from remit.values.preserves.schema._explain import Reasons
from remit.values.preserves.schema._match import Matching
from remit.values.preserves.schema._model import Ref
from remit.values.preserves.schema._place import Place, hint, wrong
from remit.values.preserves.schema._plan import Alternative, ClassPlan, plans
from remit.values.preserves.schema._read import Include, Source, read
from remit.values.preserves.schema._shape import Shape, shape
from remit.values.preserves.schema._wire import builder, wire

__all__ = ["Definition", "Schema", "assemble", "load"]

DEEP = "a value that is nested so deeply cannot be looked at as {what}"

Modules = Callable[[str], str]  # the text of the schema of a module, by its dotted name


class Definition:
    """One definition of a schema: which values are of it, and what they are in Python. It lives as long as its schema."""

    __slots__ = ("_matchers", "_schema", "alternatives", "doc", "name", "pattern")

    def __init__(self, schema: Schema, name: str, pattern: Any, alternatives: list[Alternative], doc: str) -> None:
        self._schema = schema
        self.name = name
        self.pattern = pattern  # as data, in the form of the metaschema
        self.alternatives = {each.variant: each for each in alternatives}
        self.doc = doc
        self._matchers: dict[bool, Matcher] = {}

    def __repr__(self) -> str:
        return f"<definition {self._full}>"

    @property
    def classes(self) -> dict[str, type]:
        """The classes of what `parse` gives, by the names of alternatives ("" for a definition without any)."""
        classes = self._schema.classes
        return {name: classes[each.plan.name] for name, each in self.alternatives.items() if each.plan is not None}

    def parse(self, value: object, *, exact: bool = False) -> Any:
        """What the value is to this definition: instances of its classes, and plain values.

        Items and keys that no pattern names are left out; `exact` refuses further items of records and sequences. Raises
        `BadArgument`, which says what does not fit and where, and `LimitExceeded` for a value without bottom.
        """
        found = self._match(value, exact)
        if found is FAIL:
            raise BadArgument(self._reasons(exact).tell(self._full, self.pattern, _bare(value)))
        return found

    def accepts(self, value: object, *, exact: bool = False) -> bool:
        """Whether the value is of this definition."""
        return self._match(value, exact) is not FAIL

    def which(self, value: object) -> str | None:
        """The name of the alternative that the value is of ("" for a definition without any), or None."""
        plain = _bare(value)
        for exact in (True, False):  # as `parse` prefers them
            matching = self._schema._matching(exact)
            for name, each in self.alternatives.items():
                if matching.alternative(each)(plain) is not FAIL:
                    return name
        return None

    def unparse(self, typed: object) -> Any:
        """The value of what `parse` gave, or of what its classes were made with; it is exactly of this definition.

        Raises `BadArgument` where it would not be.
        """
        try:
            value = wire(typed)
        except RecursionError:
            raise LimitExceeded(DEEP.format(what=self._full)) from None
        if self._match(value, exact=True) is FAIL:
            raise BadArgument(self._reasons(exact=True).tell(self._full, self.pattern, value))
        return value

    def _match(self, value: object, exact: bool) -> Any:
        match = self._matchers.get(exact)
        if match is None:
            match = self._matchers[exact] = self._schema._matching(exact).definition(self.name)
        try:
            found = match(value)
            return match(_bare(value)) if found is FAIL else found  # annotations are no part of a value
        except RecursionError:
            raise LimitExceeded(DEEP.format(what=self._full)) from None

    def _reasons(self, exact: bool) -> Reasons:
        return self._schema._reasons(exact)

    @property
    def _full(self) -> str:
        return f"{self._schema.name}.{self.name}" if self._schema.name else self.name


def _bare(value: object) -> Any:
    """The value without annotations; what is nested too deeply to take them off has none, since nothing was read so."""
    try:
        return strip(value)
    except NotPassable:
        return value


class Schema(Mapping[str, Definition]):
    """The definitions of one module, by name. `classes` are the classes of their instances, by name."""

    __slots__ = ("_definitions", "_matchings", "bundle", "classes", "embedded", "name")

    def __init__(self, name: str, bundle: Bundle, source: Source) -> None:
        self.name = name
        self.bundle = bundle  # the schemas that it was loaded with, by module
        self.embedded = source.embedded  # what embedded values are: a reference, or False
        self.classes: dict[str, type] = {}
        planned = plans(source.definitions)
        self._definitions = {
            each: Definition(self, each, source.definitions[each], alternatives, source.docs.get(each, ""))
            for each, alternatives in planned.items()
        }
        self._matchings: dict[bool, Matching] = {}

    def __getitem__(self, name: str) -> Definition:
        try:
            return self._definitions[name]
        except KeyError:
            known = hint(name, self._definitions) or f"; there are {', '.join(self._definitions)}"
            raise Misuse(f"the schema {self.name} has no definition {name}{known}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._definitions

    def __iter__(self) -> Iterator[str]:
        return iter(self._definitions)

    def __len__(self) -> int:
        return len(self._definitions)

    def __repr__(self) -> str:
        return f"<schema {self.name}: {', '.join(self._definitions)}>"

    def parse(self, name: str, value: object, *, exact: bool = False) -> Any:
        """`schema[name].parse(value)`."""
        return self[name].parse(value, exact=exact)

    def unparse(self, name: str, typed: object) -> Any:
        """`schema[name].unparse(typed)`."""
        return self[name].unparse(typed)

    @property
    def plans(self) -> list[ClassPlan]:
        """The classes that its definitions have."""
        every = (each.plan for one in self._definitions.values() for each in one.alternatives.values())
        return [plan for plan in every if plan is not None]

    def _matching(self, exact: bool) -> Matching:
        made = self._matchings.get(exact)
        if made is None:
            alternatives = {name: list(each.alternatives.values()) for name, each in self._definitions.items()}
            strict = None if exact else self._matching(exact=True)
            made = Matching(alternatives, self.classes, partial(self._where, exact=exact), strict)
            self._matchings[exact] = made
        return made

    def _where(self, ref: Ref, exact: bool) -> tuple[Matching, str]:
        return self.bundle[module_of(ref, self.name)]._matching(exact), ref.name.name

    def _reasons(self, exact: bool) -> Reasons:
        def find(ref: Ref) -> tuple[Any, Reasons]:
            there = self.bundle[module_of(ref, self.name)]
            return there[ref.name.name].pattern, there._reasons(exact)

        return Reasons(find, exact)


Bundle = dict[str, Schema]


def load(
    text: str,
    *,
    name: str = "schema",
    modules: Modules | None = None,
    include: Include | None = None,
    classes: Iterable[type] = (),
    using: Mapping[str, Schema] | None = None,
    known: bool = False,
) -> Schema:
    """The schema of a `.prs` text, as the module `name`.

    `modules(name)` gives the text of another module that it refers to (`stream.Mode` is of the module `stream`), `include(name)`
    that of an included file; both raise what they like. `using` are schemas that are loaded already, by module. `classes` are the
    classes of a generated module, to be used instead of new ones. `known` lets decoding give the `@record` classes that are made, so their labels must be no other class's.

    Raises `DecodeError` with line and column for what is no schema.
    """
    sources = {name: read(text, include)}
    waiting = [name]
    while waiting:
        here = sources[waiting.pop()]
        for module, ref in modules_of(here.definitions).items():
            if module not in sources and module not in (using or {}):
                sources[module] = read(_module(module, ref, here.places, modules), include)
                waiting.append(module)
    return assemble(sources, classes={name: classes}, using=using, known=known)[name]


def _module(module: str, ref: Ref, places: Mapping[int, Place], modules: Modules | None) -> str:
    if modules is None:
        place = places[id(ref)]
        raise wrong(
            place, f"{module}.{ref.name.name} is of the module {module}; give load() a function modules=name → text"
        )
    return modules(module)


def assemble(
    sources: Mapping[str, Source],
    *,
    classes: Mapping[str, Iterable[type]] | None = None,
    using: Mapping[str, Schema] | None = None,
    known: bool = False,
) -> Bundle:
    """The schemas of several modules that may refer to each other, and to those that are loaded already."""
    bundle: Bundle = dict(using or {})
    definitions = {name: {each: one.pattern for each, one in schema.items()} for name, schema in bundle.items()}
    definitions.update({name: source.definitions for name, source in sources.items()})
    for name, source in sources.items():
        check(name, definitions, source.places)
    for name, source in sources.items():
        bundle[name] = Schema(name, bundle, source)
    for name in sources:
        schema = bundle[name]
        given = {cls.__name__: cls for cls in (classes or {}).get(name, ())}
        for plan in schema.plans:
            schema.classes[plan.name] = _class(schema, plan, given.pop(plan.name, None), definitions, known)
        if given:
            raise Misuse(f"the schema {name} has no use for {', '.join(given)}: no definition is called so")
    return bundle


def _class(schema: Schema, plan: ClassPlan, given: type | None, definitions: Definitions, known: bool) -> type:
    """The class of a plan: the given one, if it is as planned, or a new one; a shape is told how to become a value."""
    cls = given or _made(schema, plan, known)
    fields = tuple(field.name for field in plan.fields)
    theirs = getattr(cls, "__record_fields__", ())
    if plan.label is None:
        fits = issubclass(cls, Shape) and theirs == fields
    else:
        fits = issubclass(cls, Recorded) and cls.__record_label__ == plan.label and len(theirs) == len(fields)
    if not fits:
        form = f'@record("{plan.label}")' if plan.label else "@shape"
        raise Misuse(
            f"class {cls.__qualname__} is not what {schema.name} says: {form} with the fields {', '.join(fields)}"
        )
    if issubclass(cls, Shape):
        if cls.__shape_wire__ is not None:
            raise Misuse(f"class {cls.__qualname__} belongs to another schema already: a shape is of one definition")
        cls.__shape_wire__ = staticmethod(builder(plan.pattern, partial(_constant, definitions, schema.name)))
    return cls


def _made(schema: Schema, plan: ClassPlan, known: bool) -> type:
    body = {
        "__annotations__": {field.name: "Any" for field in plan.fields},
        "__doc__": schema[plan.definition].doc or f"{plan.variant or plan.definition} of the schema {schema.name}.",
        "__module__": schema.name,
    }
    cls = type(plan.name, (), body)
    return shape(cls) if plan.label is None else record(plan.label, known=known)(cls)


def _constant(definitions: Definitions, home: str, ref: Ref) -> Any:
    """The one value of a definition that has only one."""
    module = module_of(ref, home)
    pattern = definitions[module][ref.name.name]
    return builder(pattern, partial(_constant, definitions, module))(iter(()))
