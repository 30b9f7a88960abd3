"""References with less authority: those that scripts attenuate, and what a child that speaks the protocol is given.

Caveats in scripts are written in the script's own patterns (Synit: "Attenuation"): `<accept pattern>`, `<reject pattern>`,
`<rewrite pattern template>`, `<or [<rewrite …> …]>`. Made into those of the protocol (Syndicate Protocol, Capability attenuation).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.dataspace.syndicate import attenuated
from remit.errors import BadArgument
from remit.services._matching import captures, fill, look_up
from remit.services._records import Daemon
from remit.services._script import shown, variable_of
from remit.services._tree import children
from remit.values import Symbol, Tagged
from remit.values.preserves import Compound, Map, Set
from remit.vat import Ref

__all__ = ["narrowed", "voice_of"]


def narrowed(ref: Any, caveats: list[Any], env: Mapping[str, Any]) -> Ref[Any]:
    """What `<* $cap [caveat …]>` makes."""
    if not isinstance(ref, Ref):
        raise BadArgument(f"<* …> attenuates an object, and {shown(ref)} is none")
    return attenuated(ref, [_caveat(each, env) for each in caveats])


def voice_of(space: Ref[Any], id: Any) -> Ref[Any]:
    """The dataspace of services for one daemon's child: it can say its own states and its own object, and nothing else."""
    name = Tagged("lit", [Daemon(id)])
    says = [Tagged("rec", [Symbol(label), [name, Tagged("_", [])]]) for label in ("service-state", "service-object")]
    return attenuated(space, [Tagged("or", [[_accept(pattern) for pattern in says]])])


def _accept(pattern: Any) -> Any:
    return Tagged("rewrite", [Tagged("bind", [pattern]), Tagged("ref", [0])])


def _caveat(value: Any, env: Mapping[str, Any]) -> Any:
    label, fields = (value.tag, value.value) if isinstance(value, Tagged) else ("", [])
    if label == "accept" and len(fields) == 1:
        return _accept(_pattern(fields[0], env))
    if label == "reject" and len(fields) == 1:
        return Tagged("reject", [_pattern(fields[0], env)])
    if label == "rewrite" and len(fields) == 2:
        names = captures(fields[0])
        return Tagged("rewrite", [_pattern(fields[0], env), _template(fields[1], names, env)])
    if label == "or" and len(fields) == 1 and isinstance(fields[0], list):
        return Tagged("or", [[_caveat(each, env) for each in fields[0]]])
    raise BadArgument(
        f"{shown(value)} is no caveat: <accept p>, <reject p>, <rewrite p t> and <or [<rewrite p t> …]> are"
    )


def _pattern(value: Any, env: Mapping[str, Any]) -> Any:
    if isinstance(value, Symbol):
        name = value.name
        if name == "_":
            return Tagged("_", [])
        if name.startswith("?") and len(name) > 1:
            return Tagged("bind", [Tagged("_", [])])
        if name.startswith("$") and len(name) > 1:
            return Tagged("lit", [look_up(name[1:], env)])
        return Tagged("lit", [Symbol(name[1:]) if name.startswith("=") and len(name) > 1 else value])
    if isinstance(value, Tagged) and value.tag.startswith("?") and len(value.tag) > 1:
        return Tagged("bind", [_pattern(value.value[0], env)])
    if isinstance(value, Set):
        raise BadArgument(f"a set cannot be matched by its members: {shown(value)}")
    return _compound(value, lambda each: _pattern(each, env))


def _template(value: Any, names: list[str], env: Mapping[str, Any]) -> Any:
    name = variable_of(value)
    if name is not None and name in names:
        return Tagged("ref", [names.index(name)])
    if isinstance(value, Symbol):
        return Tagged("lit", [fill(value, env)])
    return _compound(value, lambda each: _template(each, names, env))


def _compound(value: Any, inner: Any) -> Any:
    """`<rec label [part …]>`, `<arr [part …]>`, `<dict {key: part}>`; atoms as literals."""
    if isinstance(value, list | tuple):
        return Tagged("arr", [[inner(each) for each in value]])
    if isinstance(value, dict):
        return Tagged("dict", [{key: inner(each) for key, each in value.items()}])
    if isinstance(value, Map):
        return Tagged("dict", [Map([(key, inner(each)) for key, each in value.entries])])
    if isinstance(value, Compound):
        return Tagged("rec", [value.label, [inner(each) for each in value.fields]])
    if isinstance(value, Tagged):
        return Tagged("rec", [Symbol(value.tag), [inner(each) for each in children(value)]])
    if hasattr(value, "__record_label__") and not isinstance(value, Set):
        return Tagged("rec", [Symbol(value.__record_label__), [inner(each) for each in children(value)]])
    return Tagged("lit", [value])
