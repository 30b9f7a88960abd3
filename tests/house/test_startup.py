"""What `import remit` loads: start-up time is decided by it, and time itself can't be tested steadily."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import remit

# Dear to load, and not needed to talk about objects.
DEAR = {
    "asyncio",
    "ssl",
    "cryptography",
    "dataclasses",
    "inspect",
    "sqlite3",
    "subprocess",
    "logging",
    "msgspec",
    "click",
}

# Everything that importing remit may load beyond what Python has loaded by then, by its first name.
# `typing` is the dearest of them; the others are small or built in.
ALLOWED = {
    "remit",
    *("typing", "collections", "functools", "abc", "types", "operator", "keyword", "reprlib", "contextlib", "copyreg"),
    *("re", "enum", "_sre", "weakref", "_weakrefset", "itertools", "heapq", "bisect", "string", "linecache"),
    *("struct", "_struct", "math", "hashlib", "_hashlib", "base64", "binascii", "warnings", "traceback"),
    "importlib",  # the package is small; what is heavy in it is loaded at Python's start
    *(("remit__mypyc",) if remit.compiled else ()),  # what extension modules of mypyc's load
    *("_typing", "_collections", "_functools", "_operator", "_heapq", "_bisect", "_blake2", "__future__"),
}


# Sets `new` to what the code between loads.
SCRIPT = """
import sys
before = set(sys.modules)
{code}
new = sorted(set(sys.modules) - before)
import json
print(json.dumps(new))
"""


def loaded(code: str) -> set[str]:
    """The modules that this code loads, by their first names, besides those that Python has loaded at its start."""
    command = [sys.executable, "-c", SCRIPT.format(code=code)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("code", ["import remit", "from remit import *"])
def test_import_remit_loads_little(code: str) -> None:
    """Neither importing remit nor naming all that it offers loads anything that takes long."""
    names = loaded(code)
    assert names & DEAR == set(), "import it inside the function that needs it"
    assert names - ALLOWED == set(), "if it is cheap and needed, add it to ALLOWED"


def test_the_errors_load_almost_nothing() -> None:
    """Code that only catches Remit's errors pays for no layer."""
    assert loaded("import remit.errors") & DEAR == set()


HELP = """
import contextlib, io
from remit.cli import main
sys.argv = ["remit", "--help"]
with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
    main()
assert "Usage: " in said.getvalue(), said.getvalue()
"""


def test_help_loads_no_network_and_no_store() -> None:
    """`remit --help` loads click and what that needs, and nothing that commands use when they work."""
    dear = DEAR - {"click", "inspect"}  # click loads inspect
    assert loaded(HELP) & dear == set()


QUICK = """
import os, sys
from remit.cli import main
os.environ["REMIT_ENSEMBLE"] = "/nowhere"
from remit.cli._quick import pinged
assert not pinged(["web1"])
"""


def test_a_ping_loads_no_event_loop() -> None:
    """`remit server ping` of a server of this home is asked without asyncio, click, a vat or a store."""
    assert loaded(QUICK) & {"asyncio", "click", "sqlite3", "logging", "ssl", "inspect"} == set()
