"""What a class says of its methods, so that attenuations of it can be enforced: which read, and which arguments are keys.

Objects of this process are asked through their class. For far objects the provider hands over a `Rules`, made from the
classes by `rules_of`; without it, what can't be judged is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from remit.errors import BadArgument, Misuse
from remit.lib._attenuation import FUNCTION, Attenuation, method_name
from remit.values import record
from remit.vat import ActorType, Far, Method, Promise, Ref, actor_type

F = TypeVar("F", bound=Callable[..., Any])
_KEYED: Final = "_remit_keys_"
ALWAYS: Final = frozenset({"methods", "count", "until", "rate"})  # what every class can be attenuated by


def keyed(*names: str) -> Callable[[F], F]:
    """Say which parameters of a method are keys: `@keyed("name")`. An attenuation by prefix lets only such methods pass."""

    def mark(method: F) -> F:
        known = method.__code__.co_varnames[1 : method.__code__.co_argcount]
        if not names or not set(names) <= set(known):
            raise Misuse(f"@keyed names parameters of {method.__qualname__}, which has: {', '.join(known) or 'none'}")
        setattr(method, _KEYED, tuple((known.index(name), name) for name in names))
        return method

    return mark


class Traits:
    """What is known of one method: whether it only reads, and its keys as (position, name)."""

    __slots__ = ("keys", "reads")

    def __init__(self, reads: bool, keys: tuple[tuple[int, str], ...]) -> None:
        self.reads = reads
        self.keys = keys


UNKNOWN: Final = Traits(False, ())


@record("remit.rules")
class Rules:
    """What classes say of their methods, as data: `reads` names those that change nothing, `keys` maps a name to [[position, name], …].

    It speaks for the far objects behind a membrane, whose classes cannot be seen from here.
    """

    reads: list[str]
    keys: dict[str, list[list[Any]]]


def rules_of(*classes: type) -> Rules:
    """The rules that hold for objects of all these classes: a name reads, or has keys, only where every class with it says the same."""
    reads: dict[str, bool] = {}
    keys: dict[str, tuple[tuple[int, str], ...]] = {}
    for cls in classes:
        for name, method in _named(actor_type(cls)).items():
            traits = _traits(method)
            reads[name] = reads.get(name, True) and traits.reads
            keys[name] = traits.keys if keys.get(name, traits.keys) == traits.keys else ()
    written = {name: [list(key) for key in found] for name, found in sorted(keys.items()) if found}
    return Rules(sorted(name for name, yes in reads.items() if yes), written)


def supports(cls: type) -> frozenset[str]:
    """The attenuations that a service of this class enforces, by the names of `Attenuation`'s fields."""
    kind = actor_type(cls)
    more = set()
    if kind.readable:
        more.add("read_only")
    if any(_traits(method).keys for method in kind.methods.values()):
        more.add("prefix")
    return ALWAYS | more


def check_supported(cls: type, attenuation: Attenuation) -> Attenuation:
    """The attenuation in normal form; raises `BadArgument` where a service of this class cannot enforce it."""
    kind = actor_type(cls)
    checked = attenuation.checked()
    if checked.read_only and "read_only" not in supports(cls):
        raise BadArgument(f"{kind.kind} cannot be attenuated to read-only: none of its methods is marked @reads")
    if checked.prefix is not None and "prefix" not in supports(cls):
        raise BadArgument(f"{kind.kind} cannot be attenuated by prefix: none of its methods is marked @keyed")
    known = _named(kind)
    for name in checked.methods or ():
        if name not in known and FUNCTION not in known:
            from difflib import get_close_matches  # for errors only

            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"it answers: {', '.join(sorted(known))}"
            raise BadArgument(f"{kind.kind} has no method {name!r} to be attenuated to; {hint}")
    return checked


def traits_of(target: Ref[Any], rules: Rules | None, selector: str | None) -> Traits:
    """What is known of the method that this message would reach."""
    kind = _kind_behind(target)
    if kind is not None:
        method = kind.methods.get(selector) or kind.methods.get(None)
        return UNKNOWN if method is None else _traits(method)
    if rules is None:
        return UNKNOWN
    name = method_name(selector)
    return Traits(name in rules.reads, tuple((at, key) for at, key in rules.keys.get(name, ())))


def _kind_behind(target: Ref[Any]) -> ActorType | None:
    """The class of a near object, seen through forwarders; None for what is far."""
    while not isinstance(target, Far | Promise):
        behaviour = target._at
        if not hasattr(behaviour, "_onward"):
            kind: ActorType = behaviour._remit_
            return kind
        target = behaviour.target
    return None


def _named(kind: ActorType) -> dict[str, Method]:
    return {FUNCTION if name is None else method.name: method for name, method in kind.methods.items()}


def _traits(method: Method) -> Traits:
    return Traits(method.reads, getattr(method.function, _KEYED, ()))
