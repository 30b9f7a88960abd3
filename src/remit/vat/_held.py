"""What leaves a durable vat waits until the turns that caused it are kept; what never is breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from remit.vat._message import Message
from remit.vat._outcome import Failed
from remit.vat._ref import Promise

if TYPE_CHECKING:
    from remit.errors import Broken

Held = tuple[Callable[..., None], tuple[Any, ...]]
"""A function and its arguments: what happens outside once it may."""


def drop(go: Callable[..., None], args: tuple[Any, ...], why: Broken) -> None:
    """The vat has stopped: a message that was held breaks, and who waited for a result hears why there is none."""
    owner = getattr(go, "__self__", None)
    if isinstance(owner, Promise):
        if go == owner._settle:
            owner._settle(Failed(why), None)
    else:
        lost = getattr(owner, "lost", None)
        if lost is not None:
            lost(why)
    for arg in args:
        if isinstance(arg, Message):
            arg.fail(why, None)
