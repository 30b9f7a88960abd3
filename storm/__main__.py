"""`python -m storm N --seed SEED`."""

from __future__ import annotations

import argparse
import asyncio
import sys

import storm
from storm._run import run


def main() -> int:
    """`python -m storm N --seed SEED`."""
    parser = argparse.ArgumentParser("storm", description=(storm.__doc__ or "").partition("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=1000, help="how many parties die [1000]")
    parser.add_argument("--seed", type=int, default=1, help="of their kinds, moments and ways [1]")
    options = parser.parse_args()
    return asyncio.run(run(options.count, options.seed))


if __name__ == "__main__":
    sys.exit(main())
