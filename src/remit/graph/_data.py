"""Plain data for JSON, the same bytes every time: what plans, kept graphs and digests are made of."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from remit.errors import BadArgument
from remit.lib import Attenuation, Metered, make_attenuation

__all__ = ["attenuation_of", "canonical", "data", "digest", "plain"]

_DEEP: Final = 24  # levels of lists and tables inside a field, far above any honest use


def data(value: Any) -> Any:
    """A record of this package as data for JSON: fields by name; of an attenuation only what is in force."""
    if isinstance(value, Attenuation):
        return {name: data(getattr(value, name)) for name in value.kinds()}
    names = getattr(type(value), "__record_fields__", None)
    if names is not None:
        return {name: data(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {name: data(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [data(each) for each in value]
    return value


def canonical(value: Any) -> str:
    """JSON in its one form: keys sorted, no spaces."""
    return json.dumps(data(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def attenuation_of(given: Mapping[str, Any]) -> Attenuation:
    """The attenuation that `data` made this of, in normal form."""
    unknown = sorted(set(given) - set(Metered.__record_fields__))  # type: ignore[attr-defined]  # @record adds it
    if unknown:
        raise BadArgument(f"an attenuation has no {', '.join(unknown)}")
    return make_attenuation(**given).checked()


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """The value, if JSON has it; `BadArgument` names the place in it that JSON has not."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return value
    if depth < _DEEP and isinstance(value, list | tuple):
        return [plain(each, f"{where}[{i}]", depth + 1) for i, each in enumerate(value)]
    if depth < _DEEP and type(value) is dict and all(type(name) is str for name in value):
        return {name: plain(each, f"{where}.{name}", depth + 1) for name, each in value.items()}
    raise BadArgument(
        f"{where} is {type(value).__name__}: a field holds text, numbers, true, false, lists and tables of these"
    )
