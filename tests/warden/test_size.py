"""The warden is a small process: one more on each machine, and copied at each start of a service."""

from __future__ import annotations

import subprocess
import sys


def test_it_loads_nothing_else_of_remit() -> None:
    """Its modules import each other and small ones of the standard library; no event loop and no cryptography comes with them."""
    code = "import sys, remit.warden._warden; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    whole = {"_lazy", "_native", "errors", "values", "vat"}  # of `import remit` itself
    assert {name.split(".")[1] for name in loaded if name.startswith("remit.")} <= {*whole, "warden"}
    assert not loaded & {"asyncio", "ssl", "cryptography", "subprocess", "sqlite3"}
