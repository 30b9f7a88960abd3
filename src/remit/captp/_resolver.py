"""The exported end of a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from remit.errors import NoSuchMethod
from remit.values import Symbol
from remit.vat import Message, Ref, Vat, failed

if TYPE_CHECKING:
    from remit.captp._question import Question


class ResolverRef(Ref[Any]):
    """`fulfill` and `break` settle the promise of a question, without a turn of any vat."""

    __slots__ = ()

    _at: Question

    def _route(self, message: Message, sender: Vat | None) -> None:
        """Take `[fulfill value]` or `[break reason]`; whatever else is a mistake of the peer's."""
        args = message.args
        selector = message.selector
        if selector is None and args and isinstance(args[0], Symbol):
            selector, args = args[0].name, args[1:]
        value = args[0] if args else None
        question = self._at
        if selector == "fulfill":
            question.session._resolved(question, value)
        elif selector == "break":
            question.session._resolved(question, failed(value))
        else:
            message.fail(NoSuchMethod("a resolver answers fulfill and break"), sender)
            return
        message.finish()

    def __repr__(self) -> str:
        return "<resolver of a question>"
