"""tools/conformance.py and tools/ocapn_suite.py: the public suite is run as it is, in four ways, and nothing of it is changed.

The public suite is not here. A stand-in of the same build takes its place: its runner, its two classes of messages.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.source import TOP
from tools.ocapn_suite import shim

FILES = {
    "contrib/__init__.py": "",
    "contrib/syrup.py": """
class Symbol(str):
    pass

class Record:
    def __init__(self, label, args):
        self.label, self.args = label, args
""",
    "utils/__init__.py": "",
    "utils/captp_types.py": """
from contrib.syrup import Record, Symbol

def decode_captp_message(value):
    return CAPTP_TYPES[value.label].from_syrup_record(value)

def maybe_decode_captp_type(value):
    return value

class OpDeliverOnly:
    def __init__(self, to, args):
        self.to, self.args = to, args

    def to_syrup_record(self):
        return Record(Symbol("op:deliver-only"), [self.to, self.args])

class OpDeliver:
    def __init__(self, to, args, answer_position, resolve_me_desc):
        self.to, self.args = to, args
        self.answer_position, self.resolve_me_desc = answer_position, resolve_me_desc

    @classmethod
    def from_syrup_record(cls, record):
        to, args, answer, resolver = record.args
        return cls(decode_captp_message(to), args, answer, decode_captp_message(resolver))

class OpGcExport:
    def __init__(self, export_positions, wire_deltas):
        self.export_positions, self.wire_deltas = export_positions, wire_deltas

class OpGcAnswer:
    def __init__(self, answer_positions):
        self.answer_positions = answer_positions

class Desc:
    @classmethod
    def from_syrup_record(cls, record):
        return record.args[0]

CAPTP_TYPES = {
    Symbol("desc:export"): Desc,
    Symbol("op:deliver"): OpDeliver,
    Symbol("op:deliver-only"): OpDeliverOnly,
    Symbol("op:gc-export"): OpGcExport,
    Symbol("op:gc-answer"): OpGcAnswer,
}
""",
    "utils/ocapn_uris.py": """
class OCapNPeer:
    @classmethod
    def from_uri(cls, uri):
        return "peer at " + uri
""",
    "utils/test_suite.py": """
import unittest

class CapTPTestRunner(unittest.TextTestRunner):
    def loadTests(self, test_module=None):
        import tests
        suite = unittest.TestSuite()
        suite.addTest(tests.Cases("test_one", self.uri))
        suite.addTest(tests.Cases("test_two", self.uri))
        return suite
""",
    "tests.py": """
import os
import unittest
from utils import captp_types

class Cases(unittest.TestCase):
    def __init__(self, name, uri):
        super().__init__(name)
        self.ocapn_uri = uri

    def note(self):
        form = captp_types.OpDeliverOnly(1, []).to_syrup_record().label
        with open(os.environ["NOTES"], "a") as notes:
            notes.write(f"{self.ocapn_uri} {form}\\n")

    def test_one(self):
        self.note()

    def test_two(self):
        self.note()
        self.assertNotIn("fails", os.environ)
""",
    "test_runner.py": """
import sys
from utils.ocapn_uris import OCapNPeer
from utils.test_suite import CapTPTestRunner

if __name__ == "__main__":
    assert sys.argv[1] == "-v"
    runner = CapTPTestRunner(verbosity=2)
    runner.uri = OCapNPeer.from_uri(sys.argv[2])
    if not runner.run(runner.loadTests()).wasSuccessful():
        sys.exit(1)
""",
}


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The stand-in, in a directory of its own."""
    for name, text in FILES.items():
        (tmp_path / "suite" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "suite" / name).write_text(text, encoding="utf-8")
    return tmp_path / "suite"


def conformance(suite: Path, **environment: str) -> tuple[int, str, list[str]]:
    """Run it: exit status, what it prints, and what the suite's tests have noted, a line each."""
    notes = suite.parent / "notes"
    given = {
        **os.environ,
        "OCAPN_SUITE": str(suite),
        "NOTES": str(notes),
        "PYTHONPATH": str(TOP / "src"),
        **environment,
    }
    command = [sys.executable, str(TOP / "tools" / "conformance.py")]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)
    lines = notes.read_text(encoding="utf-8").splitlines() if notes.exists() else []
    return done.returncode, done.stdout, lines


def test_both_dialects_with_one_peer_and_with_fresh_ones(suite: Path) -> None:
    """Four runs, each with its closing lines; the suite's directory is as it was before."""
    before = sorted(path.relative_to(suite) for path in suite.rglob("*"))
    status, printed, notes = conformance(suite)
    assert status == 0
    assert printed.count("Ran 2 tests") == 4 and printed.count("\nOK") == 4 and "4 of 4 runs passed" in printed
    assert [line.split()[-1] for line in notes] == ["op:deliver-only"] * 4 + ["op:deliver"] * 4
    old, old_fresh, new, new_fresh = ({line.split()[2] for line in notes[i : i + 2]} for i in range(0, 8, 2))
    assert (len(old), len(old_fresh), len(new), len(new_fresh)) == (1, 2, 1, 2)
    assert sorted(path.relative_to(suite) for path in suite.rglob("*")) == before


def test_one_failing_test_fails_the_whole(suite: Path) -> None:
    """A run that fails is printed in full, and the exit status tells."""
    status, printed, _ = conformance(suite, DIALECT="ocapn-1.0", FRESH="no", fails="yes")
    assert status == 1
    assert "FAILED (failures=1)" in printed and "test_two" in printed and "0 of 1 runs passed" in printed


def test_what_is_not_there_is_named(suite: Path) -> None:
    """No suite, and a dialect that nobody speaks."""
    status, printed, _ = conformance(suite.parent)
    assert status == 2 and "test_runner.py" in printed
    status, printed, _ = conformance(suite, DIALECT="klingon")
    assert status == 1


def types(suite: Path, without: str = "") -> Any:
    """The stand-in's modules of messages and of values, loaded anew."""
    syrup: dict[str, Any] = {}
    exec(FILES["contrib/syrup.py"], syrup)
    module = type("module", (), {})()
    text = FILES["utils/captp_types.py"].replace("from contrib.syrup import Record, Symbol", "")
    names: dict[str, Any] = dict(syrup)
    exec(text, names)
    for name, value in names.items():
        if name != without:
            setattr(module, name, value)
    return module


def test_the_shim_reads_and_writes_the_newer_forms(suite: Path) -> None:
    """op:deliver with false fields both ways, and the plural labels; what has a resolver is read as before."""
    module = types(suite)
    record, symbol = module.Record, module.Symbol
    assert shim(module, symbol, record) == ["op:deliver-only", "op:gc-exports", "op:gc-answers"]
    assert module.OpDeliverOnly(1, [2]).to_syrup_record().args == [1, [2], False, False]
    to = record(symbol("desc:export"), [7])
    read = lambda *fields: module.decode_captp_message(record(symbol("op:deliver"), [to, [2], *fields]))  # noqa: E731
    assert type(read(False, False)) is module.OpDeliverOnly
    assert (read(False, False).to, read(3, False).answer_position, read(3, False).resolve_me_desc) == (7, 3, False)
    assert read(3, to).resolve_me_desc == 7
    back = module.decode_captp_message(record(symbol("op:gc-exports"), [[1], [2]]))
    assert (type(back), back.export_positions, back.wire_deltas) == (module.OpGcExport, [1], [2])
    assert module.decode_captp_message(record(symbol("op:gc-answers"), [[4]])).answer_positions == [4]


def test_the_shim_leaves_a_newer_suite_alone(suite: Path) -> None:
    """Where there is no op:deliver-only any more, op:deliver is the suite's own; what it knows is not added again."""
    module = types(suite, without="OpDeliverOnly")
    module.CAPTP_TYPES[module.Symbol("op:gc-exports")] = module.OpGcExport
    assert shim(module, module.Symbol, module.Record) == ["op:gc-answers"]
