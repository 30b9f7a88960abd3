"""The command line `remit`. Start with `_main.py`; each group of commands has a file of its own."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """The command `remit`. A ping is answered without loading the rest, where nothing is in its way."""
    import sys

    words = sys.argv[1:]
    if words[:2] == ["server", "ping"]:
        from remit.cli._quick import pinged

        if pinged(words[2:]):
            sys.exit(0)
    from remit.cli._main import main as whole

    whole()
