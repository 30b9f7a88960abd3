"""`python -m remit.machines --state DIRECTORY`: the agent of one machine, as its provider starts it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from remit.errors import RemitError
from remit.machines._agent import run_agent
from remit.machines._log_lines import log_to_stderr
from remit.net import run
from remit.values import printable


def main() -> int:
    """Run the agent until it is told to stop; what keeps it from running is one line, and status 1."""
    parser = argparse.ArgumentParser(prog="python -m remit.machines", description="The agent of one machine.")
    parser.add_argument("--state", required=True, metavar="DIRECTORY", help="the machine's state directory")
    given = parser.parse_args()
    log_to_stderr(logging.INFO)
    state = Path(given.state).absolute()
    try:
        os.chdir(state)  # whatever directory we were started in can be removed
        run(run_agent(state))
    except (RemitError, FileNotFoundError) as error:
        print(f"the agent ends: {printable(str(error))}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
