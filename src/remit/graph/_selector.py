"""Which nodes a policy is about: names with `*` in them, kinds and tags, as a declaration writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from remit.errors import BadArgument
from remit.graph._model import Node

__all__ = ["Selector", "selector"]

_KEYS = ("id", "kind", "tag", "except")


class Selector(NamedTuple):
    """Nodes by id, kind and tag: a node is meant when it fits one of each that is given, and none of `without`."""

    ids: Sequence[str] = ()
    kinds: Sequence[str] = ()
    tags: Sequence[str] = ()
    without: Sequence[str] = ()

    def matches(self, node: Node) -> bool:
        """Whether this node is meant."""
        return (
            (not self.ids or _any(self.ids, node.id))
            and (not self.kinds or node.kind in self.kinds)
            and (not self.tags or bool(set(self.tags) & _tags(node)))
            and not _any(self.without, node.id)
        )

    def unknown(self, nodes: Iterable[Node]) -> str:
        """The first plain name in it that no node has, with the nearest one; "" if there is none. Names with `*` may mean nothing yet."""
        known = [node.id for node in nodes]
        for name in (*self.ids, *self.without):
            if not set("*?[") & set(name) and not any(_below(name, id) for id in known):
                near = get_close_matches(name, known, 1)
                return f"{name} is not declared{f': did you mean {near[0]}?' if near else ''}"
        return ""


def selector(given: Any, where: str) -> Selector:
    """What `from` or `to` of a policy says: a name, a list of names, or a table. Raises `BadArgument` that names the place.

    A name means the node with this id and all below it, and so does `name/*`; `*` stands for anything within one part of a path, and `.`
    may be written for `/`.
    """
    if not isinstance(given, dict):
        return Selector(_names(given, where))
    wrong = sorted(set(given) - set(_KEYS))
    if wrong or not given:
        raise BadArgument(f"{where}: {wrong[0] if wrong else 'an empty table'}: it has {', '.join(_KEYS)}")
    found = {key: _list(given[key], f"{where}.{key}") for key in given if key in ("kind", "tag")}
    ids = {key: _names(given[key], f"{where}.{key}") for key in given if key in ("id", "except")}
    return Selector(ids.get("id", ()), found.get("kind", ()), found.get("tag", ()), ids.get("except", ()))


def _names(given: Any, where: str) -> list[str]:
    return [name.replace(".", "/").removesuffix("/*") for name in _list(given, where)]


def _list(given: Any, where: str) -> list[str]:
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not found or not all(isinstance(each, str) and each for each in found):
        raise BadArgument(f'{where} is a name such as "db/main" or "public/*", or a list of them')
    return found


def _any(names: Iterable[str], id: str) -> bool:
    return any(_below(name, id) for name in names)


def _below(name: str, id: str) -> bool:
    """Whether the name means this id, or one above it. Part by part, since `*` stays within one."""
    wanted, parts = name.split("/"), id.split("/")
    return len(wanted) <= len(parts) and all(fnmatchcase(*pair) for pair in zip(parts, wanted, strict=False))


def _tags(node: Node) -> set[str]:
    tags = node.fields.get("tags")
    return {tag for tag in tags if isinstance(tag, str)} if isinstance(tags, list) else set()
