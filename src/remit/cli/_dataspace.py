"""`remit dataspace …`: serve dataspaces, look into them, and take part by hand. docs/syndicate.md is the manual."""

from __future__ import annotations

from typing import Final

import click

from remit.cli._main import Lazy

__all__ = ["dataspace"]

COMMANDS: Final = {
    "assert": ("_space_say", "assert_command", "Hold an assertion until told to stop."),
    "debts": ("_space_look", "debts", "Show what waits for slow observers, and what peers cause."),
    "metrics": ("_space_look", "metrics", "Show counts as Prometheus reads them."),
    "observers": ("_space_look", "observers", "Show who observes what, and how far they keep up."),
    "parties": ("_space_look", "parties", "Show who takes part."),
    "query": ("_space_watch", "query", "Show what matches a pattern now."),
    "ref": ("_space_ref", "ref", "Make, narrow and take back sturdyrefs."),
    "send": ("_space_say", "send", "Send a message."),
    "serve": ("_space_serve", "serve", "Run a dataspace for others to meet in."),
    "trace": ("_space_trace", "trace", "Show each turn as it happens, and who caused it."),
    "watch": ("_space_watch", "watch", "Show assertions as they come and go, and messages."),
}


@click.group(cls=Lazy, table=COMMANDS)  # those of a dataspace load the network
def dataspace() -> None:
    """Dataspaces: places where assertions are published, observed and withdrawn.

    VALUE and PATTERN are Preserves text: '<Present "ada">'. '-' takes one from standard input, '@FILE' from a file.
    In a pattern '_' stands for anything, and '?name' for what is to be shown: '<Says ?who ?what>'.
    """
