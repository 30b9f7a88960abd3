"""What is the same on every target: values, errors, refusals. `programs/probe.py` asks; this is what has to come of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.app.conformance.kits import all_kits, remit

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TARGETS = [name for name in all_kits() if name not in ("in-process", "step")]

VALUES = {
    "values": [
        *([None, "NoneType"], [False, "bool"], [0, "int"], ["", "str"], [[], "list"], [{}, "dict"], [0.0, "float"]),
        *(
            ["b''", "bytes"],
            [True, "bool"],
            [-1, "int"],
            ["text", "str"],
            [[1, [2]], "list"],
            [{"a": {"b": None}}, "dict"],
        ),
    ],
    "tuples": ["list", "list"],
    "records": ["Item", True],
    "nothing_is_shared": [[1, 2], [1, 3], [1]],
    "store": ["Item(id='1', tags=['a', 'b'])", None, ["1"], "Item(id='1', tags=['a', 'b', 'c'])"],
    "counting": "20",
    "falsy_in_store": ["", True, True, False],
    "keyword": 3,
    "reading": 1,
    "prefix": "x",
    "cancelled": "went on",
}

ERRORS = {
    "missing": ("Missing", r"^Missing: there is no such thing$"),
    "wrong": ("Broken", r"^ValueError: a value that is wrong \[probe\.server\.\d+\]$"),
    "unfit_argument": (
        "NotPassable",
        r"edge probe/probe/whole to probe/server, same\(\): argument 1\['a'\]\[1\]: .*object",
    ),
    "unfit_result": (
        "Broken",
        r"edge probe/probe/whole to probe/server, result of unfit\(\): value\['inside'\]\[1\]: .*object",
    ),
    "too_few": ("BadArgument", r"edge probe/probe/whole to probe/server, get\(\): missing a required argument: 'id'"),
    "own_of_another": ("NotAllowed", r"probe/probe reaches for 'db' of probe/server, which it was not given"),
    "private": ("NotAllowed", r"probe/probe reaches for '_kept' of probe/server"),
    "no_method": ("NotAllowed", r"reaches for 'gett' of probe/server.*did you mean 'get'"),
    "global": ("NotAllowed", r"probe/probe reaches for probe/server, which it was not given.*given it as self\.few"),
    "global_store": ("NotAllowed", r"probe/probe reaches for probe/hidden, which it was not given"),
    "reading_only": ("NotAllowed", r"'put' is outside of what this reference allows: read-only"),
    "few": ("NotAllowed", r"'kept_now' is outside of what this reference allows: only get"),
    "outside_of_prefix": ("NotAllowed", r"'get' is outside .*'key' must begin with 'a/'"),
    "count": ("Expired", r"granted for 2 uses"),
    "narrowed_key": ("NotAllowed", r"'id' must begin with 'my-'"),
    "made_late": ("Misuse", r"belongs to start-up, and it is run time, in probe/probe"),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_cross_edges_as_a_wire_carries_them(target: str, answers: dict[str, Any], case: str) -> None:
    """Falsy results are intact, tuples are lists, records are records, and nothing is shared with who sent it (A8, A9, A10)."""
    if case not in all_kits()[target]().differs:
        assert answers[case] == {"case": case, "value": VALUES[case]}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_and_refusals_are_the_same_everywhere(target: str, answers: dict[str, Any], case: str) -> None:
    """What a component was not given, what does not fit, and what goes wrong at the other end: one kind of error, in the same words (A5, A19)."""
    kind, told = ERRORS[case]
    assert answers[case].get("error") == kind, answers[case]
    assert re.search(told, answers[case]["text"], re.DOTALL), answers[case]["text"]


def test_every_case_is_judged(answers: dict[str, Any]) -> None:
    """The probe asks nothing of which nobody says what has to come (A26)."""
    assert answers.keys() == VALUES.keys() | ERRORS.keys()


@pytest.mark.timeout(300)
def test_the_same_program_on_every_target(target: str, tmp_path: Path) -> None:
    """The customers example does the same wherever it runs (A3)."""
    kit = all_kits()[target]()
    if kit.lacks():
        pytest.skip(kit.lacks())
    with kit.running(EXAMPLES / "customers" / "app.py", tmp_path) as running:
        lines = running.written("customers/example-client", "Loaded customer: Customer(id='1', name='John Doe')")
    assert lines == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", TARGETS)
def test_orders_are_packed_and_reported(target: str, tmp_path: Path) -> None:
    """What is put into the queue is packed once each, the job is done by its schedule, and commands order more and see what there is (A21)."""
    kit = all_kits()[target]()
    if kit.lacks():
        pytest.skip(kit.lacks())
    with kit.running(EXAMPLES / "orders" / "app.py", tmp_path) as running:
        assert running.written("orders/packer", "packed pears, 1 by now") == ["packed apples, 1 by now"]
        assert running.written("orders/report", "wrote a report") == []
        if target == "swarm":  # which runs no commands
            return
        made: Any = running
        assert made.command("order", "plums", "--times", "2") == "ordered plums"
        running.written("orders/packer", "packed plums, 2 by now")
        assert made.command("stock") == "1 apples, 1 pears, 2 plums"


def test_commands_are_run_in_this_process_too(tmp_path: Path) -> None:
    """`remit exec` without a target runs a command with the whole application around it; what is wrong with its words, or its name, is said."""
    copy = tmp_path / "app.py"
    copy.write_bytes((EXAMPLES / "orders" / "app.py").read_bytes())
    assert "ordered figs" in remit("exec", copy, "order", "figs").stdout
    wrong = remit("exec", copy, "order", check=False)
    assert wrong.returncode == 2 and "Missing argument 'WHAT'" in wrong.stdout + wrong.stderr
    unknown = remit("exec", copy, "ordr", check=False)
    assert unknown.returncode != 0 and "order" in unknown.stderr
