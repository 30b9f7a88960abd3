"""Every example runs. The demonstration as a whole is in tests/test_demo.py; these are its parts, and the others."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from remit.errors import Broken
from remit.lib import supports
from remit.vat import Vat, resolved
from tests.cli.kit import PATIENCE, environment
from tests.house.source import TOP

EXAMPLES = TOP / "examples"
MONITORS = "tests/examples/test_monitors.py::test_monitors_say_what_the_kernel_tells"
CHAT = "tests/examples/test_chat.py::test_all_kinds_of_client_meet_in_one_room"
HTTPD = "tests/examples/test_httpd_ensemble.py::test_each_command_of_its_page_does_what_it_says"
RUN = {  # each example, and the test that runs it
    "chat/chat.py": CHAT,
    "chat/chat.sh": CHAT,
    "chat/chat_captp.py": CHAT,
    "chat/chat_syndicate_py.py": CHAT,
    "httpd-ensemble/handler.py": HTTPD,
    "httpd-ensemble/httpd_exe.py": HTTPD,
    "httpd-ensemble/httpd_server.py": HTTPD,
    "httpd-ensemble/httpd_service.py": HTTPD,
    "shell-monitors/battery.sh": MONITORS,
    "shell-monitors/brightness.sh": MONITORS,
    "shell-monitors/interfaces.sh": MONITORS,
    "shell-monitors/load.sh": MONITORS,
    "shell-monitors/monitor.sh": MONITORS,
    "shell-monitors/watch.sh": MONITORS,
    "web-and-postgres/app/web.py": "tests/examples/test_web_and_postgres.py::test_it_is_used_renewed_revoked_upgraded_and_destroyed",
    "customers/app.py": "tests/examples/test_customers_app.py::test_the_example_runs_in_this_process",
    "orders/app.py": "tests/app/conformance/test_conformance.py::test_orders_are_packed_and_reported",
    "customers.py": "test_customers_can_be_added_found_and_changed",
    "demo.py": "tests/test_demo.py::test_the_demonstration_holds",
    "demo_program.py": "tests/test_demo.py::test_the_demonstration_holds",
    "demo_thief.py": "tests/test_demo.py::test_the_demonstration_holds",
    "ocapn_test_peer.py": "test_the_peer_of_the_public_suite_says_where_it_is",
}


def example(name: str) -> ModuleType:
    """An example as a module, without running it as a program."""
    spec = importlib.util.spec_from_file_location(f"examples_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(home: Path, name: str, *words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """An example as a program."""
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *words],
        env=environment(home, **more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_every_example_is_run_by_a_test() -> None:
    """A new one gets its line in RUN, and the test named there exists."""
    found = [path for path in EXAMPLES.rglob("*") if path.suffix in (".py", ".sh")]
    assert {path.relative_to(EXAMPLES).as_posix() for path in found} == RUN.keys()
    for test in RUN.values():
        path, _, name = test.rpartition("::")
        text = (TOP / path).read_text() if path else Path(__file__).read_text()
        assert f"def {name}(" in text


def outcome(vat: Vat, promise: Any) -> Any:
    """What a promise became once the vat has run, as a value or as the error that it broke with."""
    vat.run()
    try:
        return resolved(promise)
    except Broken as error:
        return error


def test_customers_can_be_added_found_and_changed() -> None:
    """The service of the demonstration: a table whose rows are objects."""
    customers = example("customers")
    vat = Vat()
    table = vat.spawn(customers.CustomerTable)
    ada = outcome(vat, table.add("ada", "ada@example.org"))
    assert outcome(vat, table.add("ada", "other@example.org")).kind == "Conflict"
    assert outcome(vat, table.customer("bob")).kind == "Missing"
    assert outcome(vat, table.customer("ada")) is ada
    outcome(vat, ada.move("ada@example.com"))
    assert outcome(vat, ada.details()) == {"name": "ada", "email": "ada@example.com"}
    assert outcome(vat, table.names()) == ["ada"]


def test_customers_can_be_narrowed_in_every_way() -> None:
    """The demonstration binds it read-only; by key it can be narrowed, too."""
    assert {"read_only", "prefix"} <= set(supports(example("customers").CustomerTable))


def test_a_program_without_a_machine_is_told_so(tmp_path: Path) -> None:
    """What to set, and not a traceback of ours alone."""
    done = run(tmp_path, "demo_program.py")
    assert done.returncode != 0
    assert "Set $REMIT_HOB" in done.stderr


def test_a_program_with_another_users_file_is_refused(tmp_path: Path) -> None:
    """The file by which a hob is found is for its owner alone."""
    (tmp_path / "hob.ref").write_text("ocapn://a.remit/s/AAAA")
    (tmp_path / "hob.ref").chmod(0o644)
    done = run(tmp_path, "demo_program.py", REMIT_HOB=str(tmp_path / "hob.ref"))
    assert done.returncode != 0
    assert "chmod 600" in done.stderr and "AAAA" not in done.stderr


def test_the_peer_of_the_public_suite_says_where_it_is() -> None:
    """One line with the locator that the suite is given; it takes connections there, and ends by SIGTERM."""
    command = [sys.executable, str(EXAMPLES / "ocapn_test_peer.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as peer:
        try:
            assert peer.stdout is not None
            assert re.fullmatch(r"ocapn://\S+\.tcp-testing-only\?host=127\.0\.0\.1&port=\d+\n", peer.stdout.readline())
        finally:
            peer.terminate()
        peer.wait(PATIENCE)


@pytest.mark.parametrize("step", ["enrol", "serve", "survive", "refuse"])
def test_each_part_of_the_demonstration_checks_something(step: str) -> None:
    """No part of the story is only told."""
    import inspect

    assert inspect.getsource(getattr(example("demo"), step)).count("check(") >= 3
