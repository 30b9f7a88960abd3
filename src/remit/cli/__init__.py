"""The command line `remit`. Start with `_main.py`; each group of commands has a file of its own."""

from remit.cli._main import main

__all__ = ["main"]
