"""Choosing among alternatives: by the label of the value where it has one, so that few of them have to be tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from remit.values._data import Symbol
from remit.values._model import Tagged
from remit.values.preserves.schema._view import record_view

__all__ = ["FAIL", "Choice", "Matcher", "first_of"]

Matcher: TypeAlias = Callable[[Any], Any]  # what the value is to a definition or simple pattern, or FAIL

FAIL: Final = object()


class Choice(NamedTuple):
    """One alternative: the labels of the records that it may take (None: it may take other values, too), and its function."""

    labels: frozenset[str] | None
    match: Matcher


def first_of(choices: list[Choice]) -> Matcher:
    """What gives the same as trying all in turn."""
    labels = frozenset().union(*[each.labels for each in choices if each.labels is not None])
    if len(labels) < 2:
        return _in_turn([each.match for each in choices])
    others = _in_turn([each.match for each in choices if each.labels is None])
    table = {
        label: _in_turn([each.match for each in choices if each.labels is None or label in each.labels])
        for label in labels
    }

    def match(value: Any) -> Any:
        if type(value) is Tagged and type(value.value) is list:
            return table.get(value.tag, others)(value)
        view = record_view(value)
        if view is None or type(view[0]) is not Symbol:
            return others(value)
        return table.get(view[0].name, others)(value)

    return match


def _in_turn(matchers: list[Matcher]) -> Matcher:
    if len(matchers) == 1:
        return matchers[0]

    def match(value: Any) -> Any:
        for each in matchers:
            found = each(value)
            if found is not FAIL:
                return found
        return FAIL

    return match
