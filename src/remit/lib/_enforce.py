"""Applying an attenuation to a message, where the provider's objects are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from remit.errors import BadArgument, Expired, Misuse, NotAllowed
from remit.lib._attenuation import Attenuation, method_name
from remit.lib._rules import Rules, Traits, traits_of
from remit.values import Symbol
from remit.vat import Far, Ref


class Bound(Protocol):
    """An object that holds an attenuation in force: the fields that enforcing it needs."""

    attenuation: Attenuation
    clock: Ref[Any] | None
    rules: Rules | None
    used: int


class Buckets:
    """How much of each rate is left; not kept over a restart, after which every rate starts afresh."""

    __slots__ = ("left", "stamp")

    def __init__(self) -> None:
        self.left: dict[tuple[float, float], float] = {}
        self.stamp = 0.0

    def take(self, attenuation: Attenuation, now: float) -> None:
        """One message more; raises `NotAllowed` where a rate is used up."""
        gone, self.stamp = max(0.0, now - self.stamp), now
        left = {}
        for count, seconds in attenuation.rate or ():
            left[count, seconds] = min(count, self.left.get((count, seconds), count) + gone * count / seconds)
        self.left = left
        for (count, seconds), rest in left.items():
            if rest < 1:
                wait = (1 - rest) * seconds / count
                raise NotAllowed(
                    f"too many messages: {count:g} in {seconds:g} s are allowed; try again in {wait:.3g} s"
                )
        for rate in left:
            left[rate] -= 1


class Enforcer:
    """An attenuation in force where calls are no messages of a vat, such as those between components. Owned by whoever answers them.

    `rules` says which methods read, and what their keys are; `now` gives the time in seconds since the epoch. Its count and rates are kept in memory only.
    """

    __slots__ = ("attenuation", "buckets", "now", "rules", "used")

    def __init__(self, attenuation: Attenuation, rules: Rules, now: Callable[[], float]) -> None:
        self.attenuation = attenuation.checked()
        self.rules = rules
        self.now = now
        self.used = 0
        self.buckets = Buckets()

    def check(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Count a call, and let it pass. Raises `Expired` or `NotAllowed` for one outside of the attenuation, as a membrane does."""
        allowed = self.attenuation
        if allowed.until is not None:
            _check_until(allowed.until, self.now())
        check_uses(allowed, self.used)
        if allowed.rate:
            self.buckets.take(allowed, self.now())
        self.used += 1
        if allowed.methods is not None and method not in allowed.methods:
            raise _refusal(method, allowed)
        if allowed.read_only or allowed.prefix is not None:
            keys = tuple((at, key) for at, key in self.rules.keys.get(method, ()))
            _check_traits(allowed, allowed.prefix, Traits(method in self.rules.reads, keys), method, args, kwargs)


def split(selector: str | None, args: tuple[Any, ...]) -> tuple[str | None, tuple[Any, ...]]:
    """The message's selector and arguments; a leading `Symbol` of a call as a function is a selector, as on the wire."""
    if selector is None and args and type(args[0]) is Symbol:
        return args[0].name, args[1:]
    return selector, args


def check_time(attenuation: Attenuation, clock: Ref[Any] | None) -> None:
    """Raise `Expired` from the attenuation's time on."""
    if attenuation.until is not None:
        _check_until(attenuation.until, read_clock(clock))


def _check_until(until: float, now: float) -> None:
    if now >= until:
        raise Expired(
            f"this reference was granted until {until:.0f} (seconds since the epoch), which has passed; ask for a new one"
        )


def check_uses(attenuation: Attenuation, used: int) -> None:
    """Raise `Expired` where no use is left."""
    count = attenuation.count
    if count is not None and used >= count:
        raise Expired(f"this reference was granted for {count} uses, which are spent; ask for a new one")


def check_rate(attenuation: Attenuation, clock: Ref[Any] | None, buckets: Buckets) -> None:
    """Count the message against the rates; raise `NotAllowed` where one is used up."""
    if attenuation.rate:
        buckets.take(attenuation, read_clock(clock))


def check_message(
    attenuation: Attenuation,
    rules: Rules | None,
    target: Ref[Any],
    selector: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    *,
    root: bool,
) -> None:
    """Raise `NotAllowed` for a message outside of the attenuation.

    Read-only holds for every object that is reached through the reference, methods and prefix for the first (`root`) only:
    others have other methods and keys.
    """
    if root and attenuation.methods is not None and method_name(selector) not in attenuation.methods:
        raise _refusal(selector, attenuation)
    prefix = attenuation.prefix if root else None
    if not attenuation.read_only and prefix is None:
        return
    _check_traits(attenuation, prefix, traits_of(target, rules, selector), selector, args, kwargs)


def _check_traits(
    attenuation: Attenuation,
    prefix: str | None,
    traits: Traits,
    selector: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
) -> None:
    if attenuation.read_only and not traits.reads:
        raise _refusal(selector, attenuation)
    if prefix is not None:
        _check_keys(attenuation, prefix, traits, selector, args, kwargs or {})


def _check_keys(
    attenuation: Attenuation,
    prefix: str,
    traits: Traits,
    selector: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> None:
    if not traits.keys:
        raise _refusal(selector, attenuation)
    for at, name in traits.keys:
        value = args[at] if at < len(args) else kwargs.get(name)
        if type(value) is not str or not value.startswith(prefix):
            raise _refusal(selector, attenuation, f", and {name!r} must begin with {prefix!r}")


def _refusal(selector: str | None, attenuation: Attenuation, more: str = "") -> NotAllowed:
    return NotAllowed(
        f"{method_name(selector)!r} is outside of what this reference allows: {attenuation.describe()}{more}"
    )


def read_clock(clock: Ref[Any] | None) -> float:
    """The time in seconds since the epoch, by a device with a plain method `now()` or by an object with a field `now`."""
    if isinstance(clock, Far):
        reader = getattr(getattr(clock._link, "obj", None), "now", None)
        now: Any = reader() if reader is not None else None
    else:
        now = None if clock is None else getattr(clock._at, "now", None)
    if type(now) not in (int, float):
        raise Misuse("an attenuation with `until` or `rate` needs a clock: a device with now(), or a remit.lib.Clock")
    return float(now)


def check_clock(attenuation: Attenuation, clock: Ref[Any] | None) -> None:
    """Refuse, when it is made, an attenuation that would need a clock and has none."""
    if attenuation.until is not None or attenuation.rate:
        try:
            read_clock(clock)
        except Misuse as error:
            raise BadArgument(str(error)) from None
