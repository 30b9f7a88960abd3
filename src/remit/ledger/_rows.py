"""What a ledger keeps, as rows: the parts applied last, their names, the steps that were begun, and the runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from remit.graph import Graph, Known, Plan, Step, canonical, part_of
from remit.values import record

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["RUNS", "Run", "begin", "closed", "done", "find_run", "finish", "intend", "known", "runs", "serial"]

RUNS: Final = 200  # runs that are remembered with their plans; a plan of a thousand steps takes some 300 kB

_RUN: Final = "SELECT number, who, purpose, began, ended, digest, serial, done FROM runs ORDER BY number DESC LIMIT ?"
_INTEND: Final = "INSERT OR REPLACE INTO open (key, place, run, step) VALUES (?, (SELECT coalesce(max(place), 0) + 1 FROM open), ?, ?)"


@record("remit.ledger.run")
class Run:
    """One run that applied a plan: who did it, for what (`purpose`), when it began and ended (None: it was cut short, or goes on), the digest of the
    graph that was applied, the ledger's serial before it, and how many steps were done. Times in seconds since the epoch.
    """

    number: int
    who: str
    purpose: str
    began: float
    ended: float | None
    digest: str
    serial: int
    done: int


def known(connection: Connection) -> Known:
    """What the ledger knows, read in one transaction of the caller's."""
    rows = connection.execute
    project = rows("SELECT value FROM meta WHERE name = 'project'").fetchone()[0]
    parts = [part_of(json.loads(text)) for (text,) in rows("SELECT part FROM parts ORDER BY key")]
    nodes = [part for part in parts if not hasattr(part, "grantee")]
    links = [part for part in parts if hasattr(part, "grantee")]
    names = dict(rows("SELECT key, name FROM names WHERE gone = 0 ORDER BY key").fetchall())
    begun = [Step.of(json.loads(text)) for (text,) in rows("SELECT step FROM open ORDER BY place")]
    graph = Graph(project=project, nodes=nodes, links=links)  # type: ignore[arg-type]  # told apart by what they have
    return Known(project, serial(connection), graph, names, begun)


def serial(connection: Connection) -> int:
    """How many steps it has noted."""
    found: int = connection.execute("SELECT value FROM meta WHERE name = 'serial'").fetchone()[0]
    return found


def begin(connection: Connection, who: str, purpose: str, now: float, plan: Plan) -> int:
    """A run begins; its number. What older ones left open stays open. The oldest of too many are forgotten."""
    sql = "INSERT INTO runs (who, purpose, began, digest, serial, plan) VALUES (?, ?, ?, ?, ?, ?)"
    cursor = connection.execute(sql, [who, purpose, now, plan.digest, plan.serial, canonical(plan)])
    number = cursor.lastrowid
    assert number is not None
    connection.execute("DELETE FROM runs WHERE number <= ?", [number - RUNS])
    return number


def intend(connection: Connection, run: int, step: Step) -> None:
    """A step is going to be done. One that was begun before for the same thing is superseded."""
    connection.execute(_INTEND, [step.key, run, canonical(step)])


def done(connection: Connection, run: int, step: Step, name: str) -> None:
    """A step is done: what the ledger knows of its key follows, and the serial rises."""
    if step.was and step.was != step.key:
        connection.execute(
            "INSERT OR REPLACE INTO names SELECT ?, name, gone FROM names WHERE key = ?", [step.key, step.was]
        )
        _gone(connection, step.was)
        connection.execute("DELETE FROM names WHERE key = ?", [step.was])
        closed(connection, step.was)
    if step.after is None:
        _gone(connection, step.key)
    else:
        put: list[Any] = [step.key, canonical(step.after)]
        connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", put)
        if name:
            connection.execute("INSERT OR REPLACE INTO names (key, name, gone) VALUES (?, ?, 0)", [step.key, name])
    closed(connection, step.key)
    connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'serial'")
    connection.execute("UPDATE runs SET done = done + 1 WHERE number = ?", [run])


def _gone(connection: Connection, key: str) -> None:
    """Its name is remembered: what was kept when it was forgotten can be found again."""
    connection.execute("DELETE FROM parts WHERE key = ?", [key])
    connection.execute("UPDATE names SET gone = 1 WHERE key = ?", [key])


def closed(connection: Connection, key: str) -> None:
    """Nothing is open for this key any more."""
    connection.execute("DELETE FROM open WHERE key = ?", [key])


def finish(connection: Connection, run: int, now: float) -> None:
    """The run has done all its steps, so nothing that it or an older one began is open."""
    connection.execute("DELETE FROM open")
    connection.execute("UPDATE runs SET ended = ? WHERE number = ?", [now, run])


def runs(connection: Connection, most: int) -> list[Run]:
    """The latest runs, newest first."""
    return [Run(*row) for row in connection.execute(_RUN, [most])]


def find_run(connection: Connection, number: int) -> Plan | None:
    """The plan that a run applied."""
    row = connection.execute("SELECT plan FROM runs WHERE number = ?", [number]).fetchone()
    return None if row is None else Plan.of(json.loads(row[0]))
