"""Run the public OCapN suite four times: in both dialects, against one long-lived peer and against a fresh one for each test.

    OCAPN_SUITE=directory make conformance [DIALECT=ocapn-1.0] [FRESH=no] [VERBOSE=yes]

The suite is the user's own copy, and stays as it is; `tools/ocapn_suite.py` runs it. Each run's closing lines are printed, and all
of a run that fails. The exit status is 0 only if every run passes.
"""

from __future__ import annotations

import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PEER = os.path.join(TOP, "examples", "ocapn_test_peer.py")
DIALECTS = ("suite-2026-02", "ocapn-1.0")
FRESH = ("no", "yes")
SECONDS = 300
"""How long one run may take; a passing one takes about half a second, or half a minute with fresh peers."""


def run(suite: str, dialect: str, fresh: str, *, verbose: bool) -> bool:
    """One run of the suite, and what is to be told of it; whether it passed."""
    peers = "a fresh peer for each test" if fresh == "yes" else "one long-lived peer"
    print(f"--- {dialect}, {peers}", flush=True)
    command = [sys.executable, os.path.join(TOP, "tools", "ocapn_suite.py"), suite]
    command += ["--newer"] * (dialect == "ocapn-1.0") + ["--fresh"] * (fresh == "yes")
    command += ["--peer", sys.executable, PEER, "--dialect", dialect]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False
    )
    lines = done.stdout.rstrip().splitlines()
    passed = done.returncode == 0
    print("\n".join(lines if verbose or not passed else [line for line in lines[-4:] if line]), flush=True)
    return passed


def chosen(name: str, among: tuple[str, ...]) -> list[str]:
    """What the environment asks for, all if it asks for nothing."""
    asked = os.environ.get(name) or " ".join(among)
    wrong = [one for one in asked.split() if one not in among]
    if wrong:
        raise SystemExit(f"{name}={asked}: known are {', '.join(among)}")
    return asked.split()


def main() -> int:
    """All the runs that were asked for."""
    suite = os.environ.get("OCAPN_SUITE", "")
    if not os.path.isfile(os.path.join(suite, "test_runner.py")):
        print("set OCAPN_SUITE to a checkout of the OCapN test suite, the directory of its test_runner.py")
        return 2
    verbose = bool(os.environ.get("VERBOSE"))
    passed = [
        run(os.path.abspath(suite), dialect, fresh, verbose=verbose)
        for dialect in chosen("DIALECT", DIALECTS)
        for fresh in chosen("FRESH", FRESH)
    ]
    print(f"--- {sum(passed)} of {len(passed)} runs passed")
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
