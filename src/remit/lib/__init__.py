"""Ready-made objects on top of the vat: attenuated and revocable references.

Durable for free, since their state is their fields; `KINDS` are the classes to hand to a durable vat.
"""

from remit.lib._attenuated import Attenuated, attenuated
from remit.lib._attenuation import FREE, NOTHING, Attenuation, narrow
from remit.lib._clock import Clock
from remit.lib._membrane import Membrane, Proxy, membrane
from remit.lib._rules import Rules, check_supported, keyed, rules_of, supports
from remit.lib._swiss import SwissEntry, SwissNumbers

KINDS: tuple[type, ...] = (Attenuated, Clock, Membrane, Proxy, SwissNumbers)

__all__ = [
    "FREE",
    "KINDS",
    "NOTHING",
    "Attenuated",
    "Attenuation",
    "Clock",
    "Membrane",
    "Proxy",
    "Rules",
    "SwissEntry",
    "SwissNumbers",
    "attenuated",
    "check_supported",
    "keyed",
    "membrane",
    "narrow",
    "rules_of",
    "supports",
]
