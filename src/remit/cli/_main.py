"""`remit`: the command line. Groups are imported when they are used, so that help is quick. `_exit.py` has the exit codes."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

import click

from remit.cli._exit import CODES, INTERRUPTED, code_of, refuse_secrets, told

__all__ = ["Lazy", "Settings", "Suggesting", "main"]

COMMANDS: Final = {
    "admin": ("_admin", "admin", "Who may do what with the servers of an ensemble."),
    "alarm": ("_status", "alarm", "Look at alarms and clear them."),
    "bind": ("_edges", "bind", "Give a machine a service under a name."),
    "bindings": ("_edges", "bindings", "List what was bound to what."),
    "boss": ("_boss", "boss", "Run the boss, or wait for it."),
    "bundle": ("_bundle", "bundle_command", "Make one executable file of a program."),
    "build": ("_app_look", "build_command", "Write files by which other tools deploy an application."),
    "ca": ("_ca", "ca", "Certificates for the servers of an ensemble."),
    "call": ("_call", "call_command", "Call a method of a bound service, or of the boss."),
    "dataspace": ("_dataspace", "dataspace", "Dataspaces: serve them, look into them, take part."),
    "down": ("_plan", "down", "Remove what remit.toml has declared."),
    "drift": ("_drift", "drift_command", "Look where what there is differs from what was applied."),
    "exec": ("_exec", "exec_command", "Start a program with its bindings."),
    "graph": ("_graph", "graph_command", "Draw who holds what, and what a plan changes."),
    "history": ("_ledger", "history", "List who applied what, and when."),
    "image": ("_image", "image", "Build what machines are made from, and install it."),
    "invitations": ("_invite", "invitations", "List who has a way in to the boss."),
    "invite": ("_invite", "invite", "Give a person or a job a part of the boss's authority."),
    "leave": ("_leave", "leave", "Take Remit off this machine, and leave what runs running."),
    "logs": ("_app_look", "logs_command", "Show what an application's components have written."),
    "machine": ("_machine", "machine", "Create, adopt, list, upgrade, let go and destroy machines."),
    "offer": ("_offer", "offer", "Have a machine make and offer an object."),
    "offers": ("_offer", "offers", "List what machines offer."),
    "orphans": ("_orphans", "orphans_command", "List what carries our label and belongs to nothing."),
    "plan": ("_plan", "plan_command", "Show what remit up would do, and whose authority changes."),
    "registry": ("_registry", "registry", "Run the registry of an ensemble of servers."),
    "revoke": ("_edges", "revoke", "Take back an edge, or all edges of a machine."),
    "rotate": ("_exec", "rotate", "Renew the credential of a binding."),
    "schema": ("_schema", "schema", "Compile and use Preserves schemas."),
    "server": ("_server", "server", "Run, find and manage servers of an ensemble."),
    "service": ("_service", "service", "List, start, stop and explain services of a machine."),
    "status": ("_status", "status", "Everything on one screen."),
    "trace": ("_trace", "trace", "Show who called whom, from machine to machine."),
    "unbind": ("_edges", "unbind", "Take back what is bound under a name."),
    "uninvite": ("_invite", "uninvite", "Take an invitation back."),
    "unlock": ("_ledger", "unlock", "Take the lock of the state from a run that hangs."),
    "up": ("_plan", "up", "Bring about what remit.toml declares."),
    "who-can": ("_edges", "who_can", "Say who can reach a service, and through whom."),
    "withdraw": ("_offer", "withdraw", "Take an offer back, and end its grants."),
}


class Settings:
    """What the options before the command say; the command reads the rest of the configuration when it needs it."""

    __slots__ = ("boss", "config", "debug", "passphrase_fd", "timeout")

    def __init__(self, config: str | None, boss: str | None, timeout: float, debug: bool) -> None:
        self.config = config
        self.boss = boss
        self.timeout = timeout
        self.debug = debug
        self.passphrase_fd: int | None = None  # of commands with `passphrase_options`


class Suggesting(click.Group):
    """A group that names the nearest command to one that it does not have."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            near = difflib.get_close_matches(args[0], known, 1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)


class Lazy(Suggesting):
    """Commands whose modules are imported when they are run. `table`: for each command its module in `remit.cli`, its name there, and its help."""

    def __init__(self, *args: Any, table: dict[str, tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # click's signature
        return sorted(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # as above
        if cmd_name not in self.table:
            return None
        module, name, _ = self.table[cmd_name]
        found: click.Command = getattr(importlib.import_module(f"remit.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # as above
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.table[name][2]) for name in sorted(self.table)])


def _version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import PackageNotFoundError, version  # not needed for anything else
        from importlib.util import find_spec

        from remit.values import compiled

        build = f"{'compiled' if compiled else 'pure Python'}, {'uvloop' if find_spec('uvloop') else 'asyncio'}"
        try:
            click.echo(f"remit {version('remit')} ({build})")
        except PackageNotFoundError:
            click.echo("remit, not installed")  # run from its source
        ctx.exit()


@click.group(
    cls=Lazy,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit codes: {CODES}.",
)
@click.option("--config", metavar="FILE", help="Use this remit.toml.")
@click.option(
    "--boss",
    metavar="FILE",
    envvar="REMIT_BOSS",
    help="The file with the boss's reference, '-' or fd:N [default: admin.ref of the state directory].",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for an answer.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of a failure, and log what happens.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def cli(ctx: click.Context, config: str | None, boss: str | None, timeout: float, debug: bool) -> None:
    """Machines, services, and the references that connect them."""
    ctx.obj = Settings(config, boss, timeout, debug)
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, format="%(name)s: %(message)s", stream=sys.stderr)


def main() -> None:
    """The command `remit`."""
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """One command; its exit code. Errors are told on stderr, and with `--debug` with their traceback."""
    try:
        refuse_secrets(words)
        code = cli.main(list(words), prog_name="remit", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # nobody should have to read a traceback who did not ask for it
        if "--debug" in words:
            import traceback

            traceback.print_exception(error)
        click.echo(f"Error: {told(error)}", err=True)
        return code_of(error)
    return code if isinstance(code, int) else 0
