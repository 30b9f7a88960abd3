"""What one server is like: the settings of all tables that speak of it, each with the place that it comes from. Pure.

From the weakest to the strongest: `[defaults]`, its role, its group, its own table, what was said when it was started. In each of them what was set by
command goes before what stands in a file. A later value replaces an earlier one whole; of `environment`, `limits` and `authorize` each entry by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

from remit.errors import BadArgument, Missing

__all__ = ["Effective", "Source", "Value", "effective", "plain"]

Source = tuple[str, Mapping[str, Any]]
"""A whole configuration with the name of where it is from, such as `config.toml`."""
Value = tuple[Any, str]
"""A value and the place that it is from."""
Effective = dict[str, Value]
_BY_ENTRY: Final = frozenset({"environment", "limits", "authorize"})


def effective(
    sources: Sequence[Source], id: str, role: str = "", group: str = "", own: Mapping[str, Any] | None = None
) -> Effective:
    """The settings of a server: its role is `role`, or what its table says. `sources`: the weakest first; `own`: what was said with the start.

    Raises `Missing` for a role that nobody describes, `BadArgument` where nothing says what it runs.
    """
    found: Effective = {}
    for where, settings in _layers(sources, id, role, group, found):
        _lay(found, settings, where)
    _lay(found, own or {}, "the start")
    if role:
        found["role"] = (role, "the start") if "role" not in found or found["role"][0] != role else found["role"]
    if "module" not in found and "program" not in found:
        raise BadArgument(
            f"nothing says what server {id} runs: give {f'role {role}' if role else 'it'} a module or a program"
        )
    return found


def _layers(
    sources: Sequence[Source], id: str, role: str, group: str, found: Effective
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for where, tables in sources:
        yield f"{where} [defaults]", tables.get("defaults", {})
    named = role or _role_of(sources, id, group)
    if named:
        roles = [(where, tables.get("roles", {})) for where, tables in sources]
        if not any(named in each for _, each in roles):
            raise no_role(named, {name for _, each in roles for name in each})
        for where, each in roles:
            yield f"{where} [roles.{named}]", each.get(named, {})
    for section, name in (("workers", group), ("servers", id)):
        for where, tables in sources:
            if name and name in tables.get(section, {}):
                yield f"{where} [{section}.{name}]", tables[section][name]


def _role_of(sources: Sequence[Source], id: str, group: str) -> str:
    """The strongest word on it."""
    named = ""
    for section, name in (("workers", group), ("servers", id)):
        for _, tables in sources:
            named = tables.get(section, {}).get(name, {}).get("role", named) if name else named
    return named


def no_role(name: str, known: Iterable[str]) -> Missing:
    """The error for a role that nobody describes."""
    names = sorted(known)
    near = get_close_matches(name, names, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names[:8]) or 'none yet'}"
    return Missing(f"no role {name!r}: {hint}")


def _lay(found: Effective, settings: Mapping[str, Any], where: str) -> None:
    """Put these over what is there."""
    for name, value in settings.items():
        if name in _BY_ENTRY and name in found:
            before, place = found[name]
            found[name] = ({**before, **value}, f"{place}, {where}" if before else where)
        else:
            found[name] = (value, where)
    for one, other in (("module", "program"), ("program", "module")):  # a server is one of the two
        if one in settings:
            found.pop(other, None)


def plain(found: Effective) -> dict[str, Any]:
    """The values alone."""
    return {name: value for name, (value, _) in found.items()}
