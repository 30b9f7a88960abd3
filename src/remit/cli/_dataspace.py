"""`remit dataspace …`: serve dataspaces, look into them, and take part by hand. docs/syndicate.md is the manual."""

from __future__ import annotations

import importlib
from typing import Final

import click

from remit.cli._main import Suggesting

__all__ = ["dataspace"]

COMMANDS: Final = {
    "assert": ("_space_say", "assert_command", "Hold an assertion until told to stop."),
    "query": ("_space_watch", "query", "Show what matches a pattern now."),
    "ref": ("_space_ref", "ref", "Make, narrow and take back sturdyrefs."),
    "send": ("_space_say", "send", "Send a message."),
    "serve": ("_space_serve", "serve", "Run a dataspace for others to meet in."),
    "trace": ("_space_trace", "trace", "Show each turn as it happens, and who caused it."),
    "watch": ("_space_watch", "watch", "Show assertions as they come and go, and messages."),
}


class Later(Suggesting):
    """Commands whose modules are imported when they are run: those of a dataspace load the network."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # as above
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"remit.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


@click.group(cls=Later)
def dataspace() -> None:
    """Dataspaces: places where assertions are published, observed and withdrawn.

    VALUE and PATTERN are Preserves text: '<Present "ada">'. '-' takes one from standard input, '@FILE' from a file.
    In a pattern '_' stands for anything, and '?name' for what is to be shown: '<Says ?who ?what>'.
    """
