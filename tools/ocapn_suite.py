"""Run the user's own copy of the public OCapN suite, as it is or speaking the newer dialect, and let nothing of it be changed.

    python tools/ocapn_suite.py SUITE --peer COMMAND… [--newer] [--fresh]

The suite's own `test_runner.py` is run, in this process. `--peer` is the command that serves the seven objects: it prints its
locator, and is ended by SIGTERM. There is one for the whole run, or with `--fresh` one for each test.

`--newer` puts a shim around the suite that we hold (February 2026), whose messages are those from before op:deliver-only
was removed from the drafts (docs/ocapn.md, *Dialects*):

1. op:deliver-only is written as op:deliver with false for answer and resolver;
2. op:deliver is read with false in those places;
3. op:gc-exports and op:gc-answers are read like the singular labels.

A newer suite that does any of this by itself is left alone in that point.
"""

from __future__ import annotations

import argparse
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import TestSuite

__all__ = ["main", "shim"]


@contextmanager
def peer(command: list[str]) -> Iterator[str]:
    """A peer process, for as long as the block runs; its locator."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        uri = process.stdout.readline().strip()
        if not uri:
            raise SystemExit(f"the peer ended without telling its locator: {command}")
        yield uri
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


# --- the newer dialect -----------------------------------------------------------------------------


def shim(types: Any, symbol: Any, record: Any) -> list[str]:
    """Make the suite's module of message types (`utils.captp_types`) write and read the newer forms; what was changed."""
    changed = []
    if hasattr(types, "OpDeliverOnly"):
        _write_deliver_only_as_deliver(types, symbol, record)
        _read_false_in_deliver(types)
        changed.append("op:deliver-only")
    for name, label in (("OpGcExport", "op:gc-exports"), ("OpGcAnswer", "op:gc-answers")):
        if symbol(label) not in types.CAPTP_TYPES:
            types.CAPTP_TYPES[symbol(label)] = Fields(getattr(types, name))
            changed.append(label)
    return changed


def _write_deliver_only_as_deliver(types: Any, symbol: Any, record: Any) -> None:
    old = types.OpDeliverOnly.to_syrup_record

    def to_syrup_record(operation: Any) -> Any:
        return record(symbol("op:deliver"), [*old(operation).args, False, False])

    types.OpDeliverOnly.to_syrup_record = to_syrup_record


def _read_false_in_deliver(types: Any) -> None:
    old = types.OpDeliver.from_syrup_record

    def from_syrup_record(read: Any) -> Any:
        to, args, answer, resolver = read.args
        if resolver is not False:
            return old(read)
        to = types.decode_captp_message(to)
        args = [types.maybe_decode_captp_type(arg) for arg in args]
        return types.OpDeliverOnly(to, args) if answer is False else types.OpDeliver(to, args, answer, False)

    types.OpDeliver.from_syrup_record = staticmethod(from_syrup_record)


class Fields:
    """Reads a record's fields into an operation, whatever the record's label."""

    def __init__(self, operation: Any) -> None:
        self.operation = operation

    def from_syrup_record(self, record: Any) -> Any:
        """The operation, as the suite's own classes make it."""
        return self.operation(*record.args)


# --- a fresh peer for each test -----------------------------------------------------------------------


class WithPeer:
    """One test of the suite, with a peer process of its own."""

    def __init__(self, test: Any, command: list[str], locate: Any) -> None:
        self.test = test
        self.command = command
        self.locate = locate

    def __call__(self, result: Any) -> None:
        """What a test suite does with each of its tests."""
        with peer(self.command) as uri:
            self.test.ocapn_uri = self.locate(uri)
            self.test(result)

    def countTestCases(self) -> int:  # noqa: N802  # unittest's name
        """One, as of every test."""
        return 1


def _freshly(command: list[str]) -> None:
    """Have the suite's loader give each test a peer of its own."""
    runner = import_module("utils.test_suite").CapTPTestRunner
    locate = import_module("utils.ocapn_uris").OCapNPeer.from_uri
    load = runner.loadTests

    def load_tests(self: Any, test_module: str | None = None) -> Any:
        tests: Any = [WithPeer(test, command, locate) for test in _flat(load(self, test_module))]
        return TestSuite(tests)

    runner.loadTests = load_tests


def _flat(tests: Any) -> Iterator[Any]:
    for test in tests:
        if hasattr(test, "__iter__"):
            yield from _flat(test)
        else:
            yield test


# --- the run ---------------------------------------------------------------------------------------------


def main() -> None:
    """Run the suite; its exit status is ours."""
    parser = argparse.ArgumentParser(description="Run a copy of the public OCapN test suite against a peer.")
    parser.add_argument("suite", help="the directory of the suite's test_runner.py")
    parser.add_argument("--newer", action="store_true", help="let the suite speak the newer dialect")
    parser.add_argument("--fresh", action="store_true", help="a peer process for each test")
    parser.add_argument(
        "--peer", nargs="+", required=True, metavar="WORD", help="the command that serves the objects; last"
    )
    given, rest = parser.parse_known_args()
    command = [*given.peer, *rest]
    os.chdir(given.suite)
    sys.path.insert(0, os.getcwd())
    sys.dont_write_bytecode = True  # nothing is left in the copy
    if given.newer:
        syrup = import_module("contrib.syrup")
        changed = shim(import_module("utils.captp_types"), syrup.Symbol, syrup.Record)
        print(f"shim: {', '.join(changed) or 'nothing to do'}", file=sys.stderr)
    if given.fresh:
        _freshly(command)
    with peer(command) as uri:  # with --fresh, it only says which netlayer is wanted
        sys.argv = ["test_runner.py", "-v", uri]
        runpy.run_path("test_runner.py", run_name="__main__")


if __name__ == "__main__":
    main()
