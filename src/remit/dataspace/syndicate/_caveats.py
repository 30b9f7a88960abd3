"""Caveats: what an attenuated capability still lets through.

A capability with caveats passes the body of each assertion and message through them, from the newest (the last) to the oldest. Where one
of them gives nothing, the assertion or message silently does not happen. Subscriptions are assertions of Observe records, so the
same mechanism limits what can be seen. (Syndicate Protocol, Capability attenuation.)

    <rewrite pattern template>    what matches passes as the template says; what doesn't does not pass
    <or [rewrite …]>              the first alternative that matches
    <reject pattern>              what matches does not pass; all else passes as it is
    <until seconds>               ours: nothing passes after this time, in seconds since the epoch
    anything else                 nothing passes: a caveat that is not understood must not be ignored
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from remit.dataspace.syndicate._patterns import Pattern, parse_pattern
from remit.dataspace.syndicate._templates import Attenuate, Instance, NoValue, parse_template
from remit.dataspace.syndicate._view import fields_of, labelled, rec
from remit.errors import BadArgument
from remit.values import Symbol

__all__ = ["NOTHING", "Filter", "check_caveats", "only", "reject", "rewrite", "until"]

NOTHING: Final = object()
"""What a caveat gives where nothing passes."""
MAX_CAVEATS: Final = 100
"""Caveats on one capability; each costs a match for each message."""

Step: TypeAlias = "Callable[[Any, Attenuate], Any]"


class Filter:
    """Caveats, checked and made ready: `apply(body, attenuate)` gives what passes, or `NOTHING`.

    Raises `BadArgument` where one of them is malformed: then there is no such capability. `expires` is the time of the earliest
    `<until …>` (seconds since the epoch), None without one; whoever makes a `timed` filter has a clock and sees to it. Without, an
    `<until …>` lets nothing through.
    """

    __slots__ = ("caveats", "expires", "steps")

    def __init__(self, caveats: list[Any] | tuple[Any, ...], *, timed: bool = False) -> None:
        if len(caveats) > MAX_CAVEATS:
            raise BadArgument(f"a capability has at most {MAX_CAVEATS} caveats, not {len(caveats)}")
        self.caveats = list(caveats)
        times = [time for caveat in caveats if (time := _until(caveat)) is not None]
        self.expires: float | None = min(times, default=None)
        self.steps: list[Step] = [
            parse_caveat(caveat, timed=timed) for caveat in reversed(self.caveats)
        ]  # the newest first

    def apply(self, body: Any, attenuate: Attenuate) -> Any:
        """What of an assertion's or message's body passes."""
        for step in self.steps:
            body = step(body, attenuate)
            if body is NOTHING:
                return NOTHING
        return body


def check_caveats(caveats: Any) -> list[Any]:
    """The caveats, if they are well formed. Raises `BadArgument`."""
    if type(caveats) not in (list, tuple):
        raise BadArgument("caveats are a sequence")
    return Filter(caveats).caveats


def parse_caveat(value: Any, *, timed: bool = False) -> Step:
    """One caveat as a function. Raises `BadArgument` where it is malformed."""
    found = labelled(value)
    if found is not None:
        if found[0] == "rewrite" and len(found[1]) == 2:
            return _rewrites([_rewrite(value)])
        if found[0] == "or" and len(found[1]) == 1:
            return _either(found[1][0])
        if found[0] == "reject" and len(found[1]) == 1:
            return _reject(parse_pattern(found[1][0]))
        if timed and _until(value) is not None:
            return _pass
    return _unknown


def _unknown(body: Any, attenuate: Attenuate) -> Any:
    return NOTHING


def _pass(body: Any, attenuate: Attenuate) -> Any:
    return body


def _reject(pattern: Pattern) -> Step:
    return lambda body, _: NOTHING if pattern.matches(body, []) else body


def _either(alternatives: Any) -> Step:
    if type(alternatives) not in (list, tuple):
        raise BadArgument("the caveat <or …> takes a sequence of <rewrite …>")
    return _rewrites([_rewrite(one) for one in alternatives])


def _rewrite(value: Any) -> tuple[Pattern, Instance]:
    fields = fields_of(value, "rewrite", 2)
    if fields is None:
        raise BadArgument("the caveat <or …> takes <rewrite pattern template> only")
    pattern = parse_pattern(fields[0])
    return pattern, parse_template(fields[1], pattern.captures, check_caveats)


def _rewrites(alternatives: list[tuple[Pattern, Instance]]) -> Step:
    def step(body: Any, attenuate: Attenuate) -> Any:
        for pattern, template in alternatives:
            got: list[Any] = []
            if pattern.matches(body, got):
                try:
                    return template(got, attenuate)
                except (NoValue, BadArgument):
                    return NOTHING
        return NOTHING

    return step


def _until(value: Any) -> float | None:
    fields = fields_of(value, "until", 1)
    return None if fields is None or type(fields[0]) not in (int, float) else float(fields[0])


# --- for people who write them ------------------------------------------------------------------


def rewrite(pattern: Any, template: Any) -> Any:
    """The caveat `<rewrite pattern template>`; `<ref n>` in the template is the n-th capture."""
    return rec("rewrite", pattern, template)


def reject(pattern: Any) -> Any:
    """The caveat `<reject pattern>`."""
    return rec("reject", pattern)


def until(seconds: float) -> Any:
    """A caveat that ends the capability at this time (seconds since the epoch). Others than Remit pass nothing through it."""
    return rec("until", float(seconds))


def only(*labels: str, observe: bool = True) -> Any:
    """The caveat that lets through records with these labels, and subscriptions to them where `observe`; nothing else.

    As many fields as a record may have (up to 8): patterns of caveats have exact lengths, so each length is an alternative.
    """
    anything = [rec("_")]
    alternatives = [_as_it_is(rec("rec", Symbol(label), anything * count)) for label in labels for count in range(9)]
    if observe:
        watched = [
            rec("rec", Symbol("group"), [rec("rec", Symbol("rec"), [rec("lit", Symbol(label))]), rec("_")])
            for label in labels
        ]
        watched += [
            rec("rec", Symbol("bind"), [pattern]) for pattern in watched
        ]  # which captures the record as a whole
        alternatives += [_as_it_is(rec("rec", Symbol("Observe"), [pattern, rec("_")])) for pattern in watched]
    return rec("or", alternatives)


def _as_it_is(pattern: Any) -> Any:
    return rewrite(rec("bind", pattern), rec("ref", 0))
