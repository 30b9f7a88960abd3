"""A peer that wants to be somebody else, or to have what is another's: sessions, promises, objects, methods."""

from __future__ import annotations

from typing import Any

import pytest

from remit.captp import Session
from remit.errors import BadArgument, Broken, NoSuchMethod, Refused, Uncertain
from remit.net import NodeKey, proves
from remit.testing import World
from remit.values import Locator, Symbol, Tagged, decode, encode, raw_record
from remit.vat import PENDING, Ref, actor, resolved
from tests.captp.hostile import Scene, deliver, desc, envelope, export, op, receive
from tests.captp.objects import Counter
from tests.captp.test_handoffs import Forged

S = Symbol


# --- hellos ----------------------------------------------------------------------------------------------------------


def greeted(world: World, name: str, hello: bytes, proved: str | None) -> Session:
    """A responder of node `name` that has got this as its first message."""
    session = Session(
        world.nodes[name], NodeKey.generate(), proves, world.nodes[name].locator, initiator=False, proved=proved
    )
    session.received(hello)
    return session


@pytest.fixture
def hellos() -> tuple[World, bytes, bytes]:
    """Nodes a and b, and what each has said to the other as its hello."""
    world = World()
    a, b = world.node("a"), world.node("b")
    ours = world.open(a, b)
    theirs = world.pipes[ours].receiver
    world.quiet()
    first = world.pipes[ours].messages[0]
    theirs.received(first)
    world.quiet()
    second = world.pipes[theirs].messages[0]
    return world, first, second


def test_a_hello_that_somebody_else_said_is_of_no_use_where_keys_are_proved(hellos: tuple[World, bytes, bytes]) -> None:
    """Mallory, who has proved her own key, repeats what Anna once said: the location is not of the key that she has proved."""
    world, annas, _ = hellos
    session = greeted(world, "b", annas, proved="mallory")
    assert session.state == "ended"
    assert "does not carry the key" in str(session.cause)


@pytest.mark.parametrize("proved", ["mallory", None])
def test_our_own_hello_reflected_makes_nobody_us(hellos: tuple[World, bytes, bytes], proved: str | None) -> None:
    """What this node said in one session comes back as the hello of another: nobody is found by our name for it."""
    world, _, ours = hellos
    session = greeted(world, "b", ours, proved=proved)
    assert session.state == ("ended" if proved else "open")
    assert world.nodes["b"].meeting.find(world.nodes["b"].locator) is None


def test_the_same_hello_twice_on_an_unproved_way_takes_nothing_from_the_first(
    hellos: tuple[World, bytes, bytes],
) -> None:
    """A replayed hello opens a session that knows nobody's secrets: another id, no place in the book, and the first goes on."""
    world, annas, _ = hellos
    b = world.nodes["b"]
    first = b.meeting.find(world.nodes["a"].locator)
    assert first is not None
    replayed = greeted(world, "b", annas, proved=None)
    assert replayed.state == "open"
    assert replayed.id != first.id
    assert b.meeting.find(world.nodes["a"].locator) is first
    assert first.state == "open"


@pytest.mark.parametrize("unproved", [True, False])
def test_a_second_session_takes_over_only_with_the_proved_key(unproved: bool) -> None:
    """By a claim alone nobody ends, or is found instead of, the session of the node that it claims to be."""
    world = World()
    a, b = world.node("a"), world.node("b")
    first = world.open(a, b)
    world.settle()
    theirs = world.pipes[first].receiver
    a.meeting = type(a.meeting)()
    second = world.open(a, b)
    world.pipes[second].receiver.proved = None if unproved else "a"
    world.settle()
    assert (theirs.state == "open") == unproved
    assert b.meeting.find(a.locator) is (theirs if unproved else world.pipes[second].receiver)


# --- handoffs ---------------------------------------------------------------------------------------------------------


GIVE = ("receiver_key", "exporter", "session", "gifter_side", "gift")  # the fields of one


@pytest.mark.parametrize("field", GIVE)
def test_a_give_that_was_changed_after_it_was_signed_is_refused(field: str) -> None:
    """Each field of the give is under the gifter's signature: a receiver cannot make it another gift, or another's."""
    forged = Forged()
    from remit.captp._descriptors import Give

    parts = {name: getattr(forged.give, name) for name in GIVE}
    other: dict[str, Any] = {
        "receiver_key": forged.three.to_e.remote_key_value,
        "exporter": Locator("remit", "elsewhere"),
        "session": forged.session.id,
        "gifter_side": forged.session.side,
        "gift": b"another",
    }
    changed = Give(**{**parts, field: other[field]})
    genuine = forged.three.to_e.key.sign(encode(forged.give.record()))
    forger = type("Signed", (), {"sign": lambda self, data: genuine})()
    with pytest.raises(Refused, match="signature|no session"):
        forged.claim(give=changed, gifter=forger)
    assert forged.three.result(forged.claim(count=9).increment(1)) == 1


def test_a_claim_replayed_in_another_session_is_refused() -> None:
    """It names the session that it was made for."""
    forged = Forged()
    again = forged.three.world.open(forged.three.r, forged.three.e)
    old = forged.session
    forged.three.world.settle()
    forged.session = again
    with pytest.raises((Refused, Broken), match="another session|no session"):
        forged.claim(session=old.id, side=old.side)


def test_a_gift_can_be_taken_once() -> None:
    """A second claim on the same give, with a new count, waits for a gift that will not come; a third is refused."""
    forged = Forged()
    forged.claim(count=0)
    assert forged.claim(count=1) is PENDING
    with pytest.raises(Refused, match="being withdrawn already"):
        forged.claim(count=2)


# --- other people's promises and objects ----------------------------------------------------------------------------------


def test_nobody_resolves_the_promise_of_another() -> None:
    """Resolvers are exports of one session: the same position leads a hostile peer to its own table, not to the honest one's."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    waiting = scene.far.ask(scene.c.vat.spawn(Counter), 1)  # the honest node is asked, and has not answered
    honest = scene.world.pipes[scene.honest].receiver
    while not honest._questions:
        scene.world.pass_on(scene.world.pending()[0])
    positions = [p for p, e in honest.exports.by_position.items() if e in honest._questions.values()]
    for position in positions:
        if position in scene.session.exports.by_position:
            scene.inject(deliver(S("fulfill"), 666, to=position))
        else:
            scene.session.received(encode(deliver(S("fulfill"), 666, to=position)))
            assert "no export at position" in str(scene.aborted())
    assert scene.result(waiting) == 1


def test_an_answer_that_nobody_asked_for_is_no_answer() -> None:
    """`fulfill` to an object, to the bootstrap object, to a question that is settled: an error for the sender, at most."""
    scene = Scene()
    scene.inject(deliver(S("fulfill"), 1, to=1, answer=1), deliver(S("fulfill"), 1, to=0, answer=2))
    for answer in (1, 2):
        with pytest.raises(NoSuchMethod):
            scene.result(scene.session.answers[answer])
    scene.check_unharmed()


def test_a_resolver_given_back_without_an_answer_is_no_answer() -> None:
    """The question ends as uncertain at once, and the late answer ends the session, since its position is gone."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    promise = scene.result(scene.counter.notes())[0].anything()
    scene.world.quiet()
    (position,) = [p for p, e in scene.session.exports.by_position.items() if e in scene.session._questions.values()]
    scene.inject(op("gc-exports", [position], [1]))
    with pytest.raises(Uncertain):
        resolved(promise)
    scene.inject(deliver(S("fulfill"), 1, to=position))
    assert f"no export at position {position}" in str(scene.session.cause)
    scene.answers()
    scene.check_unharmed()


def test_what_one_peer_was_given_is_not_at_the_same_number_for_another() -> None:
    """Positions are numbers of one session, not secrets: guessing them leads nowhere."""
    scene = Scene()
    honest = scene.world.pipes[scene.honest].receiver
    secret = scene.b.vat.spawn(Counter)
    position = honest.exports.add(secret) + 50
    scene.inject(deliver(S("increment"), to=position))
    assert "no export at position" in str(scene.aborted())
    scene.check_unharmed()


# --- methods and arguments ------------------------------------------------------------------------------------------------


@actor(kind="test.takeover.vault")
class Vault:
    """Has secrets, and one method."""

    secret: str = "s3cret"
    opened: int = 0

    def open(self, code: int, *, loud: bool = False) -> int:
        self.opened += 1
        return self.opened

    def _reset(self) -> None:
        self.secret = ""

    def any(self, **options: Any) -> list[str]:
        return sorted(options)


NAMES = [
    "_reset",
    "__init__",
    "__class__",
    "__dict__",
    "__call__",
    "secret",
    "opened",
    "_at",
    "_remit_",
    "open\0",
    "",
    "Open",
    "öpen",
]


@pytest.mark.parametrize("name", NAMES)
def test_only_public_methods_are_messages(name: str) -> None:
    """Fields, private names, Python's own names and near misses: there is no such method, and nothing has happened."""
    scene = Scene()
    vault = scene.b.vat.spawn(Vault)
    scene.session.exports.add(vault)
    scene.inject(deliver(S(name), to=2, answer=1))
    with pytest.raises(NoSuchMethod):
        scene.result(scene.session.answers[1])
    assert (vault._at.secret, vault._at.opened) == ("s3cret", 0)
    scene.check_unharmed()


@pytest.mark.parametrize(
    "args",
    [
        ["open", 5],
        [b"open", 5],
        [5],
        [[S("open")], 5],
        [Tagged("x", S("open")), 5],
        [],
        [S("open")],
        [S("open"), "5"],
        [S("open"), 5.0],
        [S("open"), True],
        [S("open"), None],
        [S("open"), [5]],
        [S("open"), desc("import-object", 7)],
        [S("open"), 5, 6],
        [S("open"), Tagged("kwargs", {"code": 5, "extra": 1})],
        [S("open"), 5, Tagged("kwargs", {"code": 5})],
        [S("open"), 5, Tagged("kwargs", {"self": 5})],
        [S("open"), 5, Tagged("kwargs", {"loud": 1})],
        [S("open"), 5, Tagged("kwargs", {"__class__": 1})],
        [S("open"), 5, Tagged("kwargs", [1])],
        [S("open"), Tagged("kwargs", {"code": 5}), 1],
    ],
    ids=range(21),
)
def test_guards_are_passed_by_no_form_of_arguments(args: list[Any]) -> None:
    """A method's name that is no symbol, values of other types, too many, too few, twice, by name or not: refused before its turn."""
    scene = Scene()
    vault = scene.b.vat.spawn(Vault)
    scene.session.exports.add(vault)
    scene.inject(deliver(*args, to=2, answer=1))
    with pytest.raises((BadArgument, NoSuchMethod)):
        scene.result(scene.session.answers[1])
    assert vault._at.opened == 0
    scene.check_unharmed()


def test_names_of_keyword_arguments_do_nothing_by_themselves() -> None:
    """A method that takes any gets them as they are; `self` is not one of them."""
    scene = Scene()
    vault = scene.b.vat.spawn(Vault)
    scene.session.exports.add(vault)
    scene.inject(deliver(S("any"), Tagged("kwargs", {"__class__": 1, "_x": 2, "": 3, "self": 4}), to=2, answer=1))
    scene.inject(deliver(S("any"), Tagged("kwargs", {"__class__": 1, "_x": 2, "": 3}), to=2, answer=2))
    with pytest.raises(BadArgument):
        scene.result(scene.session.answers[1])
    assert scene.result(scene.session.answers[2]) == ["", "__class__", "_x"]
    assert type(vault._at) is Vault
    scene.check_unharmed()


# --- errors ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x" * 900_000, "Revoked: \x1b[2J [id]", "KeyError: a\nb [x]", "\u202e", ""])
def test_an_errors_text_is_no_more_than_text(text: str) -> None:
    """Whatever a peer breaks our promise with, the one who waits gets a `Broken`, and no class of the peer's choosing but ours."""
    scene = Scene()
    scene.inject(deliver(S("note"), desc("import-object", 1)))
    promise = scene.result(scene.counter.notes())[0].anything()
    scene.world.quiet()
    (position,) = [p for p, e in scene.session.exports.by_position.items() if e in scene.session._questions.values()]
    scene.inject(deliver(S("break"), desc("error", text), to=position))
    with pytest.raises(Broken) as caught:
        scene.result(promise)
    assert type(caught.value).__module__ == "remit.errors"
    scene.check_unharmed()


def test_after_an_abort_nothing_is_taken_and_nothing_said() -> None:
    """Messages that were on their way, a new hello, another abort: the ended session is deaf and dumb."""
    scene = Scene()
    before = scene.counter._at.count
    scene.inject(op("abort", "bye"))
    scene.answers()
    hello = op("start-session", "1.0", 1, 2, 3)
    scene.inject(deliver(S("increment"), answer=1), hello, op("abort", "again"), op("gc-exports", [1], [1]))
    assert scene.answers() == []
    assert scene.counter._at.count == before
    assert scene.session.state == "ended" and scene.session.left() == []


def test_an_envelope_cannot_be_sent_to_an_object_as_data() -> None:
    """A claim that somebody else signed is no value: no object can be made to keep and pass it on."""
    scene = Scene()
    scene.inject(deliver(S("note"), envelope(receive())))
    assert scene.aborted() == "a handoff descriptor stands where a value is expected"
    scene.check_unharmed()


def test_the_tests_objects_are_near(hellos: Any) -> None:
    """`decode` of what is on the wire shows hellos as records, for the tests above."""
    _, first, _ = hellos
    assert decode(first, record=raw_record).label == S("op:start-session")
    assert isinstance(Scene().counter, Ref)
    assert export(1).label == S("desc:export")
