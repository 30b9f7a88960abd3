"""Plans as people read them."""

from __future__ import annotations

from remit.cli._plan_text import counts, markdown, text
from remit.graph import Kind, Violation
from remit.lib import Attenuation
from tests.graph.kit import Town, graph, link, machine, offer

READ = Attenuation(read_only=True)
KINDS = [Kind("machine", loses="everything that it keeps")]
SHOP = [machine("db"), offer("db/main"), machine("app"), link("app/db", "db/main", READ)]


def town() -> Town:
    """The shop, as declared."""
    made = Town()
    made.up(graph(*SHOP))
    return made


def test_whose_authority_changes_stands_first() -> None:
    """Then each step in one line, with the names that the boss uses."""
    assert text(Town().plan(graph(*SHOP)), KINDS).splitlines() == [
        "Project shop: 4 to create",
        "",
        "Authority:",
        "  + app gains db.main: read-only  (app.db)",
        "",
        "Steps:",
        "  + machine app                      provider process",
        "  + machine db                       provider process",
        "  + offer   db.main                  kind table",
        "  + binding app.db                   db.main (read-only)",
    ]


def test_what_is_made_anew_says_why_and_what_is_lost() -> None:
    """In one line for each thing, loudly where something is lost."""
    shown = text(town().plan(graph(machine("db", "docker"), *SHOP[1:])), KINDS).splitlines()
    assert shown[0] == "Project shop: 3 to make anew"
    assert "  ! machine db                       provider: process -> docker; EVERYTHING THAT IT KEEPS IS LOST" in shown
    assert "  ! offer   db.main                  db is made anew" in shown
    assert "  ! binding app.db                   db.main is made anew" in shown


def test_changes_say_from_what_to_what() -> None:
    """And whether somebody has done something by hand."""
    place = town()
    shown = text(place.plan(graph(*SHOP[:3], link("app/db", "db/main"))))
    assert "  ~ binding app.db                   attenuation: read-only -> unrestricted" in shown
    assert "  + app gains db.main: unrestricted  (app.db)" in shown
    place.world.put(link("app/db", "db/main"), "shop")
    assert "attenuation: unrestricted -> read-only; changed by hand" in text(place.plan(graph(*SHOP)))


def test_only_ids_are_written_with_dots() -> None:
    """Paths and rates in reasons stay as they are."""
    place = town()
    made = place.plan(
        graph(*SHOP), check=lambda _: [Violation("quiet", "db/main is told /opt/x/y at 10/s", ["db/main"])]
    )
    assert "REFUSED by quiet: db.main is told /opt/x/y at 10/s" in text(made)


def test_a_plan_in_one_line() -> None:
    """By what is to be done; what moves along, and halves of what is made anew, are not counted twice."""
    place = town()
    parts = [machine("store"), offer("store/main"), machine("app"), link("app/db", "store/main", READ)]
    assert counts(place.plan(graph(*parts, moved=[["db", "store"]]))) == "1 to rename"
    assert counts(place.plan(graph(*SHOP))) == "nothing to do"
    assert counts(place.plan(graph(machine("db")))) == "3 to remove"


def test_a_plan_for_a_pull_request() -> None:
    """A table of who gains and loses what, and the steps as a diff; nothing in it is taken for markup."""
    place = town()
    place.world.put(machine("by_hand"))
    shown = markdown(place.plan(graph(*SHOP[:3], link("app/db", "db/main"), machine("x"))), KINDS)
    assert "| app | **gains** | db.main | unrestricted | unrestricted | app.db |" in shown
    assert "```diff\n+ machine x                        provider process\n" in shown
    assert "Left alone: machine by\\_hand" in shown
    assert "No authority changes." in markdown(place.plan(graph(*SHOP)))
