"""How what a turn has said to entities leaves when it commits."""

from __future__ import annotations

from typing import Any

from remit.vat import Context, Far, Message, Ref, Vat

__all__ = ["send_turns"]


def send_turns(batches: dict[Ref[Any], list[Any]], context: Context, vat: Vat) -> None:
    """Send each entity its `turn(events)`, expecting nothing; the turn of this vat that said it has just ended well.

    An entity in the same vat gets it as calls between its objects are made, which is most of what a dataspace does. One behind a link
    for entities (`remit.dataspace.syndicate`) gets it as the link would at the end of a message's way, when it was looked at again.
    """
    near = vat if context.trace is None and vat.stopped is None and vat._awake else None
    account, append = context.account, vat._queue.append
    for entity, events in batches.items():
        seat = entity._seat
        if near is None or seat.vat is not near:
            if near is not None and type(entity) is Far and near._keeper is None:
                hand = getattr(entity._link, "hand_turn", None)
                if hand is not None:
                    hand(entity._at, events, context)
                    continue
            Message(entity, "turn", (events,), None, None, context).commit(vat)
            continue
        if account is not None:
            account.borrow()
        append((entity, seat, "turn", (events,), None, context))
