"""`remit`: the command line. Groups are imported when they are used, so that help is quick.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done, 4 the authority is missing, 5 no answer in time, 130 interrupted.
"""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import Any, Final

import click

from remit.errors import Refused, RemitError, Unreachable

__all__ = ["Settings", "main"]

COMMANDS: Final = {
    "bind": ("_edges", "bind", "Give a machine a service under a name."),
    "bindings": ("_edges", "bindings", "List what was bound to what."),
    "boss": ("_boss", "boss", "Run the boss, and look after it."),
    "call": ("_call", "call_command", "Call a method of a bound service, or of the boss."),
    "machine": ("_machine", "machine", "Create, list, show, start and destroy machines."),
    "offer": ("_offer", "offer", "Have a machine make and offer an object."),
    "offers": ("_offer", "offers", "List what machines offer."),
    "alarm": ("_status", "alarm", "Look at alarms and clear them."),
    "revoke": ("_edges", "revoke", "Take back an edge, or all edges of a machine."),
    "status": ("_status", "status", "Everything on one screen."),
    "unbind": ("_edges", "unbind", "Take back what is bound under a name."),
    "who-can": ("_edges", "who_can", "Say who can reach a service, and through whom."),
}
EXIT_FAILED, EXIT_PARTLY, EXIT_REFUSED, EXIT_TIMEOUT = 1, 3, 4, 5


class Settings:
    """What the options before the command say; the command reads the rest of the configuration when it needs it."""

    __slots__ = ("boss", "config", "debug", "timeout")

    def __init__(self, config: str | None, boss: str | None, timeout: float, debug: bool) -> None:
        self.config = config
        self.boss = boss
        self.timeout = timeout
        self.debug = debug


class Lazy(click.Group):
    """Commands whose modules are imported when they are run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # as above
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"remit.cli.{module}"), name)
        return found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS:
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="Use this remit.toml.")
@click.option(
    "--boss",
    metavar="FILE",
    envvar="REMIT_BOSS",
    help="The file with the boss's reference [default: admin.ref of the state directory].",
)
@click.option("--timeout", default=30.0, show_default=True, metavar="SECONDS", help="How long to wait for an answer.")
@click.option("--debug", is_flag=True, help="Show the traceback of a failure.")
@click.version_option(package_name="remit", message="remit %(version)s")
@click.pass_context
def cli(ctx: click.Context, config: str | None, boss: str | None, timeout: float, debug: bool) -> None:
    """Machines, services, and the references that connect them."""
    ctx.obj = Settings(config, boss, timeout, debug)


def main() -> None:
    """The command `remit`."""
    debug = "--debug" in sys.argv
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RemitError as error:
        if debug:
            raise
        click.echo(f"Error: {_told(error)}", err=True)
        sys.exit(_code(error))


def _told(error: RemitError) -> str:
    message = getattr(error, "message", None) or str(error)
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    id = getattr(error, "id", "")
    return f"{type(error).__name__}: {message}{notes}{f' [{id}]' if id else ''}"


def _code(error: RemitError) -> int:
    if isinstance(error, Refused):
        return EXIT_REFUSED
    return EXIT_TIMEOUT if isinstance(error, Unreachable) and "within" in str(error) else EXIT_FAILED
