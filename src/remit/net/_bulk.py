r"""Bulk streams: bytes between two nodes on a connection of their own, beside the CapTP session, by the same listener.

    dialler                                                 acceptor
       | -- signed hello, as for any connection: both keys proved -- |
       | -- "remit bulk 1\n" ticket(32) -------------------------->  |   knows the ticket, and for whose key it is
       | <- control: ok, or cut and why --------------------------- |
       | <====== messages of bytes, both ways ====================> |

The messages are those of the netlayer. One that is empty says that the next is no bytes but control: `ok`, `end` (no more bytes this way),
`ping`, `cut REASON`. A connection that ends without the `end` of its peer is a broken one, so nobody takes a part for the whole.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from remit.net._ends import End

if TYPE_CHECKING:
    from collections.abc import Callable

    from remit.net._channel import Channel

__all__ = ["OPENING", "TICKET", "Bulk"]

OPENING: Final = b"remit bulk 1\n"
TICKET: Final = 32
"""Bytes of a ticket: nobody guesses it."""
_LAST_WORDS: Final = 0.5
"""Seconds in which a cut connection may still take its reason; it carries no more bytes from the moment of the cut."""
_REASON: Final = 200


class Bulk(End):
    """One end of a bulk stream, as an end of a joint. Owned by its joint; until it is joined, by whoever dialled or expected it.

    `peer` is the key that the other node has proved. `answered(why)` is called once at the dialler's end: None, the ticket was good.
    """

    __slots__ = ("_control", "_gone", "_over", "_silent", "answered", "channel", "heard", "peer")

    def __init__(
        self, channel: Channel, gone: Callable[[Bulk], None], answered: Callable[[str | None], None] | None = None
    ) -> None:
        End.__init__(self)
        self.channel = channel
        self.peer = channel.peer
        self.answered = answered
        self._gone = gone
        self.heard = False  # since the last beat
        self._silent = 0  # beats in which nothing was heard
        self._control = False
        self._over = False
        self.full = channel.congested

    # --- the receiver of its channel ----------------------------------------------------------------

    def received(self, message: bytes) -> None:
        """Bytes, or a word about them."""
        self.heard = True
        if self._control:
            self._control = False
            self._word(message)
        elif not message:
            self._control = True
        else:
            joint, other = self.joint, self.other
            if joint is None or other is None or joint.over:
                return
            if joint.meter.take(len(message)):
                other.write(message)
            else:
                joint.overdrawn()

    def closed(self, cause: Exception | None) -> None:
        """The connection is gone."""
        self._over = True
        self._gone(self)
        why = str(cause) if cause is not None else "the other node has ended the connection"
        self._answer(why)
        self._lost(why)

    def congested(self, yes: bool) -> None:
        """See `Receiver.congested`."""
        self._congestion(yes)

    def _word(self, word: bytes) -> None:
        if word == b"end":
            self._ended()
        elif word == b"ok":
            self._answer(None)
        elif word.startswith(b"cut "):
            why = word[4 : 4 + _REASON].decode("utf-8", "replace")
            self._answer(why)
            self._lost(why)
            self.channel.abort()
        # Others are for later versions, and pings only have to be heard.

    def _answer(self, why: str | None) -> None:
        answered, self.answered = self.answered, None
        if answered is not None:
            answered(why)

    # --- what its owner says ------------------------------------------------------------------------

    def say(self, word: bytes) -> None:
        """A word of control."""
        self.channel.send([b"", word])

    def beat(self, patience: int) -> None:
        """A while has passed: show that we are here, and give up a peer that was silent for so many of them. None that we do not read."""
        if self._over:
            return
        reading = self.other is None or not self.other.full
        self._silent = 0 if self.heard or not reading else self._silent + 1
        self.heard = False
        if self._silent > patience:
            self.channel.abort()
            self._lost("the other node has fallen silent")
        elif not self.full:
            self.say(b"ping")

    # --- what the joint calls -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self.channel.send((data,))

    def finish(self) -> None:
        self.say(b"end")

    def pause(self) -> None:
        self.channel.pause()

    def resume(self) -> None:
        self.channel.resume()

    def close(self) -> None:
        self.channel.close()

    def cut(self, reason: str) -> None:
        if self._over:
            return
        if self.full:
            self.channel.abort()
            return
        self.say(b"cut " + reason.encode()[:_REASON])
        self.channel.close()
        asyncio.get_running_loop().call_later(_LAST_WORDS, self.channel.abort)
