"""The commands by hand: one boss with real machines, and everything that a person asks of it. Each has `--json`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.cli import _exit
from tests.cli.kit import PATIENCE, Done, Invoke, environment, on_terminal
from tests.cli.stage import Stage, until
from tests.house.source import TOP

MACHINE = {
    *(
        "name",
        "id",
        "provider",
        "state",
        "created",
        "since",
        "seen",
        "agent",
        "introduction",
        "error",
        "alarms",
        "remedy",
    ),
}
SHOWN = MACHINE | {"options", "offers", "holds", "grants", "provider_sees"}
OFFER = {"service", "interface", "description", "kind", "supports", "methods", "up"}
EDGE = {
    "id",
    "target",
    "service",
    "interface",
    "attenuation",
    "until",
    "state",
    "created",
    "since",
    "awaiting",
    "error",
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A boss with machines db and app; db offers a customer table with a customer in it."""
    made = Stage(tmp_path_factory.mktemp("home"))
    try:
        made.start_boss()
        for name in ("db", "app"):
            assert made.remit("machine", "create", name).code == 0, made.log()
        offered = made.remit("offer", "db.customers", "--kind", "examples.customer-table", "--interface", "customers")
        assert offered.code == 0, offered.err
        for words in (["bind", "app.db", "db.customers"], ["call", "app.db", "add", "ada", "ada@example.org"]):
            done = made.remit(*words)
            assert done.code == 0, done.err
        yield made
    finally:
        made.tidy()


@pytest.fixture
def remit(stage: Stage, home: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """A command to this boss; nothing that it says holds a secret."""
    monkeypatch.setenv("REMIT_CONFIG", str(stage.home / "remit.toml"))

    def told(*words: str) -> Done:
        done = invoke(*words)
        assert "/s/" not in done.out + done.err
        assert "Traceback" not in done.err
        return done

    return told


@pytest.fixture
def read(remit: Invoke) -> Any:
    """What a command prints with `--json`."""

    def parsed(*words: str, code: int = 0) -> Any:
        done = remit(*words, "--json")
        assert done.code == code, done.err
        return json.loads(done.out)

    return parsed


def failed(done: Done, said: str, code: int = _exit.FAILED) -> None:
    """An error of these words, on stderr alone."""
    assert (done.code, done.out) == (code, "")
    assert said in done.err, done.err


# --- machines ------------------------------------------------------------------------------------------


def test_a_machine_is_created_shown_and_destroyed(stage: Stage, remit: Invoke, read: Any) -> None:
    """It enrols itself, is listed, and is gone with its process and its directory after the end."""
    made = read("machine", "create", "brief")
    assert made.keys() >= SHOWN
    assert (made["state"], made["name"]) == ("active", "brief")
    assert made["introduction"]["redeemed"] is True
    directory, agent = stage.directory("brief"), stage.agent("brief")
    assert agent.alive
    listed = read("machine", "list")
    assert all(each.keys() >= MACHINE for each in listed)
    assert "brief" in [each["name"] for each in listed]
    assert read("machine", "destroy", "brief", "--yes") == {"name": "brief", "state": "gone"}
    assert not directory.exists() and not agent.alive
    assert "brief" not in [each["name"] for each in read("machine", "list")]


def test_lists_of_machines_are_read_by_people(remit: Invoke) -> None:
    """A table on stdout; what is said of a change goes to stderr."""
    done = remit("machine", "list")
    assert done.out.splitlines()[0].split() == ["MACHINE", "STATE", "PROVIDER", "VERSION", "CREATED", "SEEN", "NOTE"]
    assert [line.split()[:3] for line in done.out.splitlines()[1:]] == [
        ["app", "active", "process"],
        ["db", "active", "process"],
    ]
    done = remit("machine", "create", "brief")
    assert done == (0, "", "machine brief is active\n")
    assert remit("machine", "destroy", "brief", "--yes") == (0, "", "machine brief is gone\n")


def test_a_machine_is_shown_with_what_it_holds_and_grants(remit: Invoke, read: Any) -> None:
    """For people, and whole with `--json`."""
    shown = remit("machine", "show", "app").out
    assert "state: active" in shown and "provider sees: running" in shown
    assert "holds: app.db -> db.customers (unrestricted, active)" in shown
    shown = remit("machine", "show", "db").out
    assert "grants: app.db -> db.customers (unrestricted, active)" in shown
    assert "offers: db.customers customers" in shown
    seen = read("machine", "show", "db")
    assert seen.keys() >= SHOWN
    assert [offer["service"] for offer in seen["offers"]] == ["db.customers"]


def test_a_name_is_given_once(remit: Invoke) -> None:
    """The second machine of a name is refused, and the first one goes on."""
    failed(remit("machine", "create", "db"), "Conflict: there is a machine 'db' already (active)")
    assert remit("call", "app.db", "names").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["machine", "show", "ap"], "Missing: no machine 'ap': did you mean app?"),
        (["machine", "start", "ap"], "did you mean app?"),
        (["machine", "destroy", "ap", "--yes"], "did you mean app?"),
        (["bindings", "ap"], "did you mean app?"),
        (["who-can", "ap.db"], "did you mean app?"),
        (["call", "ap.db", "names"], "did you mean app?"),
        (["offer", "ap.x", "--kind", "examples.customer"], "did you mean app?"),
        (["bind", "ap.x", "db.customers"], "did you mean app?"),
        (["bind", "app.x", "dbb.customers"], "did you mean db?"),
        (["bind", "app.x", "db.customer"], "no service on db: 'customer': did you mean customers?"),
        (["withdraw", "db.customer"], "did you mean customers?"),
        (["call", "app.bd", "names"], "no binding on app: 'bd': there are: db"),
        (["unbind", "app.bd"], "'app.bd'"),
        (["revoke", "ap"], "did you mean app?"),
        (["machine", "create", "x", "--provider", "proces"], "no provider 'proces': did you mean process?"),
        (["offer", "db.x", "--kind", "examples.custmer"], "did you mean examples.customer"),
        (["machine", "create", "no.dots"], "a name has 1 to 63 letters"),
        (["bind", "app", "db.customers"], "write machine.name"),
        (["alarm", "clear", "dbb"], "no open alarm 'dbb'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_name_that_is_not_there_is_answered_with_the_nearest(words: list[str], said: str, remit: Invoke) -> None:
    """Whatever it names; nothing is done."""
    failed(remit(*words), said)


def test_a_provider_that_refuses_leaves_a_pending_machine(remit: Invoke, read: Any) -> None:
    """Shown with its error and what to do; never listed as active; it can be destroyed."""
    failed(remit("machine", "create", "odd", "--option", "size=4"), "no option size")
    seen = read("machine", "show", "odd")
    assert seen["state"] == "pending" and "size" in seen["error"] and "remit machine destroy odd" in seen["remedy"]
    (line,) = [line for line in remit("machine", "list").out.splitlines() if line.startswith("odd")]
    assert line.split()[1] == "pending" and "ago" in line and "no option size" in line
    assert remit("machine", "destroy", "odd", "--yes").code == 0


def test_a_machine_that_does_not_come_is_waited_for_until_the_time_is_over(remit: Invoke, read: Any) -> None:
    """What it is, what its provider sees and what to do is said; it can be asked for without waiting, and destroyed."""
    done = remit("--timeout", "2", "machine", "create", "lost", "--option", "classes=there_is_no_such_module")
    failed(done, "machine lost did not enrol within 2 s: it is pending, its provider sees made", _exit.TIMED_OUT)
    assert "remit machine start lost" in done.err
    assert remit("machine", "destroy", "lost", "--yes").code == 0
    made = read("machine", "create", "lost", "--no-wait", "--option", "classes=there_is_no_such_module")
    assert made["state"] == "pending"
    assert remit("machine", "destroy", "lost", "--yes").code == 0


@pytest.mark.slow
def test_a_machine_that_is_down_is_started(stage: Stage, remit: Invoke, read: Any) -> None:
    """What runs is left running; what was asked of a machine that is down is finished when it is back."""
    assert remit("machine", "create", "late").code == 0
    before = stage.agent("late").pid
    assert read("machine", "start", "late")["provider_sees"].endswith(f"process {before})")
    assert remit("bind", "late.old", "db.customers").code == 0
    stage.kill_agent("late")
    assert read("machine", "show", "late")["provider_sees"].startswith("made")
    edge = read("bind", "late.new", "db.customers", code=_exit.PARTLY)
    assert edge["state"] in ("wanted", "granted") and edge["error"]
    outcome = read("revoke", "late.old", code=_exit.PARTLY)
    assert outcome["revoked"] == [] and [each["awaiting"] for each in outcome["unfinished"]] == [["late"]]
    done = remit("machine", "start", "late")
    assert done.code == 0 and "machine late is started" in done.err
    until(lambda: [(e["target"], e["state"]) for e in read("bindings", "late")] == [("late.new", "active")])
    assert read("call", "late.new", "names") == ["ada"]
    assert remit("machine", "destroy", "late", "--yes").code == 0
    assert read("bindings") and all(each["target"] != "late.new" for each in read("bindings"))


# --- services ------------------------------------------------------------------------------------------


def test_a_service_is_offered_listed_and_withdrawn(remit: Invoke, read: Any) -> None:
    """Made from arguments; offering the same again changes nothing; with the offer its bindings end."""
    words = ["offer", "db.bob", "bob", "bob@example.org", "--kind", "examples.customer", "--description", "one of them"]
    made = read(*words)
    assert made.keys() >= OFFER
    assert (made["service"], made["interface"], made["description"]) == ("db.bob", "examples.customer", "one of them")
    assert remit(*words).err == "db.bob is offered as examples.customer\n"
    assert {"db.bob", "db.customers"} == {each["service"] for each in read("offers")}
    assert [line.split()[:4] for line in remit("offers").out.splitlines()] == [
        ["SERVICE", "INTERFACE", "KIND", "STATE"],
        ["db.bob", "examples.customer", "examples.customer", "up"],
        ["db.customers", "customers", "examples.customer-table", "up"],
    ]
    failed(remit("offer", "db.bob", "--kind", "examples.customer-table"), "Conflict")
    assert remit("bind", "app.bob", "db.bob").code == 0
    assert read("call", "app.bob", "details") == {"name": "bob", "email": "bob@example.org"}
    assert remit("call", "app.bob", "move", "bob@example.com") == (0, "", "")  # nothing comes back
    assert read("call", "app.bob", "move", "bob@example.com") is None
    done = read("withdraw", "db.bob")
    assert (done["service"], done["offered"], done["unfinished"], len(done["ended"])) == ("db.bob", False, False, 1)
    assert {"db.customers"} == {each["service"] for each in read("offers")}
    assert remit("call", "app.bob", "details").code != 0
    remit("revoke", "app.bob")


# --- bindings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words", "passes", "stops"),
    [
        (["--read-only"], "read-only", ["names"], ["add", "eve", "eve@example.org"]),
        (["--only", "names, customer"], "only customer, names", ["names"], ["add", "eve", "eve@example.org"]),
        (["--prefix", "a"], "keys from 'a'", ["customer", "ada"], ["customer", "bob"]),
        (["--until", "1h", "--count", "9"], "9 uses; until 2", ["names"], None),
        (["--rate", "1/d"], "1 in 86400 s", ["names"], None),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_binding_can_be_narrowed(
    options: list[str], words: str, passes: list[str], stops: list[str] | None, remit: Invoke, read: Any
) -> None:
    """What is outside is refused with its own exit code, and the listing says how much it is."""
    done = remit("bind", "app.part", "db.customers", *options)
    assert done.code == 0 and done.out == ""
    assert done.err.startswith(f"app.part -> db.customers ({words}") and done.err.endswith("): active\n")
    try:
        assert words in remit("bindings").out
        assert remit("call", "app.part", *passes).code == 0
        if stops is not None:
            failed(remit("call", "app.part", *stops), "NotAllowed", _exit.REFUSED)
    finally:
        assert remit("unbind", "app.part").code == 0


def test_a_binding_can_be_used_up(remit: Invoke) -> None:
    """After so many calls it has expired."""
    assert remit("bind", "app.once", "db.customers", "--count", "1").code == 0
    assert remit("call", "app.once", "names").code == 0
    failed(remit("call", "app.once", "names"), "Expired", _exit.REFUSED)
    assert remit("unbind", "app.once").code == 0


def test_a_binding_is_shown_ended_and_gone(remit: Invoke, read: Any) -> None:
    """`bind`, `bindings`, `unbind`, each for people and as JSON."""
    edge = read("bind", "app.more", "db.customers", "--interface", "customers")
    assert edge.keys() >= EDGE
    assert (edge["state"], edge["attenuation"], edge["until"]) == ("active", "unrestricted", None)
    assert edge["id"] in [each["id"] for each in read("bindings", "app")]
    assert read("bindings", "db") == []
    (line,) = [line for line in remit("bindings").out.splitlines() if line.startswith("app.more")]
    assert line.split()[:4] == ["app.more", "db.customers", "unrestricted", "active"] and edge["id"] in line
    assert read("unbind", "app.more") == {"revoked": [edge["id"]], "unfinished": []}
    assert edge["id"] not in [each["id"] for each in read("bindings")]
    failed(remit("call", "app.more", "names"), "Missing")


def test_a_name_on_a_machine_is_bound_once(remit: Invoke) -> None:
    """What is there stays; it is unbound first."""
    failed(remit("bind", "app.db", "db.customers", "--read-only"), "app.db")
    assert remit("call", "app.db", "names").code == 0


def test_another_interface_is_refused(remit: Invoke, read: Any) -> None:
    """A program that expects something else does not get this."""
    failed(remit("bind", "app.wrong", "db.customers", "--interface", "orders"), "customers")
    assert "app.wrong" not in [each["target"] for each in read("bindings")]


def test_an_edge_or_all_of_a_machine_is_revoked(remit: Invoke, read: Any) -> None:
    """By its id, by its name, or by whoever holds it; what is left goes on."""
    assert remit("machine", "create", "many").code == 0
    one, two, three = (read("bind", f"many.{name}", "db.customers")["id"] for name in ("one", "two", "three"))
    assert read("revoke", one) == {"revoked": [one], "unfinished": []}
    assert remit("revoke", "many.two").err == f"revoked: {two}\n"
    assert [each["id"] for each in read("bindings", "many")] == [three]
    four = read("bind", "many.four", "db.customers")["id"]
    assert set(read("revoke", "many")["revoked"]) == {three, four}
    assert read("bindings", "many") == []
    assert remit("machine", "destroy", "many", "--yes").code == 0
    assert remit("call", "app.db", "names").code == 0


def test_who_can_reach_a_service(remit: Invoke, read: Any) -> None:
    """Each machine with how much and through which edges."""
    (holder,) = read("who-can", "db.customers")
    assert holder["machine"] == "app" and len(holder["edges"]) == 1 and holder["through"] == []
    assert [line.split()[0] for line in remit("who-can", "db").out.splitlines()] == ["MACHINE", "app"]
    done = remit("who-can", "app")
    assert done == (0, "", "nobody can reach app\n")


# --- calls ---------------------------------------------------------------------------------------------


def test_a_call_has_the_bindings_authority_and_prints_its_result(remit: Invoke, stage: Stage) -> None:
    """Text as it is, nothing for nothing, all else as JSON; a reference as what it is, without its secret."""
    assert remit("call", "app.db", "names") == (0, '[\n  "ada"\n]\n', "")
    shown = json.loads(remit("call", "app.db", "customer", "ada").out)
    assert shown.startswith("<")
    assert remit("bind", "app.ada", "db.customers", "--only", "names").code == 0
    assert remit("unbind", "app.ada").code == 0
    secret = stage.home / "mail"
    secret.write_text("zoe@example.org")
    assert remit("call", "app.db", "add", "zoe", f"@{secret}").code == 0
    assert json.loads(remit("call", "app.db", "names").out) == ["ada", "zoe"]


def test_a_call_can_go_to_the_boss(remit: Invoke) -> None:
    """Whoever holds its reference may ask it anything that it answers."""
    assert [each["name"] for each in json.loads(remit("call", "boss", "list_machines").out)] == ["app", "db"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["call", "app.db", "nmes"], "NoSuchMethod"),
        (["call", "app.db", "customer", "nobody"], "Missing: there is no customer 'nobody'"),
        (["call", "app.db", "add", "ada", "again@example.org"], "Conflict: there is a customer 'ada' already"),
        (["call", "app.db", "add", "5", "x"], "BadArgument"),
        (["call", "app.db", "names", "too", "many"], "BadArgument"),
        (["call", "boss", "fire"], "NoSuchMethod"),
        (["call", "app.db", "_drop"], "NoSuchMethod"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_call_that_fails_says_what_the_object_says(words: list[str], said: str, remit: Invoke) -> None:
    """The error of the other side, with the id under which it was logged there."""
    failed(remit(*words), said)


# --- the whole -----------------------------------------------------------------------------------------


def test_status_has_everything(remit: Invoke, read: Any) -> None:
    """Machines, edges, alarms and what peers owe, with the version of the form."""
    seen = read("status")
    assert seen.keys() == {"version", "machines", "edges", "alarms", "sessions", "burdens"}
    assert [(each["node"], each["error"]) for each in seen["burdens"]] == [("boss", ""), ("app", ""), ("db", "")]
    assert seen["version"] == 1
    assert all(each.keys() >= MACHINE for each in seen["machines"])
    assert all(each.keys() >= EDGE for each in seen["edges"])
    lines = remit("status").out.splitlines()
    assert lines[0].startswith("MACHINE") and any(line.startswith("BINDING") for line in lines)


def test_an_alarm_is_shown_and_cleared(stage: Stage, remit: Invoke, read: Any) -> None:
    """In status, with its machine and alone; with both keys, and with what to do when it is settled."""
    failed_machine = ["machine", "create", "bait", "--no-wait", "--option", "classes=there_is_no_such_module"]
    assert remit(*failed_machine).code == 0  # its agent ends at once, so that its introduction is there for others
    stolen = stage.home / "stolen"
    stolen.write_text(json.loads((stage.directory("bait") / "user-data").read_text())["introduction"])
    stolen.chmod(0o600)
    assert read("alarm", "list") == []
    assert remit("alarm", "list") == (0, "", "there are no alarms\n")
    assert present(stage, stolen).startswith("got")
    assert present(stage, stolen).startswith("Refused: the introduction of machine bait was used by another key")
    (alarm,) = read("alarm", "list")
    assert alarm.keys() == {"id", "at", "machine", "what", "known", "other", "told"}
    assert read("status")["alarms"] == [alarm] and alarm["machine"] == "bait"
    assert read("machine", "show", "bait")["alarms"] == [alarm["id"]]
    for shown in (remit("status").out, remit("alarm", "list").out):
        assert f"ALARM {alarm['id']}" in shown and f"known: {alarm['known']}" in shown and alarm["other"] in shown
        assert f"when it is settled: remit alarm clear {alarm['id']}" in shown
    (line,) = [line for line in remit("machine", "list").out.splitlines() if line.startswith("bait")]
    assert line.endswith("ALARM")
    assert read("alarm", "clear", alarm["id"]) == [alarm]
    assert read("status")["alarms"] == []
    failed(remit("alarm", "clear", "bait"), "no open alarm 'bait'")
    assert remit("machine", "destroy", "bait", "--yes").code == 0


def present(stage: Stage, stolen: Path) -> str:
    """What somebody gets with an introduction and a key of their own."""
    command = [sys.executable, str(TOP / "examples" / "demo_thief.py"), str(stolen), str(stage.state / "admin.ref")]
    done = subprocess.run(
        command, env=environment(stage.home), capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_terminal_sees_how_far_a_machine_is(stage: Stage) -> None:
    """While it comes; then the line is gone, and what came of it is said."""
    written = on_terminal(stage.home, "from remit.cli import main\nimport sys\nsys.argv = " + repr(CREATE) + "\nmain()")
    assert "\r\x1b[Kmachine seen is pending, its provider sees: " in written
    assert written.rstrip().endswith("\r\x1b[Kmachine seen is active")
    assert stage.remit("machine", "destroy", "seen", "--yes").code == 0


CREATE = ["remit", "machine", "create", "seen"]


def test_json_is_the_same_twice(remit: Invoke) -> None:
    """Byte by byte, as long as nothing changes."""
    assert remit("offers", "--json").out == remit("offers", "--json").out
