"""How what a turn has said to entities leaves when it commits."""

from __future__ import annotations

from typing import Any

from remit.vat import Context, Message, Ref, Vat

__all__ = ["send_turns"]


def send_turns(batches: dict[Ref[Any], list[Any]], context: Context, vat: Vat) -> None:
    """Send each entity its `turn(events)`, expecting nothing; the turn of this vat that said it has just ended well.

    An entity in the same vat gets it as calls between its objects are made, which is most of what a dataspace does.
    """
    near = vat if context.trace is None and vat.stopped is None and vat._awake else None
    account, append = context.account, vat._queue.append
    for entity, events in batches.items():
        seat = entity._seat
        if near is None or seat.vat is not near:
            Message(entity, "turn", (events,), None, None, context).commit(vat)
            continue
        if account is not None:
            account.borrow()
        append((entity, seat, "turn", (events,), None, context))
