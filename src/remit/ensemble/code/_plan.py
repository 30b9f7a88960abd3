"""What of a bundle is executed in this process, and what stays as it is.

the module itself                                       taken
loaded before, with another source                      taken
loaded before, and imports one that is taken            taken, so that it does not go on with the older one
part of the program that runs here (imported before)    left: it may hold what the program lives on
a library that is installed here                        left
anything else                                           taken
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from hashlib import sha256
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

from remit.ensemble.code._finder import FINDER, Place
from remit.ensemble.code._manifest import File, Manifest, digest_of, files_of, module_of, modules_of
from remit.errors import BadArgument, Missing

__all__ = ["Plan", "compiled", "plan", "refuse_lacking"]


class Plan(NamedTuple):
    """`taken`: modules that are executed from the bundle; `files`: what they need; `differ`: modules that this process has itself, and not in the form of the bundle."""

    taken: list[str]
    files: list[File]
    differ: list[str]


def plan(manifest: Manifest, *, force: bool, only: Collection[str] | None = None) -> Plan:
    """What loading this bundle would take and leave; `force`: the module alone; `only`: those modules of it, which it took when it was loaded before."""
    known_to_it = modules_of(manifest)
    modules = known_to_it if only is None else {name: file for name, file in known_to_it.items() if name in only}
    forms = forms_of(manifest)
    taken = {manifest.module}
    differ = []
    for name, file in {} if force else modules.items():
        known = FINDER.places.get(name)
        if known is not None:
            if known.digest != forms[name] or name not in sys.modules:
                taken.add(name)
        elif name in sys.modules:
            if name != manifest.module and _differs(name, file):
                differ.append(name)
        elif not (file.library and PathFinder.find_spec(name.partition(".")[0]) is not None):
            taken.add(name)
    if not force:
        _users(manifest, taken)
    return Plan(
        sorted(taken), [file for file in files_of(manifest) if _belongs(file, taken, known_to_it)], sorted(differ)
    )


def _users(manifest: Manifest, taken: set[str]) -> None:
    """Add what was loaded before and imports what is taken."""
    grown = True
    while grown:
        more = {name for name, used in manifest.imports.items() if name in FINDER.places and not taken.isdisjoint(used)}
        grown = not more <= taken
        taken |= more


def forms_of(manifest: Manifest) -> dict[str, bytes]:
    """What tells whether a module is the same as before: the digest of its source, and for a package of its data as well."""
    modules = modules_of(manifest)
    forms = {name: file.digest for name, file in modules.items()}
    for file in files_of(manifest):
        package = "" if module_of(file.path) else _package_of(file.path, modules)
        if package:
            forms[package] = sha256(forms[package] + file.path.encode() + b"\0" + file.digest).digest()
    return forms


def _package_of(path: str, modules: dict[str, File]) -> str:
    """The package that a data file belongs to, "" for none."""
    parts = path.split("/")[:-1]
    found = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next((name for name in found if name in modules), "")


def _belongs(file: File, taken: set[str], modules: dict[str, File]) -> bool:
    """Whether a file is put into the tree: a module that is taken, and all data, but for that of libraries which are left."""
    name = module_of(file.path)
    if name:
        return name in taken
    return not file.library or _package_of(file.path, modules) in taken


def _differs(name: str, file: File) -> bool:
    origin = getattr(getattr(sys.modules[name], "__spec__", None), "origin", None)
    try:
        return sha256(Path(str(origin)).read_bytes()).digest() != file.digest
    except OSError:
        return True


def refuse_lacking(manifest: Manifest) -> None:
    """Raise `Missing` where something is not here that the bundle needs and could not bring along."""
    lacking = [
        name
        for name in manifest.needs
        if name not in sys.modules
        and name not in FINDER.places
        and PathFinder.find_spec(name.partition(".")[0]) is None
    ]
    if lacking:
        raise Missing(
            f"{manifest.module} needs {', '.join(lacking)}, which this server lacks and which is not in the bundle: install it where the server runs; nothing was changed"
        )


def compiled(manifest: Manifest, made: Plan, tree: Path, sources: dict[str, bytes]) -> dict[str, Place]:
    """The places of the modules that are taken, with their code. Raises `BadArgument` with the line where one is no Python."""
    bundle = digest_of(manifest).hex()
    modules, forms = modules_of(manifest), forms_of(manifest)
    places = {}
    for name in made.taken:
        file = modules[name]
        target = tree / file.path
        code = None
        if not file.library:  # of those, some are for other Pythons, and are never imported here
            try:
                code = compile(sources[file.path], str(target), "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
                why = error.msg if isinstance(error, SyntaxError) else str(error)
                raise BadArgument(f"{file.path}{line}: {why}: nothing was changed, what runs goes on") from None
        places[name] = Place(target, tree, forms[name], bundle, tuple(manifest.imports.get(name, ())), code)
    return places
