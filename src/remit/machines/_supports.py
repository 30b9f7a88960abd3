"""What an offer can be attenuated by, and whether what is asked of it fits."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from remit.errors import BadArgument, Conflict
from remit.lib import Attenuation, Rules, rules_of, supports
from remit.machines._names import check_name
from remit.machines._records import Offer, Report
from remit.values import encode
from remit.vat import actor_type

__all__ = ["check_offer", "check_offers", "check_report", "check_room", "check_within", "described", "description_of"]

_MOST = 100_000  # names in one list from another machine; far above any honest use
_MOST_OFFERS = 1000  # of one machine: the boss keeps them, on its own disk
_MOST_NAMES = 1000  # in one list of an offer, each a name
_NAME = 256  # characters of such a name
_RULES = 1 << 16  # bytes of what an offer says of its methods
_TEXT = 4096  # characters of a description
_ALWAYS = ("count", "methods", "rate", "until")  # what a membrane enforces for any object


def check_offer(offer: Offer) -> None:
    """Refuse an offer whose name cannot be one, or whose parts are of the wrong sort: a peer may send anything."""
    if type(offer) is not Offer:
        raise BadArgument(f"an offer is a remit.machines.Offer, not {type(offer).__name__}")
    check_name("offer", offer.name)
    if type(offer.interface) is not str or type(offer.description) is not str or type(offer.kind) is not str:
        raise BadArgument(f"offer {offer.name}: interface, description and kind are texts")
    if max(len(offer.interface), len(offer.kind)) > _NAME or len(offer.description) > _TEXT:
        raise BadArgument(
            f"offer {offer.name}: interface and kind have at most {_NAME} characters, the description {_TEXT}"
        )
    if offer.rules is not None and type(offer.rules) is not Rules:
        raise BadArgument(f"offer {offer.name}: rules are a remit.lib.Rules")
    if not _texts(offer.supports) or not (offer.methods is None or _texts(offer.methods)) or type(offer.up) is not bool:
        raise BadArgument(f"offer {offer.name}: supports and methods are lists of names, up is true or false")
    for names in (offer.supports, offer.methods or ()):
        if len(names) > _MOST_NAMES or any(len(name) > _NAME for name in names):
            raise BadArgument(
                f"offer {offer.name}: supports and methods have at most {_MOST_NAMES} names of {_NAME} characters"
            )
    if offer.rules is not None and len(encode(offer.rules)) > _RULES:
        raise BadArgument(f"offer {offer.name}: its rules take more than {_RULES} bytes")


def check_report(report: Report) -> None:
    """Refuse a report whose parts are of the wrong sort, so that one machine cannot spoil what is shown of all."""
    bindings = report.bindings
    if not _texts(report.grants) or type(bindings) is not dict or not _texts(list(bindings.values())):
        raise BadArgument("a report has a list of edge ids, and a dict of edge ids by binding")
    if type(report.version) is not str or len(report.version) > 40:
        raise BadArgument("a report says the agent's version in at most 40 characters")
    check_offers(report.offers)


def check_offers(offers: object) -> None:
    """Refuse what is no list of offers, or too long a one."""
    if not isinstance(offers, list | tuple) or len(offers) > _MOST_OFFERS:
        raise BadArgument(f"a machine has a list of at most {_MOST_OFFERS} offers")
    for offer in offers:
        check_offer(offer)


def check_room(known: Collection[str], name: str) -> None:
    """Refuse a machine's next offer when it has as many as one may have."""
    if name not in known and len(known) >= _MOST_OFFERS:
        raise BadArgument(f"a machine makes at most {_MOST_OFFERS} offers: withdraw one that is not needed")


def _texts(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) <= _MOST and all(type(each) is str for each in value)


def description_of(cls: type) -> dict[str, Any]:
    """What an offer says of a class: kind, the attenuations it supports, its methods, and its rules."""
    kind = actor_type(cls)
    methods = {"()" if name is None else method.name for name, method in kind.methods.items()}
    return {
        "kind": kind.kind,
        "supports": sorted(supports(cls)),
        "methods": None if "()" in methods else sorted(methods),
        "rules": rules_of(cls),
    }


def described(offer: Offer, found: dict[str, Any]) -> Offer:
    """The offer, with what is known of its class; the kind is its interface unless it names one."""
    return offer.but(
        interface=offer.interface or found["kind"],
        supports=found["supports"],
        methods=found["methods"],
        rules=None,  # its objects are near, and judged by their classes
        up=True,
    )


def check_within(offer: Offer, interface: str, attenuation: Attenuation) -> Attenuation:
    """The attenuation in normal form; raises where the offer keeps another interface, or cannot enforce it."""
    if interface and interface != offer.interface:
        raise Conflict(
            f"{offer.name} keeps interface {offer.interface or '(none named)'}, and {interface} was asked for: "
            "bind another offer, or ask for its own"
        )
    checked = attenuation.checked()
    able = set(offer.supports or _ALWAYS)
    unable = [kind for kind in checked.kinds() if kind not in able]
    if unable:
        raise BadArgument(
            f"{offer.name} cannot enforce {', '.join(unable)}; it supports: {', '.join(sorted(able))}. "
            "A method that changes nothing is marked @reads, a method with a key @keyed"
        )
    for name in checked.methods or ():
        if offer.methods is not None and name not in offer.methods:
            from difflib import get_close_matches  # for errors only

            near = get_close_matches(name, offer.methods, 1)
            hint = f"did you mean {near[0]}?" if near else f"it answers: {', '.join(sorted(offer.methods))}"
            raise BadArgument(f"{offer.name} has no method {name!r} to be attenuated to; {hint}")
    return checked
