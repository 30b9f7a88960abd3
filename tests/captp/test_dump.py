"""A session prints its tables and finds each fault in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from remit.captp import Session
from remit.captp._bootstrap import BootstrapRef
from remit.captp._exports import Export
from remit.errors import LinkLost
from remit.testing import World
from remit.vat import Far, Promise, resolved
from tests.captp.objects import Counter, Shelf


class Ear:
    """Waits for a promise."""

    def settled(self, promise: Promise[Any]) -> None:
        """Nothing is done with it."""


class Busy:
    """Two nodes with something in every table; `session` is a's, the one that is looked at."""

    def __init__(self) -> None:
        self.world = World()
        self.a, self.b = self.world.node("a"), self.world.node("b")
        self.shelf: Any = self.b.vat.spawn(Shelf)
        self.b.objects[b"shelf"] = self.shelf
        self.a.objects[b"mine"] = self.mine = self.a.vat.spawn(Shelf)
        self.session: Session = self.world.open(self.a, self.b)
        self.world.settle()
        self.far: Any = self.a.remote(self.session, b"shelf")
        self.world.settle()
        self.counter: Any = self.a.vat.spawn(Counter)
        self.kept = self.far.put(self.counter)  # an export of a's
        self.pending = self.far.later()  # a question that stays open
        self.world.settle()
        back = self.world.pipes[self.session].receiver
        self.back: Any = self.b.remote(back, b"mine")  # an import of b's, an answer of a's
        self.world.settle()
        other = self.b.vat.spawn(Shelf)
        self.back.put([other.later()])  # a promise of b's at a, where somebody waits for it
        self.world.settle()
        got = self.mine.get()
        self.world.settle()
        resolved(got)[0]._wait(Ear())
        self.world.settle()
        self.session.new_answer(77)
        self.session.bootstrap.take(b"gift")
        self.question = self.far.get()  # on its way
        self.world.quiet()

    def question_number(self) -> int:
        return max(self.session._questions)


def test_tables_without_faults_are_printed_without() -> None:
    """Every entry has its line, in every state of a session's life, and no fault is found."""
    busy = Busy()
    text = busy.session.dump()
    for line in ("export ", "import ", "answer 77", "question ", "listening to ", "gifts waiting: 1", " to send"):
        assert line in text, text
    assert "FAULT" not in text
    session = busy.world.open(busy.world.node("c"), busy.b)
    assert "FAULT" not in session.dump()
    busy.world.settle()
    assert "FAULT" not in session.dump()
    session.end(LinkLost("over"))
    assert "FAULT" not in session.dump()


def an_import(session: Session) -> Any:
    return next(iter(session.imports.by_position.values()))


def mine(session: Session) -> int:
    """The position of an export that is no resolver."""
    return next(iter(session.exports.by_ref.values()))


def set_on(what: str, value: Any) -> Callable[[Busy], None]:
    return lambda busy: setattr(busy.session, what, value)


def lose_resolver(busy: Busy) -> None:
    question = busy.session._questions[busy.question_number()]
    for position, entry in list(busy.session.exports.by_position.items()):
        if position and getattr(entry, "ref", None) is question or entry is question:
            del busy.session.exports.by_position[position]


def settle_question(busy: Busy) -> None:
    busy.session._questions[busy.question_number()].promise._value = 1


def move_question(busy: Busy) -> None:
    busy.session._questions[busy.question_number() + 100] = busy.session._questions.pop(busy.question_number())


def misplace_question(busy: Busy) -> None:
    busy.session._questions[busy.question_number()].promise._at = -1000


def listen_elsewhere(busy: Busy) -> None:
    position = next(iter(busy.session._listening))
    busy.session._listening[position + 100] = busy.session._listening.pop(position)


def a_dead_import(busy: Busy) -> None:
    made: Any = Far(busy.a.vat, 900, busy.session)
    busy.session.imports.receive(900, promise=False)
    entry = type(an_import(busy.session))(made)
    entry.position, entry.count = 900, 1
    busy.session.imports.by_position[900] = entry
    del made


def move_import(busy: Busy) -> None:
    an_import(busy.session)()._at += 100


def strange_import(busy: Busy) -> None:
    next(e for e in busy.session.imports.by_position.values() if isinstance(e(), Far))()._link = None


def strange_export(busy: Busy) -> None:
    busy.session.exports.by_position[mine(busy.session)].ref = busy.a.vat.spawn(Counter)


def another_position(busy: Busy) -> None:
    busy.session.exports.by_position[mine(busy.session) - 1] = Export(busy.counter)


def future_export(busy: Busy) -> None:
    busy.session.exports.by_position[10_000] = Export(busy.mine)


def not_the_bootstrap(busy: Busy) -> None:
    busy.session.exports.by_position[0] = Export(BootstrapRef(busy.session))


def drop_deposit(busy: Busy) -> None:
    busy.session.bootstrap._gifts[b"lost"] = (Promise(busy.a.vat), True)


def ended_and_full(busy: Busy) -> None:
    busy.session.state = "ended"
    busy.session.cause = LinkLost("over")


def forgotten_by_the_node(busy: Busy) -> None:
    busy.a.meeting.by_id.clear()


def quietly(busy: Busy) -> None:
    busy.session._output.append(b"<8'op:abort>")
    busy.session._asked_output = False


FAULTS: list[tuple[Callable[[Busy], None], str]] = [
    (lambda busy: setattr(busy.session.exports.by_position[mine(busy.session)], "count", 0), "has count 0"),
    (future_export, "was never given out"),
    (strange_export, "index of"),
    (another_position, "is not in the index"),
    (not_the_bootstrap, "export 0 is not the bootstrap object"),
    (lambda busy: setattr(an_import(busy.session), "count", 0), "has count 0"),
    (lambda busy: busy.session.imports.given_back.update({3: 0}), "0 of import 3"),
    (a_dead_import, "is gone and was not given back"),
    (move_import, "is a reference to position"),
    (strange_import, "belongs to another session"),
    (move_question, "has the wrong answer position"),
    (settle_question, "is settled"),
    (misplace_question, "of another way"),
    (lambda busy: busy.session._gc_answers.append(busy.question_number()), "is open, and to be given back"),
    (lambda busy: busy.session._gc_answers.append(10_000), "was never asked"),
    (lose_resolver, "is not exported"),
    (listen_elsewhere, "is no import of ours"),
    (lambda busy: busy.session.answers.update({-1: Promise(busy.a.vat)}), "answer -1 is"),
    (drop_deposit, "was deposited, and is not there"),
    (
        lambda busy: busy.session.bootstrap._taken.update({b"no": Promise(busy.a.vat)}),
        "to be taken, and it is not there",
    ),
    (set_on("collecting", -1), "-1 gifts are on their way"),
    (set_on("owed", -1), "-1 results are owed"),
    (lambda busy: busy.session._counts.add(0), "are used, and kept one by one"),
    (quietly, "nobody was told"),
    (set_on("id", b"x" * 32), "its id is not that of both sides"),
    (set_on("remote_public", b"x" * 32), "side does not belong to its key"),
    (forgotten_by_the_node, "does not find it by its id"),
    (set_on("state", "greeting"), "greeting, but the peer has been heard"),
    (ended_and_full, "ended with"),
]


@pytest.mark.parametrize(("breaking", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_each_fault_is_found_and_marked(breaking: Callable[[Busy], None], said: str) -> None:
    """Each invariant has its check: what breaks it is told in a line that is marked."""
    busy = Busy()
    breaking(busy)
    marked = [line for line in busy.session.dump().splitlines() if line.startswith("  FAULT ")]
    assert any(said in line for line in marked), busy.session.dump()


def test_an_end_without_a_cause_is_a_fault() -> None:
    """Who asks an ended session why gets an answer."""
    world = World()
    session = world.open(world.node("a"), world.node("b"))
    world.settle()
    session.end(LinkLost("over"))
    session.cause = None
    assert "FAULT ended without a cause" in session.dump()
