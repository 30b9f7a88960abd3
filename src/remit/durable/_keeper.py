"""Keeps a vat: notes what each turn changed, commits turns in groups, and lets go what was held for them.

    turn commits ──changed()──► batch ──flush()──► writer ──on disk──► _release(held)

An object becomes durable when a durable object's field first refers to it, and is forgotten when nothing in the
process refers to it any more: all durable objects are in memory, so then no field does either.
"""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from remit.durable._inbox import Inbox, Receipt
from remit.durable._kept import KeptRef
from remit.durable._outbox import Outbox, Posting
from remit.durable._pace import Pace
from remit.durable._portrait import KINDS, Portraits, entry_key, index_key
from remit.durable._rows import Batch, Store
from remit.durable._writer import Writer
from remit.errors import StoreError, Uncertain
from remit.values import key as kind_of
from remit.vat import Ref, Root, Turn, TurnDict, TurnList, Vat

__all__ = ["DurableKeeper", "Group"]

Held = list[tuple[Callable[..., None], tuple[Any, ...]]]


class Group:
    """Turns that are being written together, and what is held for them."""

    __slots__ = ("held",)

    def __init__(self, held: Held) -> None:
        self.held = held


class DurableKeeper:
    """The keeper of one vat (`remit.vat.Keeper`); owned by its `DurableVat`.

    Without an event loop each flush is committed at once, in this thread; with one, that is for `pace` to say. `clean` is whether
    all that turns have changed is kept.
    """

    def __init__(self, vat: Vat, store: Store, next_id: int, outbox: Outbox, inbox: Inbox) -> None:
        self.vat = vat
        self.store = store
        self.outbox = outbox
        self.inbox = inbox
        outbox.forget = self.acknowledged
        inbox.keep = self.seen
        self.on_failure: Callable[[StoreError], None] | None = None
        self.hop: Callable[[Callable[[], None]], None] | None = None
        self.next_id = next_id
        self.pace = Pace()
        self.clean = True
        self._writer: Writer | None = None
        self._batch = Batch()
        self._turn_batch = Batch()
        self._ids: weakref.WeakKeyDictionary[Ref[Any], int] = weakref.WeakKeyDictionary()
        self._refs: dict[int, KeptRef] = {}
        self._gone: deque[KeptRef] = deque()
        self._makers: weakref.WeakKeyDictionary[Ref[Any], weakref.ref[Ref[Any]]] = weakref.WeakKeyDictionary()
        self._new: list[Ref[Any]] = []
        self._flying: list[Group] = []
        self._drained: Callable[[], None] | None = None
        self._portraits = Portraits(vat, self._number)

    # --- which objects are durable -----------------------------------------------------------------------

    def adopt(self, ref: Ref[Any], id: int) -> None:
        """This reference is the object with this id."""
        kept = KeptRef(ref, self._forget)
        kept.id = id
        self._refs[id] = kept
        self._keep_as(ref, id)
        self._makers.pop(ref, None)

    def made(self, ref: Ref[Any], by: Ref[Any]) -> None:
        """Remember who made an object until it is durable: that one should hold it."""
        self._makers[ref] = weakref.ref(by)

    def maker(self, ref: Ref[Any]) -> Ref[Any] | None:
        """Who made an object that is not durable, None if not known or gone."""
        by = self._makers.get(ref)
        return None if by is None else by()

    def id_of(self, ref: Ref[Any]) -> int | None:
        """The id of a durable object."""
        return self._id(ref) or None

    def _id(self, ref: Root) -> int:
        """The id of an object, 0 if it is not durable. It stands in the object's seat, if it has one; else in a table, which is slower."""
        seat = ref._seat
        if seat.vat is self.vat:
            return seat.kept
        known: Any = ref
        return self._ids.get(known, 0)

    def _keep_as(self, ref: Root, id: int) -> None:
        """The object has this id from now on; 0: it is not durable after all."""
        seat, known = ref._seat, ref
        if seat.vat is self.vat:
            seat.kept = id
        elif id:
            self._ids[known] = id  # type: ignore[index]  # every Root is a Ref
        else:
            self._ids.pop(known, None)  # type: ignore[call-overload]  # as before

    def _number(self, ref: Ref[Any]) -> int:
        id = self._id(ref)
        if not id:
            id = self.next_id
            self.next_id += 1
            self._new.append(ref)
            self._keep_as(ref, id)
        return id

    def _forget(self, kept: KeptRef) -> None:
        # Python may call this at any moment, and in the writer's thread: the batch is touched at the next flush.
        self._gone.append(kept)

    def _bury(self) -> None:
        """Delete what nothing refers to any more."""
        while self._gone:
            kept = self._gone.popleft()
            if self._refs.get(kept.id) is kept:
                del self._refs[kept.id]
                self._batch.delete_object(kept.id)

    def sweep(self, ids: list[int]) -> None:
        """Forget stored objects that no root reaches."""
        for id in ids:
            self._batch.delete_object(id)

    def rewrite(self, ref: Ref[Any]) -> None:
        """Write a whole object anew: it was brought up to its class's version."""
        batch = self._turn_batch = Batch()
        batch.delete_object(self._id(ref))
        self._whole(ref)
        self._write_new()
        self._note(batch)

    # --- what a turn changed ----------------------------------------------------------------------------------

    def changed(self, turn: Turn) -> None:
        """Note what the turn changed in durable objects; raises `NotStorable`, and then has noted nothing."""
        postings = [effect for effect in turn.calls if type(effect) is Posting] if turn.mixed else []
        receipt: Any = turn.context if type(turn.context) is Receipt and not turn.context.done else None
        if receipt is not None and turn.target is not receipt.meant():
            receipt = None  # a turn of a gate on the way, which counts a use
        if turn.changed is None and not postings and receipt is None:
            return
        before = turn.before
        batch = self._turn_batch
        if batch.fields or batch:
            batch = self._turn_batch = Batch()
        next_id = self.next_id
        try:
            for ref in (turn.target, *turn.touched) if turn.touched else (turn.target,):
                id = 0 if ref is None else self._id(ref)
                if id:
                    self._object(id, ref, before)
            if self._new:
                self._write_new()
            if postings:
                self.outbox.note(postings, batch)
        except BaseException:
            for ref in self._new:
                self._keep_as(ref, 0)
            self._new.clear()
            self.next_id = next_id
            raise
        if receipt is not None:
            receipt.inbox.note(receipt, batch)
            turn.effects.append(receipt)
        if batch.fields or batch:
            self._note(batch)

    def acknowledged(self, target: bytes, numbers: list[int]) -> None:
        """Durable messages that need not be sent again: forgotten with the next commit, or one soon."""
        for number in numbers:
            self._batch.delete_outbox(number, target)
        if self.vat.stopped is None and not self.vat._awake:
            self.vat._rouse()

    def seen(self, sender: bytes, number: int) -> None:
        """A durable message came to nothing; its number is kept all the same."""
        batch = Batch()
        batch.note_inbox(sender, number)
        self._note(batch)

    def _note(self, batch: Batch) -> None:
        if self._batch.fields or self._batch:  # nearly always there are fields, and to ask for the whole takes longer
            self._batch.absorb(batch)
        else:
            self._batch, self._turn_batch = batch, self._batch  # an empty one, for the next turn
        self.clean = False

    def root(self, name: str, ref: Ref[Any]) -> None:
        """From now on this object is kept under a name."""
        batch = self._turn_batch = Batch()
        batch.put_meta(f"root:{name}", b"%d" % self._number(ref))
        self._write_new()
        self._note(batch)

    def _write_new(self) -> None:
        """Write objects that have become durable; doing so may find more."""
        written = 0
        while written < len(self._new):
            self._whole(self._new[written])
            written += 1
        for ref in self._new:
            self.adopt(ref, self._id(ref))
        if self._new:
            self._turn_batch.put_meta("next-id", b"%d" % self.next_id)
        self._new.clear()

    def _whole(self, ref: Ref[Any]) -> None:
        id, instance = self._id(ref), ref._at
        kind = instance._remit_
        self._turn_batch.put_object(id, kind.kind, kind.version)
        for name in kind.fields:
            for key, value in self._portraits.rows(f"{kind.kind}.{name}", getattr(instance, name)):
                self._turn_batch.put_field(id, name, key, value)

    def _object(self, id: int, ref: Any, before: dict[Any, Any]) -> None:
        if ref in before:  # it has become something else
            self._turn_batch.delete_object(id)
            self._whole(ref)
            return
        instance = ref._at
        kind = instance._remit_
        old = before.get(instance)
        for at, name in enumerate(kind.fields):
            value = getattr(instance, name)
            if old is not None and old[at] is not value:
                self._field(id, f"{kind.kind}.{name}", name, old[at], value)
            elif type(value) in KINDS and (entries := before.get(value)) is not None:
                self._entries(id, f"{kind.kind}.{name}", name, value, entries, before)

    def _field(self, id: int, where: str, name: str, old: Any, value: Any) -> None:
        if type(old) in KINDS or type(value) in KINDS:
            self._turn_batch.clear_field(id, name)
        for key, row in self._portraits.rows(where, value):
            self._turn_batch.put_field(id, name, key, row)

    def _entries(self, id: int, where: str, name: str, value: Any, old: Any, before: dict[Any, Any]) -> None:
        kind = type(value)
        if kind is TurnDict:
            batch = self._turn_batch
            for entry in old:
                if entry in value:
                    row = self._portraits.value(where, value[entry], entry)
                    batch.put_field(id, name, entry_key(entry), row)
                else:
                    batch.delete_field(id, name, entry_key(entry))
        elif kind is TurnList:
            self._elements(id, where, name, value, old, before)
        else:
            # By kind, as values compare: 1, True and 1.0 are three elements.
            was, now = {kind_of(entry): entry for entry in old}, {kind_of(entry): entry for entry in value}
            for one in was.keys() - now.keys():
                self._turn_batch.delete_field(id, name, self._portraits.value(where, was[one]))
            for one in now.keys() - was.keys():
                self._turn_batch.put_field(id, name, self._portraits.value(where, now[one]), b"")

    def _elements(self, id: int, where: str, name: str, value: TurnList, old: Any, before: dict[Any, Any]) -> None:
        start, length = (old, old) if isinstance(old, int) else (0, len(old))
        for index in range(start, len(value)):
            entry = value[index]
            same = isinstance(old, list) and index < length and old[index] is entry
            if not same or (type(entry) in KINDS and entry in before):
                row = self._portraits.value(where, entry, index)
                self._turn_batch.put_field(id, name, index_key(index), row)
        for index in range(len(value), length):
            self._turn_batch.delete_field(id, name, index_key(index))

    # --- keeping ------------------------------------------------------------------------------------------------

    def flush(self, held: Held) -> None:
        """Write what has been noted, then let go what was held for it (and for what is being written already)."""
        self._bury()
        if not self._batch:
            if self._flying:
                self._flying[-1].held.extend(held)
            else:
                self.clean = True
                self._release(held)
            return
        batch, self._batch = self._batch, Batch()
        if self.hop is None or (not self._flying and self.pace.quick(len(batch))):
            self._write_now(batch, held)
        else:
            self._hand_over(batch, Group(held), self.hop)

    def _hand_over(self, batch: Batch, group: Group, hop: Callable[[Callable[[], None]], None]) -> None:
        if self._writer is None:
            self._writer = Writer(self.store, self.pace)
        self._flying.append(group)
        self._writer.submit(batch, lambda error: hop(lambda: self._written(group, error)))

    def _write_now(self, batch: Batch, held: Held) -> None:
        began = time.perf_counter()
        try:
            self.store.commit(batch)
        except BaseException as error:
            # Whatever it is, nothing of the batch can be trusted to be kept.
            self._failed(_as_store_error(error))
            self.vat._forsake(held)
            if not isinstance(error, Exception):
                raise
            return
        self.pace.took(time.perf_counter() - began)
        self.clean = True
        self._release(held)

    def _written(self, group: Group, error: BaseException | None) -> None:
        if group in self._flying:
            self._flying.remove(group)
        if error is None:
            self.clean = not self._flying and not self._batch
            self._release(group.held)
        else:
            if self.vat.stopped is None:
                self._failed(_as_store_error(error))
            self.vat._forsake(group.held)
        if not self._flying and self._drained is not None:
            self._drained()

    def _release(self, held: Held) -> None:
        vat: Any = self.vat  # by its name, so that tests can put something in its place on a compiled build, too
        vat._release(held)

    def _failed(self, error: StoreError) -> None:
        """A commit failed: nothing that it should have kept may leave, so the vat ends here."""
        self.vat.stop(Uncertain(f"vat {self.vat.name} could not keep its state ({error}); what was asked may be lost"))
        if self.on_failure is not None:
            self.on_failure(error)

    def drained(self, then: Callable[[], None]) -> bool:
        """Whether all that was handed over is written and told; if not, `then` is called when it is."""
        self._drained = then
        return not self._flying

    def close(self) -> None:
        """Wait until all that was handed over is written."""
        if self._writer is not None:
            self._writer.close()


def _as_store_error(error: BaseException) -> StoreError:
    return error if isinstance(error, StoreError) else StoreError(f"the store failed: {error!r}")
