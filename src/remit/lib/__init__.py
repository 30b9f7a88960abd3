"""Ready-made objects on top of the vat.

Narrowing and taking back: `Attenuation`, `Attenuated`, `Membrane`. Data: `Cell`, `Map`, `Set`, `Queue`. Telling many:
`Publisher`, `Ticker`. Promises: `all_of`, `any_of`, `race`. And sealers, swappable references, the timer, swiss numbers.

The state of all of them is their fields, so they last in a durable vat; `KINDS` are the classes to hand to it.
"""

from remit.lib._attenuated import Attenuated, attenuated
from remit.lib._attenuation import FREE, METERS, NOTHING, Attenuation, Metered, make_attenuation, narrow
from remit.lib._cell import Cell
from remit.lib._clock import Clock
from remit.lib._collections import Map, Set
from remit.lib._enforce import Enforcer, read_clock
from remit.lib._gate import GateRef, seat
from remit.lib._joiners import all_of, any_of, race
from remit.lib._membrane import Membrane, Proxy, membrane
from remit.lib._pubsub import Leaver, Publisher, Ticker
from remit.lib._queue import Queue
from remit.lib._rules import Rules, check_supported, keyed, rules_of, supports
from remit.lib._sealer import Brand, SealCheck, Sealed, Sealer, Unsealer, make_sealer
from remit.lib._swappable import Swappable, Switch, swappable
from remit.lib._swiss import SwissEntry, SwissNumbers
from remit.lib._timer import Timer

KINDS: tuple[type, ...] = (
    *(Attenuated, Brand, Cell, Clock, Leaver, Map, Membrane, Proxy, Publisher, Queue, SealCheck, Sealed, Sealer, Set),
    *(Swappable, SwissNumbers, Switch, Ticker, Unsealer),
)

__all__ = [
    "FREE",
    "KINDS",
    "METERS",
    "NOTHING",
    "Attenuated",
    "Attenuation",
    "Brand",
    "Cell",
    "Clock",
    "Enforcer",
    "GateRef",
    "Leaver",
    "Map",
    "Membrane",
    "Metered",
    "Proxy",
    "Publisher",
    "Queue",
    "Rules",
    "SealCheck",
    "Sealed",
    "Sealer",
    "Set",
    "Swappable",
    "SwissEntry",
    "SwissNumbers",
    "Switch",
    "Ticker",
    "Timer",
    "Unsealer",
    "all_of",
    "any_of",
    "attenuated",
    "check_supported",
    "keyed",
    "make_attenuation",
    "make_sealer",
    "membrane",
    "narrow",
    "race",
    "read_clock",
    "rules_of",
    "seat",
    "supports",
    "swappable",
]
