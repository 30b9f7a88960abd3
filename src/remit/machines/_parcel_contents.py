"""What belongs in a parcel: remit's own files and those of its installed dependencies, as `importlib.metadata` knows them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from remit.errors import ProviderError

__all__ = ["AGENT_EXTRAS", "closure", "extras_here", "files_of", "version_here"]

AGENT_EXTRAS: Final = ("postgres", "redis", "uvloop", "websocket")
"""The extras that an agent has a use for; others are the boss's."""
_ALONG: Final = {"psycopg": ("psycopg-binary", "psycopg-c")}
"""What another distribution finds by itself where it is installed, and asks nobody for."""
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?", re.DOTALL)
_EXTRA: Final = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")
_LEFT_OUT: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "entry_points.txt"})
"""Of a distribution's own notes: what differs from one installation of the same thing to another, or speaks of files that are left out."""
_COMPILED: Final = (".so", ".pyd")
_CACHED: Final = (".pyc", ".pyo")


class Requirement(NamedTuple):
    """One line of a distribution's requirements: what, with which extras, for which of ours ("": always), and whether only under some other condition."""

    name: str
    extras: frozenset[str]
    extra: str
    conditional: bool


def requirement(line: str) -> Requirement:
    """Read a requirement (Dependency specifiers of the Python Packaging User Guide) as far as we need it: conditions are not judged."""
    found = _REQUIREMENT.fullmatch(line)
    if found is None:
        raise ProviderError(f"the requirement {line[:100]!r} of an installed package cannot be read")
    name, extras, condition = found.groups()
    extra = _EXTRA.search(condition or "")
    wanted = frozenset(canonical(each) for each in (extras or "").split(",") if each.strip())
    rest = _EXTRA.sub("", condition or "").replace(" and ", " ").strip("() \n")
    return Requirement(canonical(name), wanted, canonical(extra.group(1)) if extra else "", bool(rest))


def canonical(name: str) -> str:
    """The one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def version_here() -> str:
    """The version of Remit that runs."""
    return _find("remit", "remit").version


def extras_here(wanted: Collection[str] | None) -> list[str]:
    """The extras of remit that a parcel gets: those that are named, or all of an agent's that are installed. Raises for one that is not."""
    own = [requirement(line) for line in _find("remit", "remit").requires or ()]
    found = []
    for extra in sorted(AGENT_EXTRAS if wanted is None else map(canonical, wanted)):
        needs = [each for each in own if each.extra == extra]
        lacking = [each.name for each in needs if not (each.conditional or _installed(each.name))]
        if needs and not lacking:
            found.append(extra)
        elif wanted is not None:
            what = f"{', '.join(lacking)} is not installed here" if needs else "remit has no such extra"
            raise ProviderError(f"no parcel with the extra {extra}: {what}; try: pip install 'remit[{extra}]'")
    return found


def closure(extras: Iterable[str]) -> dict[str, Distribution]:
    """Remit with these extras and all that they need, by name. What is needed under some condition only is taken where it is installed."""
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    todo = [("remit", frozenset(extras), "remit")]
    while todo:
        name, chosen, why = todo.pop()
        if (name, chosen) in done:
            continue
        done.add((name, chosen))
        found[name] = made = _find(name, why)
        for line in made.requires or ():
            need = requirement(line)
            if need.extra and need.extra not in chosen:
                continue
            if not need.conditional or _installed(need.name):
                todo.append((need.name, need.extras, name))
        todo += [(each, frozenset(), name) for each in _ALONG.get(name, ()) if _installed(each)]
    return found


def files_of(found: Distribution, *, compiled: bool) -> Iterator[tuple[str, Path]]:
    """Names below `lib` and where they are now. Of remit itself, extension modules are left out unless `compiled`: its source does the same."""
    own = canonical(found.name) == "remit"
    if own:
        yield from _package(Path(__file__).parents[1], compiled=compiled)
    seen = False
    for place in found.files or ():
        name = PurePosixPath(place)
        if own and (name.parts[0] == "remit" or (name.suffix in _COMPILED and not compiled)):
            continue  # the directory that runs has been taken, wherever it is
        if own and name.name in ("METADATA", "WHEEL"):
            continue  # an installation in place has those of the day on which it was made
        if _belongs(name) and (path := Path(str(found.locate_file(place)))).is_file():
            seen = seen or path.suffix in (".py", *_COMPILED)
            yield str(name), path
    if not (own or seen):
        raise ProviderError(
            f"the files of {found.name} {found.version} are not listed where it is installed (in place, or by the system's packages): "
            f"install it with pip, then try again"
        )


def _package(top: Path, *, compiled: bool) -> Iterator[tuple[str, Path]]:
    for path in top.rglob("*"):
        name = PurePosixPath("remit", *path.relative_to(top).parts)
        if path.is_file() and _belongs(name) and (compiled or path.suffix not in _COMPILED):
            yield str(name), path


def _belongs(name: PurePosixPath) -> bool:
    if name.is_absolute() or ".." in name.parts or "__pycache__" in name.parts or name.suffix in (*_CACHED, ".pth"):
        return False
    notes = name.parts[0].endswith(".dist-info")
    return not (notes and name.parts[-1] in _LEFT_OUT)


def _find(name: str, why: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise ProviderError(
            f"no parcel can be made: {name}, which {why} needs, is not installed here as a package; install it with pip"
        ) from None


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
