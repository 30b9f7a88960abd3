"""What `remit.toml` declares, and what is said of what is wrong in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remit.cli._declared import Declared, declared
from remit.cli._exit import USAGE, BadConfig
from remit.cli._toml_lines import line_of
from remit.graph import Link, Node, canonical
from remit.lib import Attenuation, make_attenuation
from tests.cli.test_config import written

SHOP = """
[plan]
project = "shop"
state = "kept/plan.db"

[machines.db]
provider = "process"
options = { classes = "customers", path = ["code"], services = "services.d" }
protect = true

[machines.db.offers.main]
kind = "example.customers"
interface = "customers"
arguments = [1, "two"]

[machines.db.offers.sql]
kind = "postgres"
owner = "db-owner"

[machines.app.bindings]
db = "db.main"

[machines.app.bindings.reader]
service = "db.main"
read_only = true
only = ["get", "has"]
prefix = "public-"
count = 5
rate = ["10/s", "100/m"]
until = 2031-12-24T18:00:00Z
interface = "customers"

[machines.app.bindings.sql]
service = "db.sql"
user = "www-data"
reload = ["/usr/bin/true"]

[machines.old]
external = true

[policies.quiet]
deny = { from = "app", to = "db.main" }

[[moved]]
from = "app.store"
to = "app.db"
"""


def read(home: Path, text: str) -> Declared:
    """What this file declares."""
    written(home, text)
    return declared(None)


def refused(home: Path, text: str, said: str) -> None:
    """It is wrong usage, with the file's name, and says this."""
    path = written(home, text)
    with pytest.raises(BadConfig) as caught:
        declared(None)
    assert caught.value.exit_code == USAGE
    assert str(path) in caught.value.message
    assert said in caught.value.message


def test_everything_that_can_be_declared(home: Path) -> None:
    """Machines, offers, bindings, policies and renames; paths are relative to the file, and ids are paths."""
    found = read(home, SHOP)
    parts = found.graph.by_key
    assert found.state == home / "kept" / "plan.db"
    assert parts["machine db"] == Node(
        "db",
        "machine",
        {
            "provider": "process",
            "options": {"classes": ["customers"], "path": [f"{home}/code"], "services": f"{home}/services.d"},
        },
        [],
        protect=True,
    )
    fields = {"kind": "example.customers", "interface": "customers", "arguments": [1, "two"]}
    assert parts["offer db/main"] == Node("db/main", "offer", fields, ["db"])
    assert parts["offer db/sql"] == Node("db/sql", "offer", {"kind": "postgres", "owner": "db-owner"}, ["db"])
    assert parts["binding app/db"] == Link("app/db", "app", "db/main")
    narrowed = Attenuation(["get", "has"], True, "public-", 5, 1955901600.0, [[10, 1.0], [100, 60.0]])
    assert parts["binding app/reader"] == Link("app/reader", "app", "db/main", narrowed, "customers")
    laid = {"user": "www-data", "reload": ["/usr/bin/true"]}
    assert parts["binding app/sql"] == Link("app/sql", "app", "db/sql", fields=laid)
    assert parts["machine old"] == Node("old", "machine", {}, [], external=True)
    assert found.graph.policies == [{"name": "quiet", "deny": {"from": "app", "to": "db.main"}}]
    assert found.graph.moved == [["app/store", "app/db"]]


def test_the_same_file_is_the_same_graph(home: Path) -> None:
    """To the byte, whatever the order of its tables."""
    tables = re.split(r"\n(?=\[)", SHOP)
    one, other = read(home, SHOP), read(home, "\n".join(reversed(tables)))
    assert canonical(one.graph) == canonical(other.graph)


def test_tunnels_are_limited_in_bytes_and_connections(home: Path) -> None:
    """As `remit bind` does it."""
    text = "[machines.a.offers.x]\nkind = 'tcp'\n[machines.a.bindings]\nx = { service = 'a.x', bytes = '10M', connections = 2 }\n"
    (link,) = read(home, text).graph.links
    assert link.attenuation == make_attenuation(bytes=10_000_000, connections=2)


def test_a_project_is_named_after_its_directory(home: Path) -> None:
    """Unless it says otherwise; its state is beside the file."""
    found = read(home, "[machines.db]\n")
    assert (found.graph.project, found.state) == (home.name, home / ".remit" / "plan.db")


def test_who_makes_machines_that_name_nobody(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says it, the environment says otherwise, and the command line has the last word; so one file is for many providers."""

    def made(*given: str) -> list[str]:
        return [node.fields["provider"] for node in declared(None, *given).graph.nodes]

    written(home, "[machines.a]\n[machines.b]\nprovider = 'ssh'\n")
    assert made() == ["process", "ssh"]
    written(home, "[plan]\nprovider = 'docker'\n[machines.a]\n[machines.b]\nprovider = 'ssh'\n")
    assert made() == ["docker", "ssh"]
    monkeypatch.setenv("REMIT_PROVIDER", "nspawn")
    assert made() == ["nspawn", "ssh"]
    assert made("process") == ["process", "ssh"]


def test_alike_machines_are_counted(home: Path) -> None:
    """`count` makes as many, with all that is declared of one."""
    found = read(
        home,
        '[machines.db.offers.main]\nkind = "x"\n[machines.web]\ncount = 2\n[machines.web.bindings]\ndb = "db.main"\n',
    )
    assert [node.id for node in found.graph.nodes] == ["db", "web-1", "web-2", "db/main"]
    assert [link.id for link in found.graph.links] == ["web-1/db", "web-2/db"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[machines.db]\nprovide = 'x'\n", "line 2: machines.db.provide: Object contains unknown field `provide`"),
        ("[machines.db]\nprovide = 'x'\n", "did you mean `provider`?"),
        ("\n[machines.db.offers.main]\nkind = 'x'\nowners = 'y'\n", "line 4: machines.db.offers.main.owners"),
        ("[machines.db.offers.main]\nkind = 3\n", "line 2: machines.db.offers.main.kind: Expected `str`, got `int`"),
        ("[machines.db.offers.main]\n", "an offer has a kind"),
        ("[machines.db.offers.main]\nkind = 'x'\nexternal = true\n", "an offer has a kind"),
        ("[machines.db]\nexternal = true\nprovider = 'x'\n", "an external machine is made by others"),
        ("[machines.db]\ncount = -1\n", "line 2: machines.db.count: count is a number from 0 to 1000"),
        ("[machines.app.bindings]\ndb = 'db'\n", "line 2: machines.app.bindings.db.service: 'db' is no service"),
        ("[machines.app.bindings]\ndb = 'db.main'\n", "binding app.db leads to db.main, which is not declared"),
        ("[machines.a.offers.xy]\nkind = 'x'\n[machines.b.bindings]\nx = 'a.yx'\n", "did you mean a.xy?"),
        ("[machines.a.bindings.b]\nread_only = true\n", "Object missing required field `service`"),
        ("[machines.a.bindings.b]\nservice = 'a.b'\nrate = 'often'\n", "line 3: machines.a.bindings.b.rate: a rate is"),
        (
            "[machines.a.bindings.b]\nservice = 'a.b'\nbytes = 'much'\n",
            "line 3: machines.a.bindings.b.bytes: bytes is 500k",
        ),
        ("[machines.a.bindings.b]\nservice = 'a.b'\nuntil = '30d'\n", "until is a date and time with its zone"),
        ("[machines.a.bindings.b]\nservice = 'a.b'\nuntil = 2031-12-24T18:00:00\n", "with its zone"),
        ("[machines.a.bindings.b]\nservice = 'a.b'\ncount = -3\n", "count is a whole number"),
        ("[machines.'a.b']\n", "'a.b' cannot be a name"),
        ("[[moved]]\nfrom = 'a'\n", "line 1: moved.0"),
        ("[[moved]]\nfrom = 'a'\nto = 'b'\nwhy = 'c'\n", "line 4: moved.0.why: Object contains unknown field `why`"),
        (
            "[machines.a]\noptions = { url = 'postgres://me:hunter2@host/db' }\n",
            "there is a password or a sturdyref in",
        ),
        ("[plan]\nprojct = 'x'\n", "did you mean `project`?"),
        ("[machines]\na = 3\n", "Expected `object`, got `int`"),
        ("[machines.a]\nwhen = 2031-12-24\n", "unknown field `when`"),
        ("[machines.a.offers.b]\nkind = 'x'\narguments = [2031-12-24]\n", "offer a.b.arguments[0] is date"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(home: Path, text: str, said: str) -> None:
    """File, line where it can be told, the key, and the nearest thing that would have been right."""
    refused(home, text, said)


def test_without_a_file_there_is_nothing_to_plan(home: Path) -> None:
    """And what to do about it."""
    with pytest.raises(BadConfig, match=r"write one, or name it with --config"):
        declared(None)


def test_declarations_do_not_hinder_other_commands(home: Path) -> None:
    """What is wrong in them is said by those that need them."""
    from remit.cli._config import load_config

    written(home, "[machines.db]\nprovide = 'x'\n")
    assert load_config(None).boss.start


def test_lines_are_found_by_what_stands_nearest() -> None:
    """The key's own line, else its table's; arrays of tables by their numbers."""
    text = "[a]\nb.c = 1\n'd' = { e = 2 }\n\n[[f]]\ng = 1\n[[f]]\ng = 2\n[a.\"x.y\"]\nz = 1\n"
    places = {"a": 1, "a b c": 2, "a d e": 3, "f 0 g": 6, "f 1 g": 8, "a q": 1, "a x.y z": 10}
    assert {path: line_of(text, path.split()) for path in places} == places
    assert line_of(text, ["nothing"]) is None
