"""What mypy has to be told about references: in its configuration, `plugins = ["remit.mypy_plugin"]`.

For an object of class `Counter` with `def increment(self, by: int = 1) -> int`:

    ref.increment(2)         Promise[int]; the arguments are those of Counter.increment
    tell(ref).increment(2)   None
    call(ref).increment(2)   int; an `async def` method is an error, since it can't be called at once
    ref(...)                 Promise of what Counter.__call__ gives

- An `async def` method gives a promise of what it returns; a promise of a promise is a promise.
- `Promise[Ref[X]]` takes the messages of X before it is there (pipelining), and may be given where a method takes a `Ref[X]`.
- `Ref[A | B]` is an object that changes between A and B by `become`, and takes the messages of both.
- A tuple arrives as a list. Fields and names with an underscore are errors, as at run time.
- A field that begins as `field(dict)` has a default for the constructor.
- References to `Any` stay unchecked.

mypy imports this module; nothing else needs mypy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mypy.checker import TypeChecker
from mypy.errorcodes import ATTR_DEFINED, MISC
from mypy.nodes import ArgKind, AssignmentStmt, CallExpr, RefExpr, TypeInfo
from mypy.plugin import AttributeContext, ClassDefContext, FunctionContext, MethodSigContext, Plugin
from mypy.typeops import make_simplified_union
from mypy.types import (
    AnyType,
    CallableType,
    FunctionLike,
    Instance,
    NoneType,
    Overloaded,
    ProperType,
    TupleType,
    Type,
    TypeOfAny,
    TypeVarLikeType,
    UninhabitedType,
    UnionType,
    get_proper_type,
)

__all__ = ["RemitPlugin", "plugin"]

REFS = "remit.vat._ref"
REF, PROMISE = f"{REFS}.Ref", f"{REFS}.Promise"
TELLER, CALLER = "remit.vat._spelt.Teller", "remit.vat._api.Caller"
FIELD = "remit.vat._actor.field"
WAYS = {REF, TELLER, CALLER}  # the classes whose `__getattr__` stands for the methods of an object
CALLABLE = {f"{REFS}.{name}.__call__" for name in ("Ref", "Far", "Promise")} | {
    f"{TELLER}.__call__",
    f"{CALLER}.__call__",
}

Context = AttributeContext | MethodSigContext | FunctionContext


class RemitPlugin(Plugin):
    """Types the ways to call an object by the methods of its class."""

    def get_attribute_hook(self, fullname: str) -> Callable[[AttributeContext], Type] | None:
        """`ref.name`, `tell(ref).name` and `call(ref).name`, for a name that the reference itself does not have."""
        way, _, name = fullname.rpartition(".")
        if way not in WAYS or name in OWN[way]:
            return None
        return lambda ctx: message(ctx, way, name, ctx.default_attr_type)

    def get_method_signature_hook(self, fullname: str) -> Callable[[MethodSigContext], FunctionLike] | None:
        """`ref(...)`, `tell(ref)(...)` and `call(ref)(...)`: the object as a function."""
        if fullname not in CALLABLE:
            return None
        owner = fullname.rpartition(".")[0]
        way = owner if owner in WAYS else REF
        return lambda ctx: as_function(ctx, way)

    def get_function_hook(self, fullname: str) -> Callable[[FunctionContext], Type] | None:
        """`tell(promise)` and `call(promise)` speak to what the promise is of."""
        return through if fullname in {"remit.vat._spelt.tell", "remit.vat._api.call"} else None

    def get_class_decorator_hook(self, fullname: str) -> Callable[[ClassDefContext], None] | None:
        """The fields of an `@actor` class, before mypy makes its constructor."""
        return name_factories if fullname == "remit.vat._actor.actor" else None


# What the classes have themselves, as far as mypy asks for it.
OWN = {
    REF: {
        "_vat",
        "_link",
        "_at",
        "_value",
        "_pending",
        "_seat",
        "_straight",
        "_elsewhere",
        "_ask",
        "_method",
        "_teller",
        "_verb",
    },
    TELLER: {"_ref"},
    CALLER: {"_ref"},
}


def plugin(_version: str) -> type[Plugin]:
    """Mypy's way in."""
    return RemitPlugin


def name_factories(ctx: ClassDefContext) -> None:
    """Read `field(dict)` as `field(factory=dict)`: a default is seen only under one of the names that PEP 681 gives it."""
    for statement in ctx.cls.defs.body:
        value = statement.rvalue if isinstance(statement, AssignmentStmt) else None
        if isinstance(value, CallExpr) and isinstance(value.callee, RefExpr) and value.callee.fullname == FIELD:
            for at, kind in enumerate(value.arg_kinds):
                if kind is ArgKind.ARG_POS:
                    value.arg_kinds[at], value.arg_names[at] = ArgKind.ARG_NAMED, "factory"


def message(ctx: AttributeContext, way: str, name: str, unchecked: Type) -> Type:
    """The type of `ref.name`: a function, as the class of the object declares it, with the result that this way gives."""
    if name.startswith("_"):
        complain(ctx, f'"{name}" begins with an underscore: it can never be called from outside')
        return AnyType(TypeOfAny.from_error)
    found = [one_message(ctx, way, name, target, unchecked) for target in targets(ctx, ctx.type)]
    return make_simplified_union(found) if found else unchecked


def one_message(ctx: Context, way: str, name: str, target: ProperType, unchecked: Type) -> Type:
    """The same for one object's class, or for the classes between which it changes by `become`."""
    if isinstance(target, AnyType):
        return unchecked
    if isinstance(target, UnionType):
        # A message that only some of them answer may be sent: what the object is then, decides.
        items = [get_proper_type(item) for item in target.items]
        able = [item for item in items if isinstance(item, Instance) and item.type.get(name)]
        return make_simplified_union([one_message(ctx, way, name, item, unchecked) for item in able or items[:1]])
    method = get_proper_type(checker(ctx).expr_checker.analyze_external_member_access(name, target, ctx.context))
    if isinstance(method, AnyType):
        return unchecked
    if isinstance(method, FunctionLike):
        return answering(ctx, way, name, method)
    complain(ctx, f'"{name}" is a field of {shown(target)}: only its methods can be reached through a reference')
    return AnyType(TypeOfAny.from_error)


def as_function(ctx: MethodSigContext, way: str) -> FunctionLike:
    """The signature of an object that is called without naming a method."""
    for target in targets(ctx, ctx.type):
        found = get_proper_type(one_message(ctx, way, "__call__", target, ctx.default_signature))
        if isinstance(found, FunctionLike):
            return found
    return ctx.default_signature


def through(ctx: FunctionContext) -> Type:
    """`Teller[X]` and `Caller[X]` of whatever leads to an X."""
    made = get_proper_type(ctx.default_return_type)
    if not isinstance(made, Instance) or not ctx.arg_types or not ctx.arg_types[0]:
        return made
    found = targets(ctx, ctx.arg_types[0][0])
    return made.copy_modified(args=[make_simplified_union(found)]) if found else made


def targets(ctx: Context, held: Type) -> list[ProperType]:
    """The classes of the objects that this reference, promise, or way to call may lead to; none for other types."""
    held = get_proper_type(held)
    if isinstance(held, AnyType):
        return [held]
    if isinstance(held, UnionType):
        return [target for item in held.items for target in targets(ctx, item)]
    if isinstance(held, TypeVarLikeType):
        return targets(ctx, held.upper_bound)
    if isinstance(held, Instance) and held.type.has_base(PROMISE):
        return promised(ctx, held)
    if isinstance(held, Instance) and (held.type.has_base(REF) or held.type.fullname in WAYS):
        return [get_proper_type(held.args[0]) if held.args else AnyType(TypeOfAny.special_form)]
    return []


def promised(ctx: Context, promise: Instance) -> list[ProperType]:
    """The classes of the objects that a promise may become a reference to."""
    found: list[ProperType] = []
    for item in spread(promise.args[0] if promise.args else AnyType(TypeOfAny.special_form)):
        if isinstance(item, AnyType):
            found.append(item)
        elif isinstance(item, Instance) and item.type.has_base(REF):
            found += targets(ctx, item)
        elif not isinstance(item, UninhabitedType):
            complain(ctx, f"this promise may become {shown(item)}, which takes no messages: await it")
            found.append(AnyType(TypeOfAny.from_error))
    return found


def spread(held: Type) -> list[ProperType]:
    """The members of a union, or the one type."""
    held = get_proper_type(held)
    return [get_proper_type(item) for item in held.items] if isinstance(held, UnionType) else [held]


def answering(ctx: Context, way: str, name: str, method: FunctionLike) -> FunctionLike:
    """The bound method, with arguments and result as this way of calling has them."""
    items = [one_signature(ctx, way, name, item) for item in method.items]
    return items[0] if len(items) == 1 else Overloaded(items)


def one_signature(ctx: Context, way: str, name: str, method: CallableType) -> CallableType:
    """The same for one of an overloaded method's signatures."""
    result = get_proper_type(method.ret_type)
    is_async = isinstance(result, Instance) and result.type.fullname == "typing.Coroutine"
    if is_async and way == CALLER:
        complain(ctx, f'"{name}" is async and cannot be called at once: send instead')
    if isinstance(result, Instance) and is_async:
        result = get_proper_type(result.args[2])
    if way == TELLER:
        result = NoneType()
    elif way == CALLER:
        result = arrived(ctx, result)
    else:
        result = Instance(promise_class(ctx), [flat(arrived(ctx, result))])
    return method.copy_modified(arg_types=[accepted(ctx, each) for each in method.arg_types], ret_type=result)


def accepted(ctx: Context, parameter: Type) -> Type:
    """What may be given for a parameter: where it takes a reference, a promise of one, too."""
    items = spread(parameter)
    more = [
        Instance(promise_class(ctx), [item])
        for item in items
        if isinstance(item, Instance) and item.type.has_base(REF) and not item.type.has_base(PROMISE)
    ]
    return make_simplified_union([*items, *more]) if more else parameter


def arrived(ctx: Context, result: ProperType) -> ProperType:
    """A result as its receiver gets it: tuples pass as lists."""
    if isinstance(result, TupleType):
        return checker(ctx).named_generic_type("builtins.list", [make_simplified_union(result.items)])
    if isinstance(result, Instance) and result.type.fullname == "builtins.tuple":
        return checker(ctx).named_generic_type("builtins.list", [*result.args])
    return result


def flat(result: ProperType) -> ProperType:
    """A promise of a promise is a promise of the same."""
    while isinstance(result, Instance) and result.type.has_base(PROMISE) and result.args:
        result = get_proper_type(result.args[0])
    return result


def promise_class(ctx: Context) -> TypeInfo:
    """The class `Promise`, as mypy knows it."""
    return cast("TypeInfo", checker(ctx).modules[REFS].names["Promise"].node)


def checker(ctx: Context) -> TypeChecker:
    """The checker behind the plugin interface; member access is not part of that interface."""
    return cast("TypeChecker", ctx.api)


def complain(ctx: Context, text: str) -> None:
    """Report an error where the code is that is looked at."""
    ctx.api.fail(text, ctx.context, code=ATTR_DEFINED if isinstance(ctx, AttributeContext) else MISC)


def shown(target: ProperType) -> str:
    """A type as a message names it."""
    if isinstance(target, Instance):
        return f'"{target.type.name}"'
    return f'"{target}"'
