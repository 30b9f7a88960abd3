"""What a ledger keeps, and that it keeps it as the planner expects."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.errors import Conflict, Missing, Misuse, StoreCorrupt, StoreError, StoreExposed, StoreTooNew
from remit.graph import Graph, Link, Node, Plan, Step, apply, plan
from remit.ledger import SqliteLedger, open_ledger
from remit.lib import Attenuation
from tests.graph.kit import KINDS, MemoryLedger, MemoryWorld, graph, link, machine, offer, run
from tests.ledger.kit import FIRST, SECOND, FileWorld, up


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "shop.db"


def step(action: str, before: Node | Link | None, after: Node | Link | None, **more: object) -> Step:
    found = after or before
    assert found is not None
    return Step(1, action, found.key, before, after, **more)


def empty(serial: int = 0) -> Plan:
    return Plan("shop", [], [], [], "digest", serial, "observed")


def test_it_is_private(path: Path) -> None:
    """0600 in a directory of 0700, its log included; what others could read is refused."""
    ledger = open_ledger(path, "shop")
    with ledger.locked("up"):
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}
        assert path.parent.stat().st_mode & 0o777 == 0o700
    ledger.close()
    path.chmod(0o640)
    with pytest.raises(StoreExposed, match="chmod 600"):
        open_ledger(path, "shop")


def test_what_was_applied_is_known_again(path: Path, tmp_path: Path) -> None:
    """Graph, names, serial; attenuations and fields included. Removed things go."""
    world = FileWorld(tmp_path / "world")
    narrow = Attenuation(methods=["read"], prefix="a-", until=1e9, rate=[[5, 1.0]]).checked()
    wanted = graph(machine("db", protect=True), offer("db/main", rows=3), link("db/own", "db/main", narrow))
    ledger = open_ledger(path, "shop")
    up(ledger, world, wanted)
    ledger.close()
    ledger = open_ledger(path, "shop")
    known = ledger.known()
    assert known.graph == wanted.checked()
    assert known.names == {"binding db/own": "thing-2", "machine db": "thing-0", "offer db/main": "thing-1"}
    assert (known.serial, known.open, known.project) == (3, [], "shop")
    up(ledger, world, graph(machine("db")))
    assert (ledger.known().graph, ledger.known().names) == (graph(machine("db")).checked(), {"machine db": "thing-0"})
    ledger.close()


def test_names_are_for_good(path: Path, tmp_path: Path) -> None:
    """A thing that is renamed, or planned again, keeps the name that it has where it is."""
    world = FileWorld(tmp_path / "world")
    ledger = open_ledger(path, "shop")
    up(ledger, world, FIRST)
    name = (ledger.known().names or {})["machine db"]
    up(ledger, world, SECOND)
    assert (ledger.known().names or {})["machine store"] == name
    assert world.made.read_text().split("\n").count("machine store") == 0
    ledger.close()


def test_each_run_is_remembered(path: Path, tmp_path: Path) -> None:
    """Who, for what, when, which graph, how many steps, and the plan itself; one that was cut short has no end."""
    now = 1000.0
    ledger = open_ledger(path, "shop", clock=lambda: now)
    made = up(ledger, FileWorld(tmp_path / "world"), FIRST)
    with ledger.locked("down") as journal:
        journal.begin(empty(ledger.known().serial))
        journal.intent(step("remove", FIRST.nodes[0], None))
    latest, first = ledger.history()
    assert (first.number, first.purpose, first.began, first.ended, first.digest) == (1, "up", now, now, made.digest)
    assert (first.serial, first.done) == (0, len(made.steps))
    assert str(os.getpid()) in first.who and "@" in first.who
    assert (latest.purpose, latest.ended, latest.done) == ("down", None, 0)
    assert ledger.applied(1) == made
    with pytest.raises(Missing, match="no run 7"):
        ledger.applied(7)
    ledger.close()


def test_runs_are_forgotten_in_time(path: Path) -> None:
    """The file does not grow with each run for ever."""
    ledger = open_ledger(path, "shop")
    with ledger.locked() as journal:
        for _ in range(203):
            journal.begin(empty())
    assert len(ledger.history(1000)) == 200
    ledger.close()


def test_a_plan_for_another_state_is_refused(path: Path) -> None:
    """What was planned before another run's steps is not done after them."""
    ledger = open_ledger(path, "shop")
    with ledger.locked("up") as journal:
        journal.begin(empty())
        journal.done(step("create", None, machine("db")), "db-1")
    with ledger.locked("up") as journal, pytest.raises(Conflict, match="another run has brought it to 1"):
        journal.begin(empty())
    ledger.close()


def test_what_was_begun_stays_open(path: Path) -> None:
    """Until it is done, or another run finishes; a later run's intent for the same thing takes the older one's place."""
    ledger = open_ledger(path, "shop")
    one, two = step("create", None, machine("one")), step("create", None, machine("two"))
    with ledger.locked("up") as journal:
        journal.begin(empty())
        journal.intent(one)
        journal.intent(two)
        journal.done(two, "two-1")
    assert ledger.known().open == [one]
    other = step("create", None, machine("one", "docker"))
    with ledger.locked("up") as journal:
        journal.begin(empty(1))
        journal.intent(other)
        assert ledger.known().open == [other]
        journal.finish()
    assert ledger.known().open == []
    ledger.close()


def test_a_journal_begins_with_its_plan(path: Path) -> None:
    """Steps of no run would be nobody's."""
    ledger = open_ledger(path, "shop")
    with ledger.locked() as journal, pytest.raises(Misuse):
        journal.intent(step("create", None, machine("db")))
    ledger.close()
    with pytest.raises(StoreError, match="closed"):
        ledger.known()


def test_one_file_is_one_project(path: Path) -> None:
    """Another project's state is not taken for one's own."""
    open_ledger(path, "shop").close()
    with pytest.raises(Conflict, match=r"keeps the state of project 'shop', not of 'bank'"):
        open_ledger(path, "bank")


def test_other_files_are_left_alone(path: Path) -> None:
    """A damaged file, another program's, a newer version's, one whose log alone is there: each is refused, and says what to do."""
    open_ledger(path, "shop").close()
    whole = path.read_bytes()
    for data, error in (
        (whole[:100] + b"\xff" * 400 + whole[500:], StoreCorrupt),
        (b"not a database at all\n" * 500, StoreCorrupt),
        (b"", StoreError),
        (whole[:68] + b"ABCD" + whole[72:], StoreError),
        (whole[:60] + (9).to_bytes(4, "big") + whole[64:], StoreTooNew),
    ):
        path.write_bytes(data)
        with pytest.raises(error):
            open_ledger(path, "shop")
        assert path.read_bytes() == data
    path.rename(path.with_name("shop.db-wal"))
    with pytest.raises(StoreCorrupt, match="put the file back"):
        open_ledger(path, "shop")


def test_two_that_make_it_have_one(path: Path) -> None:
    """Whoever comes second opens what the first one has made."""
    one = open_ledger(path, "shop")
    two = open_ledger(path, "shop")
    with one.locked("up") as journal:
        journal.begin(empty())
        journal.done(step("create", None, machine("db")), "db-1")
        assert two.known().names == {"machine db": "db-1"}
    assert [each.name for each in path.parent.iterdir() if each.name.startswith(".")] == []
    one.close()
    two.close()


PARTS = [machine("a"), machine("a", "docker"), machine("b"), offer("a/x"), offer("a/x", "queue"), offer("b/y")]
LINKS = [link("b/x", "a/x"), link("b/x", "a/x", Attenuation(read_only=True)), link("a/y", "b/y")]


def wanted(chosen: set[int], linked: set[int], moved: bool) -> Graph | None:
    """A graph of some of these, if it is one."""
    parts = {part.key: part for number, part in enumerate([*PARTS, *LINKS]) if number in chosen | linked}
    made = graph(
        *parts.values(),
        moved=[["b", "c"]] if moved and not any("b" in part.id.split("/") for part in parts.values()) else [],
    )
    try:
        return made.checked()
    except Exception:  # something it needs was not chosen
        return None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sets(st.integers(0, 5)), st.sets(st.integers(6, 8)), st.booleans()), max_size=6))
def test_it_knows_what_the_simplest_ledger_would(
    tmp_path_factory: pytest.TempPathFactory, choices: list[tuple[set[int], set[int], bool]]
) -> None:
    """After any plans, one in a file and one in memory know the same."""
    path = tmp_path_factory.mktemp("ledger") / "state" / "shop.db"
    kept, simple, worlds = SqliteLedger(path, "shop", 30.0, lambda: 0.0), MemoryLedger(), [MemoryWorld(), MemoryWorld()]
    for graphs in filter(None, (wanted(*choice) for choice in choices)):
        made = [
            plan(graphs, each.known(), world.actual(), KINDS)
            for each, world in zip((kept, simple), worlds, strict=True)
        ]
        assert made[0] == made[1]
        with kept.locked() as journal:
            run(apply(made[0], journal, worlds[0]))
        run(apply(made[1], simple, worlds[1]))
        found, expected = kept.known(), simple.known()
        assert (found.graph.checked(), found.names, found.serial) == (
            expected.graph.checked(),
            expected.names,
            expected.serial,
        )
    kept.close()


def test_the_file_is_readable_for_people(path: Path, tmp_path: Path) -> None:
    """Parts are JSON in plain tables, so that a broken state can be mended by hand."""
    ledger = open_ledger(path, "shop")
    up(ledger, FileWorld(tmp_path / "world"), graph(machine("db")))
    ledger.close()
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT key, json_extract(part, '$.fields.provider') FROM parts").fetchall()
    connection.close()
    assert rows == [("machine db", "process")]
