"""Components: classes whose fields hold what they were given. What is passed to a component is an edge of the graph.

    class Client(Worker):
        server: CustomerServer                    # an edge, whoever gives it
        greeting: str = "hello"                   # plain data, which stands in the graph
        cache: Store[str] = own(Store[str])       # one of its own, `…/cache`, that nobody else reaches

At start-up an object of such a class is a declaration: it can be passed on, and narrowed. At run time each persona has another object of the class,
its body, whose fields hold what calls the others (`_held.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import get_annotations
from typing import Any, ClassVar, Literal, Self, TypeVar, dataclass_transform

from remit.app._app import place_of_caller
from remit.app._epoch import assert_startup, current_persona
from remit.app._ids import Id
from remit.app._interface import Interface, interface_of
from remit.errors import BadArgument, Misuse, NotAllowed, NotPassable
from remit.lib import FREE, Attenuation, make_attenuation
from remit.values import passable

__all__ = ["Component", "Declaration", "Edge", "body_of", "not_given", "own"]

T = TypeVar("T")
C = TypeVar("C")


class Own:
    """The default of a field that is made with its component, below its id."""

    def __init__(self, kind: Callable[..., Any], name: str, options: dict[str, Any]) -> None:
        self.kind = kind
        self.name = name
        self.options = options


def own(kind: Callable[..., C], name: str = "", *, init: Literal[False] = False, **options: Any) -> C:
    """A component of one's own, as the default of a field.

        db: Store[Customer] = own(Store[Customer])

    It is made with its owner, with the field's name below the owner's id (or with `name`), and nobody reaches it who was not given it. `options` are its fields.
    """
    made: Any = Own(kind, name, options)  # mypy is told what the field gives
    return made  # type: ignore[no-any-return]


def positional(*, kw_only: Literal[False] = False) -> Any:
    """For type checkers: the field that is given without its name."""


class Field:
    """One field of a class of components, as its descriptor: what it gives depends on who reads it, and when."""

    def __init__(self, name: str, default: Any = ...) -> None:
        self.name = name
        self.default = default

    def __get__(self, it: Any, owner: Any = None) -> Any:
        if it is None:
            return self
        return it._read(self.name)

    def __set__(self, it: Any, value: Any) -> None:
        raise Misuse(f"{it}.{self.name} was set when the component was made, and stays as it is")


class Edge:
    """What one component was given of another: under a name, and how much of it."""

    __slots__ = ("attenuation", "id", "name", "source", "target")

    def __init__(self, source: Declaration, name: str, target: Component) -> None:
        self.source = source
        self.name = name
        self.id = f"{source.id}/{name}"
        self.target = target._declaration
        self.attenuation = target._attenuation


class Declaration:
    """What is known of one component: shared by all narrowed views of it. Owned by its `App`."""

    __slots__ = ("component", "edges", "id", "kind_name", "open", "place", "values")

    def __init__(self, id: Id, component: Component, place: str) -> None:
        self.id = id
        self.component = component
        self.kind_name = type(component).__name__
        self.place = place
        self.edges: dict[str, Edge] = {}
        self.values: dict[str, Any] = {}
        self.open = True  # its fields can be read, since it is being made

    def __str__(self) -> str:
        return str(self.id)


@dataclass_transform(kw_only_default=True, field_specifiers=(own, positional))
class Declared:
    """For type checkers only: the constructor of a class of components takes its fields, by name."""


class Component(Declared):
    """Base of all components; `Worker`, `ApiServer`, `Store` … are what programs derive from or use.

    It is made at start-up, with an id and its fields by name. A field is a component (an edge), a list of components is refused (an edge has a name), or plain data
    that passes. Fields are declared by annotation; those with a leading underscore are the class's own affair, at run time.
    """

    kind: ClassVar[str] = ""
    """What it is in the graph: "worker", "api", "store", …"""
    hosted: ClassVar[bool] = True
    """Whether a persona runs for it; what is only data, such as a secret, has none."""
    fields: ClassVar[dict[str, Field]] = {}
    interface: ClassVar[Interface]

    id: Id = positional(kw_only=False)

    _declaration: ClassVar[Declaration]  # of each object; class variables to type checkers, so that they are no fields
    _attenuation: ClassVar[Attenuation]
    _body: ClassVar[dict[str, Any] | None]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.fields = dict(cls.fields)
        for name, shown in get_annotations(cls).items():
            if name.startswith("_") or name == "id" or _is_class_variable(shown):
                continue
            made = Field(name, cls.__dict__.get(name, ...))
            setattr(cls, name, made)
            cls.fields[name] = made
        cls.interface = interface_of(cls)

    def __init__(self, id: Id, **given: Any) -> None:
        kind = type(self)
        assert_startup(f"{kind.__name__}({id})")
        if not isinstance(id, Id):
            raise BadArgument(f"{kind.__name__} takes an id first, such as app / 'server', not {id!r:.60}")
        if not kind.kind:
            raise Misuse(
                f"{kind.__name__} is no kind of component by itself: derive it from Worker, ApiServer or another"
            )
        put = self.__dict__
        declaration = put["_declaration"] = Declaration(id, self, place_of_caller())
        put["id"] = id
        put["_attenuation"] = FREE
        put["_body"] = None
        id.app.take(declaration)
        for name in given.keys() - kind.fields.keys():
            raise BadArgument(f"{kind.__name__} has no field {name!r}; it has: {', '.join(kind.fields) or 'none'}")
        for name, field in kind.fields.items():
            self._fill(declaration, name, given.get(name, field.default))
        self.setup()
        self.check()
        declaration.open = False

    def _fill(self, declaration: Declaration, name: str, value: Any) -> None:
        if value is ...:
            raise BadArgument(f"{declaration} ({declaration.kind_name}) was not given its field {name!r}")
        if isinstance(value, Own):
            value = value.kind(declaration.id / (value.name or name), **value.options)
        if isinstance(value, Component):
            if value._declaration.id.app is not declaration.id.app:
                raise BadArgument(
                    f"{declaration} is given {value._declaration} as {name!r}, which is of another application"
                )
            declaration.edges[name] = Edge(declaration, name, value)
            return
        try:
            declaration.values[name] = passable(value)
        except NotPassable as error:
            raise BadArgument(
                f"{declaration} is given what is neither a component nor plain data as {name!r}: {error}"
            ) from None

    # --- for classes of components --------------------------------------------------------------------

    def setup(self) -> None:
        """At start-up, at the end of its making: makes what else there is below its id. Its own fields can be read here."""

    def check(self) -> None:
        """At start-up: raises `BadArgument` for fields that make no sense together."""

    def spec(self) -> dict[str, Any]:
        """What targets have to know of it besides its fields, as plain data for the graph."""
        return {}

    def client(self, caller: Any) -> Any:
        """What a component holds that was given this one: by default what sends calls (`remit.app.Held`). `caller` is the edge's (`remit.app.Caller`)."""
        from remit.app._held import Held  # which knows components

        return Held(caller)

    async def start(self, host: Any) -> None:
        """In its persona, before it is ready: opens what it needs. `host` is what its target offers it (`remit.app.Host`)."""

    async def stop(self) -> None:
        """In its persona, at the end: closes what `start` has opened."""

    async def answer(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """In its persona: do what a holder has asked for and the edge allows. By default the method of its interface."""
        return await getattr(self, method)(*args, **kwargs)

    # --- narrowing -------------------------------------------------------------------------------------

    def only(self, *methods: str) -> Self:
        """The same component, of which only these methods can be called."""
        return self.limited(methods=list(methods))

    def read_only(self) -> Self:
        """The same component, of which only methods can be called that change nothing."""
        return self.limited(read_only=True)

    def limited(self, **limits: Any) -> Self:
        """The same component, narrowed by the fields of an `Attenuation`: methods, read_only, prefix, count, until (seconds since the epoch), rate."""
        declaration = self._declaration
        assert_startup(f"narrowing of {declaration}")
        try:
            wanted = make_attenuation(**limits)
        except TypeError:
            raise BadArgument(
                f"{declaration} is narrowed by one of {', '.join(limits)}, which is none of an Attenuation's fields"
            ) from None
        more = self.interface.check(str(declaration), wanted)
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__, _attenuation=self._attenuation & more)
        return view

    # --- who reads fields ------------------------------------------------------------------------------

    def _read(self, name: str) -> Any:
        if self._body is not None:
            return self._body[name]
        declaration = self._declaration
        if name in declaration.values:
            return declaration.values[name]
        if declaration.open:
            return view_of(declaration.edges[name])
        raise NotAllowed(not_given(f"{declaration.edges[name].target}, by way of {declaration}.{name}"))

    def __repr__(self) -> str:
        less = "" if self._attenuation == FREE else f", {self._attenuation.describe()}"
        return f"<{type(self).__name__} {self._declaration.id}{less}>"

    def __reduce__(self) -> Any:
        raise NotPassable(f"{self!r} is a component: it is passed at start-up, as a field, and not at run time")


def view_of(edge: Edge) -> Component:
    """The component at the end of an edge, as narrow as the edge is."""
    view = object.__new__(type(edge.target.component))
    view.__dict__.update(edge.target.component.__dict__, _attenuation=edge.attenuation)
    return view


def not_given(what: str) -> str:
    """The one sentence for who reaches for what it was not given."""
    who = current_persona() or "the program"
    return f"{who} reaches for {what}, which it was not given: a component has what is passed to its fields, and nothing else; pass it there, at start-up"


def body_of(declaration: Declaration, hold: Callable[[Edge], Any]) -> Any:
    """The object of a component that acts in its persona: its fields hold what `hold` gives for each edge."""
    component = declaration.component
    body = object.__new__(type(component))
    fields = dict(declaration.values)
    fields |= {name: hold(edge) for name, edge in declaration.edges.items()}
    body.__dict__.update(component.__dict__, _body=fields)
    return body


def _is_class_variable(shown: Any) -> bool:
    text = shown if isinstance(shown, str) else str(shown)
    return text.split("[", 1)[0].rpartition(".")[2] == "ClassVar"
