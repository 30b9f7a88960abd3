"""Objects, references, promises and turns. No I/O; runs without an event loop, or driven by one.

Imports only `errors` and `values`. Start with `_vat.py` (the queue and the turn), then `_ref.py` (how a message finds its way),
`_turn.py` (what a turn can undo) and `_actor.py` (what an object is).
"""

from remit.vat._active import current
from remit.vat._actor import ActorType, actor, actor_type, field
from remit.vat._api import (
    Resolver,
    become,
    call,
    call_now,
    off_sever,
    on,
    on_sever,
    promise,
    resolved,
    send,
    spawn,
    this,
)
from remit.vat._attempt import attempt
from remit.vat._containers import TurnDict, TurnList, TurnSet
from remit.vat._link import Link
from remit.vat._message import ROOT, Account, Context, Facet, Message, Step
from remit.vat._method import Method, reads
from remit.vat._outcome import PENDING, Failed, failed
from remit.vat._pledge import Pledge, final, route
from remit.vat._ref import Far, Promise, Ref
from remit.vat._renew import near_objects, renew
from remit.vat._seat import Root
from remit.vat._send import post
from remit.vat._spelt import Teller, tell
from remit.vat._task import Handler
from remit.vat._turn import Turn
from remit.vat._vat import Keeper, Recorder, Vat
from remit.vat._waiting import Prompt, Waiter

__all__ = [
    "PENDING",
    "ROOT",
    "Account",
    "ActorType",
    "Context",
    "Facet",
    "Failed",
    "Far",
    "Handler",
    "Keeper",
    "Link",
    "Message",
    "Method",
    "Pledge",
    "Promise",
    "Prompt",
    "Recorder",
    "Ref",
    "Resolver",
    "Root",
    "Step",
    "Teller",
    "Turn",
    "TurnDict",
    "TurnList",
    "TurnSet",
    "Vat",
    "Waiter",
    "actor",
    "actor_type",
    "attempt",
    "become",
    "call",
    "call_now",
    "current",
    "failed",
    "field",
    "final",
    "near_objects",
    "off_sever",
    "on",
    "on_sever",
    "post",
    "promise",
    "reads",
    "renew",
    "resolved",
    "route",
    "send",
    "spawn",
    "tell",
    "this",
]
