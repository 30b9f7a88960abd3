"""One question to one object of a peer, in a session that is for nothing else: for processes that ask and end.

    start-session, fetch, call of what is fetched   in one go
    start-session, resolved or broken               comes back

No tables are kept: two questions are asked, of which the second is sent to the first one's answer; whatever else the peer sends
is let be. (OCapN draft specification *CapTP*, op:start-session, op:deliver.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.captp._crypto import key_value, my_location, signature_value
from remit.captp._dialect import VERSION
from remit.errors import Broken, LinkLost, ProtocolError
from remit.values import Record, Symbol, decode, encode, raw_record

if TYPE_CHECKING:
    from remit.captp._crypto import SessionKey
    from remit.values import Locator

__all__ = ["Once"]

FETCHED: Final = 1  # the question for the object, and our export that hears its answer
ASKED: Final = 2  # the same of the call


class Once:
    """The question `selector(*args)` to the object with a swiss number. `key`: made for this session, `location`: the asker's own.

    `messages` are to be sent in order; `received` takes those that come, until `done`, and then there is `value`.
    """

    __slots__ = ("done", "messages", "value")

    def __init__(self, key: SessionKey, location: Locator, swiss: bytes, selector: str, args: tuple[Any, ...]) -> None:
        signature = signature_value(key.sign(my_location(location)))
        hello = Record(Symbol("op:start-session"), [VERSION, key_value(key.public), location, signature])
        fetch = _deliver(_at("desc:export", 0), [Symbol("fetch"), swiss], FETCHED)
        call = _deliver(_at("desc:answer", FETCHED), [Symbol(selector), *args], ASKED)
        self.messages = [encode(each) for each in (hello, fetch, call)]
        self.done = False
        self.value: Any = None

    def received(self, data: bytes) -> None:
        """One whole message of the peer. Raises the `Broken` with which the question was answered, or `ProtocolError`."""
        operation = decode(data, record=raw_record)
        name, fields = _parts(operation)
        if name == "op:abort":
            raise LinkLost(f"the peer ended the session: {fields[0] if fields else 'no reason given'!s:.200}")
        if name != "op:deliver" or len(fields) < 2 or type(fields[1]) is not list or len(fields[1]) != 2:
            return
        target, at = _parts(fields[0])
        verdict, value = fields[1]
        if target != "desc:export" or at[:1] not in ([FETCHED], [ASKED]):
            return
        if verdict == Symbol("break"):
            raise _broken(value)
        if at == [ASKED] and verdict == Symbol("fulfill"):
            self.done, self.value = True, value


def _deliver(target: Record, args: list[Any], question: int) -> Record:
    return Record(Symbol("op:deliver"), [target, args, question, _at("desc:import-object", question)])


def _at(kind: str, position: int) -> Record:
    return Record(Symbol(kind), [position])


def _parts(value: Any) -> tuple[str, list[Any]]:
    if not isinstance(value, Record) or not isinstance(value.label, Symbol):
        raise ProtocolError("a message is an operation, and its target a descriptor")
    return value.label.name, value.fields


def _broken(value: Any) -> Broken:
    _, fields = _parts(value)
    return Broken.parse(str(fields[0]) if fields else "")
