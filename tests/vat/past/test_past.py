"""The recent turns of a vat: what is kept of them, what objects were, and that the vat runs as it does without."""

from __future__ import annotations

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.durable import DurableVat, MemoryStore
from remit.errors import Missing, Misuse
from remit.values import Secret, record
from remit.vat import Failed, Vat, actor, become, call, field, on, promise, tell
from remit.vat.past import Past, changes_of, fields_at, told_turn


@record("test.past.pair", known=False)
class Pair:
    left: object
    right: object


@actor(kind="test.past.account")
class Account:
    """Has all kinds of fields."""

    balance: int = 0
    owner: object = None
    entries: list = field(list)
    table: dict = field(dict)
    marks: set = field(set)

    def deposit(self, amount: int):
        self.balance += amount
        self.entries.append(amount)
        return self.balance

    def put(self, name, value):
        self.table[name] = value

    def drop(self, name):
        del self.table[name]

    def mark(self, name):
        self.marks.add(name)

    def own(self, owner):
        self.owner = owner

    def fail(self):
        self.balance = -1
        raise ValueError("no")

    def move(self, other, amount):
        self.balance -= amount
        other.deposit(amount)

    def both(self, other, amount):
        call(other).deposit(amount)
        self.balance += amount

    async def slowly(self, other):
        await other.deposit(1)
        self.balance += 100
        await other.deposit(2)

    def later(self, awaited):
        return on(awaited, fulfilled=self._got)

    def _got(self, value):
        self.balance = value

    def turn_into(self, other):
        become(other)


@pytest.fixture
def vat():
    return Vat("v")


@pytest.fixture
def past(vat):
    made = Past(vat)
    made.begin()
    return made


def turns(past):
    return [told_turn(past, each) for each in past.ring]


def test_each_turn_is_kept_with_the_one_that_caused_it(vat, past):
    """Who was called, with what kinds of arguments, by which turn; what a turn has sent."""
    one, two = vat.spawn(Account), vat.spawn(Account)
    one.move(two, 5)
    vat.run()
    first, second = turns(past)
    assert (first["turn"], first["method"], first["cause"]) == (1, "move(AccountRef, int)", None)
    assert (second["turn"], second["method"], second["cause"]) == (2, "deposit(int)", 1)
    assert first["sent"] == [{"actor": past.label(two), "method": "deposit"}]
    assert [first["changed"], second["changed"]] == [[past.label(one)], [past.label(two)]]


def test_a_method_that_awaits_is_several_turns_of_one_beginning(vat, past):
    """What goes on after an `await` says in which turn it began."""
    one, two = vat.spawn(Account), vat.spawn(Account)
    one.slowly(two)
    vat.run()
    assert [(each["method"], each["cause"], each["began"]) for each in turns(past)] == [
        ("slowly(AccountRef)", None, None),
        ("deposit(int)", 1, None),
        ("slowly(AccountRef)", None, 1),
        ("deposit(int)", 3, None),
        ("slowly(AccountRef)", None, 1),
    ]


def test_handlers_of_promises_have_the_turn_that_asked_for_them_as_cause(vat, past):
    """`on` is an effect as a message is."""
    one = vat.spawn(Account)

    @actor
    class Maker:
        def make(self, account):
            made, resolver = promise()
            tell(account).later(made)
            tell(resolver).fulfill(7)

    vat.spawn(Maker).make(one)
    vat.run()
    handled = [each for each in turns(past) if each["method"] == "on()"]
    (later,) = [each for each in turns(past) if each["method"].startswith("later")]
    assert [each["cause"] for each in handled] == [later["turn"]]
    assert later["cause"] == 1
    assert fields_at(past, one, handled[0]["turn"])["balance"] == "7"


def test_a_turn_that_failed_is_kept_with_its_error_and_has_changed_nothing(vat, past):
    """The error's id is what its caller heard."""
    one = vat.spawn(Account, 3)
    broken = one.fail()
    vat.run()
    (turn,) = turns(past)
    assert isinstance(broken._value, Failed)
    assert turn["error"] == broken._value.error.id
    assert turn["changed"] == []
    assert fields_at(past, one, 1)["balance"] == "3"


def test_an_object_is_looked_at_as_it_was(vat, past):
    """After each turn: numbers, lists, dictionaries, sets, references; entries that came and went."""
    one, two = vat.spawn(Account), vat.spawn(Account)
    for send in (
        lambda: one.deposit(1),
        lambda: one.deposit(2),
        lambda: one.put("a", [1]),
        lambda: one.put("a", 2),
        lambda: one.drop("a"),
        lambda: one.mark("m"),
        lambda: one.own(two),
    ):
        send()
    vat.run()
    seen = [fields_at(past, one, number) for number in range(8)]
    assert [each["balance"] for each in seen] == ["0", "1", "3", "3", "3", "3", "3", "3"]
    assert [each["entries"] for each in seen][:4] == ["[]", "[1]", "[1, 2]", "[1, 2]"]
    assert [each["table"] for each in seen][2:6] == ["{}", "{'a': [1]}", "{'a': 2}", "{}"]
    assert [each["marks"] for each in seen][5:7] == ["{}", "{'m'}"]
    assert [each["owner"] for each in seen][6:] == ["None", past.label(two)]


def test_what_a_turn_changed_is_told_field_by_field(vat, past):
    """Before and after, for each object, those that were called inside of the turn included."""
    one, two = vat.spawn(Account), vat.spawn(Account)
    one.both(two, 5)
    vat.run()
    changes = {
        (each["actor"], each["field"]): (each["before"], each["after"]) for each in changes_of(past, past.ring[0])
    }
    assert changes == {
        (past.label(one), "balance"): ("0", "5"),
        (past.label(two), "balance"): ("0", "5"),
        (past.label(two), "entries"): ("[]", "[5]"),
    }


def test_an_object_that_became_another_is_seen_as_what_it_was(vat, past):
    """`become` is put back as fields are."""

    @actor(kind="test.past.other")
    class Other:
        x: int = 9

    @actor(kind="test.past.changer")
    class Changer:
        y: int = 1

        def go(self):
            self.y = 2
            become(Other())

    one = vat.spawn(Changer)
    one.go()
    vat.run()
    assert fields_at(past, one, 0) == {"y": "1"}
    assert fields_at(past, one, 1) == {"x": "9"}
    assert told_turn(past, past.ring[0])["changed"] == [past.label(one)]


def test_secrets_are_not_shown(vat, past):
    """Secrets, bytes, and fields and entries whose names say that they are secret."""

    @actor(kind="test.past.keeper")
    class Keeper:
        password: str
        value: object
        table: dict

        def touch(self):
            self.table["n"] = 1

    one = vat.spawn(
        Keeper, "hunter2", [Secret("hunter2"), b"hunter2"], {"api_token": "hunter2", "p": Pair("x", Secret("hunter2"))}
    )
    one.touch()
    vat.run()
    shown = fields_at(past, one, 1)
    assert "hunter2" not in str(shown) + str(turns(past)) + str(changes_of(past, past.ring[0]))
    assert shown["value"] == "[<secret>, <7 bytes>]"
    assert shown["table"] == "{'api_token': <hidden>, 'n': 1, 'p': test.past.pair(['x', <secret>])}"


def test_the_ring_is_bounded_in_turns_and_bytes(vat):
    """The oldest go, what cannot be reached any more is said, and objects are not kept alive by what is gone."""
    past = Past(vat, turns=10)
    past.begin()
    one = vat.spawn(Account)
    gone = vat.spawn(Account)
    gone.deposit(1)
    watch = weakref.ref(gone)
    del gone
    for _ in range(50):
        one.deposit(1)
    vat.run()
    assert len(past.ring) == 10
    assert past.forgotten == 41
    assert fields_at(past, one, 41)["balance"] == "40"
    with pytest.raises(Missing, match="oldest that is kept is 42"):
        fields_at(past, one, 30)
    past._causes.clear()
    gc.collect()
    assert watch() is None
    small = Past(Vat(), size=10_000)
    small.begin()
    other = small.vat.spawn(Account)
    for _ in range(200):
        other.deposit(1)
    small.vat.run()
    assert 1 < len(small.ring) < 30


def test_nothing_is_kept_before_and_after(vat):
    """The vat has its own keeper and recorder again, and two at a time are refused."""
    past = Past(vat)
    past.begin()
    with pytest.raises(Misuse, match="already"):
        Past(vat).begin()
    past.end()
    assert (vat._past, vat._keeper, vat._recorder) == (None, None, None)
    vat.spawn(Account).deposit(1)
    vat.run()
    assert not past.ring
    Past(vat).begin()


def test_a_durable_vat_keeps_as_it_did():
    """What leaves waits for the disk as before, and the same is kept."""
    store = MemoryStore()
    durable = DurableVat.open(store, name="d", classes=[Account], roots={"account": (Account,)})
    past = Past(durable.vat)
    past.begin()
    told = durable.root("account").deposit(5)
    durable.vat.run()
    assert told._value == 5
    assert fields_at(past, durable.root("account"), 0)["balance"] == "0"
    past.end()
    durable.close()
    again = DurableVat.open(store.reopen(), name="d", classes=[Account], roots={"account": (Account,)})
    told = again.root("account").deposit(1)
    again.vat.run()
    assert told._value == 6
    again.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deposit"), st.integers(-5, 5)),
        st.tuples(st.just("put"), st.sampled_from("ab"), st.lists(st.integers(0, 3), max_size=2)),
        st.tuples(st.just("mark"), st.sampled_from("xy")),
        st.tuples(st.just("fail")),
        st.tuples(st.just("drop"), st.sampled_from("ab")),
    ),
    max_size=25,
)


@given(STEPS)
def test_every_state_can_be_seen_again(steps):
    """What an object was after each turn is the same seen then and seen at the end; results are those of a vat whose turns nobody keeps."""
    plain, kept = Vat(), Vat()
    past = Past(kept)
    past.begin()
    one, same = kept.spawn(Account), plain.spawn(Account)
    seen = [fields_at(past, one, 0)]
    for selector, *args in steps:
        ours, theirs = getattr(one, selector)(*args), getattr(same, selector)(*args)
        kept.run()
        plain.run()
        assert (type(ours._value), str(ours._value)) == (type(theirs._value), str(theirs._value)) or isinstance(
            ours._value, Failed
        )
        seen.append(fields_at(past, one, kept.turn_number))
    assert [fields_at(past, one, number) for number in range(len(steps) + 1)] == seen


def test_a_field_of_a_broken_promise_s_turn_is_not_lost(vat, past):
    """What comes after a failure is numbered and kept as if it were not there."""
    one = vat.spawn(Account)
    one.fail()
    one.deposit(2)
    vat.run()
    assert [each["turn"] for each in turns(past)] == [1, 2]
    assert fields_at(past, one, 2)["balance"] == "2"
