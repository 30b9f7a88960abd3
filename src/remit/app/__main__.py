"""`python -m remit.app graph FILE`: a program's graph, as the second computation of it; and `persona`: one component's process."""

from __future__ import annotations

import sys


def main(words: list[str]) -> int:
    """What the processes of this package run."""
    from remit.errors import RemitError

    try:
        if words[:1] == ["graph"] and len(words) == 2:
            from remit.app._graph import compute
            from remit.app._load import load_program

            sys.stdout.write(compute(load_program(words[1])).canonical())
            return 0
    except RemitError as error:
        print(
            f"{type(error).__name__}: {getattr(error, 'message', error)}",
            *getattr(error, "__notes__", ()),
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    print("usage: python -m remit.app graph FILE", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
