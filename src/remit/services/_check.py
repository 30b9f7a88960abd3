"""Checking configuration without running it: what cannot be read, descriptions that are wrong, names that are not bound, cycles, missing providers.

Only what a script says by itself is seen: what it asserts in answer to others, with names that it learns from them, is taken to be all right.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from remit.errors import BadArgument, Missing
from remit.services._daemons import one_shot
from remit.services._kernel_records import Device, Interface
from remit.services._matching import captures, match
from remit.services._model import AFTER, NEEDS, PREFERS, Model
from remit.services._process_config import process_config
from remit.services._reading import Fault, read_file
from remit.services._records import (
    Daemon,
    DependsOn,
    Milestone,
    ProvidesService,
    RequireService,
    RunService,
    ServiceState,
    StartsAfter,
    WeaklyDependsOn,
)
from remit.services._script import (
    Assert,
    During,
    Instruction,
    Let,
    Match,
    OnMessage,
    OnStop,
    Send,
    Sequence,
    Target,
    shown,
    variable_of,
)
from remit.services._tree import children
from remit.services._watcher import files_of
from remit.services._why import problem, spelt
from remit.values import Symbol, Tagged, as_record, key
from remit.values.preserves import place_of

__all__ = ["check_directory", "check_files"]

_GATES = {DependsOn: NEEDS, WeaklyDependsOn: PREFERS, StartsAfter: AFTER}
_BOUND = ("config", "log", "gatekeeper", "control")


class Facts:
    """What the files say together."""

    def __init__(self) -> None:
        self.model = Model()
        self.patterns: list[Any] = []  # of names that somebody answers for who is not known by name
        self.where: dict[Any, str] = {}  # by the key of a service's name: the file that spoke of it first

    def take(self, value: Any, place: str) -> None:
        """An assertion at the dataspace of services."""
        known: Any = as_record(value, RequireService, *_GATES, ProvidesService, ServiceState)
        if isinstance(known, RequireService):
            self._name(known.name, place)
            self.model.want(known.name, True)
        elif type(known) in _GATES:
            dependee = as_record(known.dependee, ServiceState)
            if dependee is not None:
                self._name(known.depender, place)
                self._name(dependee.name, place)
                self.model.gate(known.depender, dependee.name, dependee.state, _GATES[type(known)], True)
        elif known is not None:
            self.model.provide(known.name, True)
        elif (
            isinstance(value, Tagged)
            and value.tag == "daemon"
            and isinstance(value.value, list)
            and len(value.value) == 2
        ):
            self._name(Daemon(value.value[0]), place)
            self.model.provide(Daemon(value.value[0]), True)
            process_config(one_shot(value.value[1]), None, spelt(Daemon(value.value[0])))

    def _name(self, name: Any, place: str) -> None:
        self.where.setdefault(key(name), place)
        if as_record(name, Milestone, Interface, Device) is not None:
            self.model.service(name).provided = max(1, self.model.service(name).provided)

    def problems(self) -> list[str]:
        """Cycles, and what is needed and provided by nobody."""
        for service in list(self.model.services.values()):
            if any(match(service.name, each, {}) is not None for each in self.patterns):
                service.provided += 1
        self.model.changes()
        found = {}
        for mark, service in self.model.services.items():
            if mark in self.where and (service.wanted or service.after):
                text = problem(service, self.model)
                if service.circle:
                    mark = frozenset(key(each.name) for each in service.circle)  # noqa: PLW2901  # once for the whole cycle
                if text and mark not in found:
                    found[mark] = f"{self.where[key(service.name)]}: {spelt(service.name)} {text}"
        return sorted(found.values())


def check_files(files: Mapping[str, str]) -> list[str]:
    """What is wrong with these files (text by path), one line each, with line and column where that is known; empty if nothing is."""
    facts, found = Facts(), []
    for place, text in files.items():
        try:
            step = read_file(place, text)
        except Fault as fault:
            found.append(fault.at(place))
            continue
        walker = _Walker(facts, place, text)
        walker.walk(step, True, set(_BOUND))
        found += walker.found
    return found + facts.problems()


def check_directory(directory: str | os.PathLike[str]) -> list[str]:
    """The same for all files of a directory and those below it. Raises `Missing` where there is none."""
    if not os.path.isdir(directory):
        raise Missing(f"{os.fspath(directory)} is no directory: name the one that has the files of services")
    files, found = {}, []
    for place in files_of(Path(directory)):
        try:
            files[os.path.relpath(place, directory)] = Path(place).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            found.append(f"{os.path.relpath(place, directory)}: cannot be read: {error}")
    return found + check_files(files)


class _Walker:
    """Goes through one file's instructions: which names are bound where, and what is asserted in any case."""

    def __init__(self, facts: Facts, place: str, text: str) -> None:
        self.facts = facts
        self.place = place
        self.text = text
        self.found: list[str] = []

    def walk(self, step: Instruction, here: bool, bound: set[str]) -> None:
        """`here`: at the dataspace of services. `bound` grows by what the instruction binds."""
        if isinstance(step, Sequence):
            inner = set(bound)
            for each in step.steps:
                self.walk(each, here, inner)
        elif isinstance(step, Assert | Send):
            self._names(step.template, bound, step)
            if here and isinstance(step, Assert) and not list(_variables(step.template)):
                self._take(step.template, step)
        elif isinstance(step, Target):
            self._names(Symbol(f"${step.name}"), bound, step)
            self.walk(step.step, step.name == "config", bound if isinstance(step.step, Let) else set(bound))
        elif isinstance(step, During | OnMessage):
            self._names(step.pattern, bound, step)
            run = as_record(step.pattern, RunService)
            if here and isinstance(step, During) and run is not None:
                self.facts.patterns.append(run.name)
            self.walk(step.step, here, bound | set(captures(step.pattern)))
        elif isinstance(step, OnStop):
            self.walk(step.step, here, set(bound))
        elif isinstance(step, Let):
            for part in step.expression.parts:
                self._names(part, bound, step)
            bound |= set(captures(step.pattern))
        elif isinstance(step, Match):
            self._names(Symbol(f"${step.name}"), bound, step)
            self.walk(step.step, here, bound | set(captures(step.pattern)))
            self.walk(step.rest, here, set(bound))

    def _wrong(self, text: str, step: Instruction) -> None:
        """Note what is wrong, with the place of the instruction."""
        line, column = place_of(self.text, step.path) if step.path else (0, 0)
        self.found.append(Fault(text, line, column).at(self.place))

    def _take(self, value: Any, step: Instruction) -> None:
        try:
            self.facts.take(value, self.place)
        except BadArgument as error:
            self._wrong(error.message, step)

    def _names(self, value: Any, bound: set[str], step: Instruction) -> None:
        for name in _variables(value):
            if name != "." and name not in bound:
                self._wrong(f"${name} is not bound in {shown(value)}; bound are: {', '.join(sorted(bound))}", step)


def _variables(value: Any) -> Iterable[str]:
    if hasattr(value, "parts"):
        for part in value.parts:
            yield from _variables(part)
        return
    name = variable_of(value)
    if name is not None:
        yield name
    for each in children(value):
        yield from _variables(each)
