"""`remit exec` and `remit rotate`: programs that get their bindings, and new credentials for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from remit.cli._app import Program
from remit.cli._connect import ask_boss
from remit.cli._exit import PARTLY
from remit.cli._main import Settings
from remit.cli._show import as_json_option, say, show_json
from remit.cli._times import span

__all__ = ["exec_command", "rotate"]

# What clients of libpq read, by the entry of the credential: none of it is a secret, and the password stays in its file.
_LIBPQ = {"PGHOST": "host", "PGPORT": "port", "PGDATABASE": "database", "PGUSER": "username", "PGSSLMODE": "sslmode"}


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--machine", metavar="DIR", help="The machine's state directory [default: $REMIT_HOB].")
@click.option(
    "--with",
    "names",
    multiple=True,
    metavar="NAME",
    help="A binding that the program needs; may be given several times.",
)
@click.option(
    "--env",
    "wishes",
    multiple=True,
    metavar="VAR=NAME.ENTRY",
    help="Put an entry of a binding into the environment, where the program can read it nowhere else: DATABASE_URL=db.uri.",
)
@click.option(
    "--target", default="", metavar="NAME", help="With an application's FILE.py: where it runs [default: where it is]."
)
@click.argument("words", nargs=-1, required=True, metavar="PROGRAM|FILE.py [ARGUMENT]...")
def exec_command(
    machine: str | None, names: tuple[str, ...], wishes: tuple[str, ...], target: str, words: tuple[str, ...]
) -> None:
    """Start a program on this machine with its bindings, and become it; or run a command of an application: remit exec FILE.py COMMAND [ARGUMENT]...

    FILE.py is an application's where it is a file, and not executable.

    It finds credentials below $SERVICE_BINDING_ROOT. Clients of PostgreSQL such as psql need nothing else: PGHOST, PGUSER, … and
    PGPASSFILE are those of the first binding of that type.
    """
    file = Path(words[0])
    if target or (file.suffix == ".py" and file.is_file() and not os.access(file, os.X_OK)):
        from remit.cli._app_look import exec_program  # programs pay for it

        if len(words) < 2:
            raise click.UsageError(f"say which command of {file}: remit exec {file} COMMAND")
        raise click.exceptions.Exit(exec_program(Program(file, target, {}), words[1:]))
    from remit.machines import binding_root, read_binding  # not needed for help

    root = binding_root(machine)
    environment = dict(os.environ)
    environment["SERVICE_BINDING_ROOT"] = str(root)
    environment["REMIT_HOB"] = str(root.parent)
    found = {name: read_binding(root, name) for name in dict.fromkeys(names)}
    for name, texts in found.items():
        if texts["type"] == "postgresql":
            environment |= {variable: texts[entry] for variable, entry in _LIBPQ.items() if entry in texts}
            environment["PGPASSFILE"] = str(root / name / "pgpass")
            break
    for wish in wishes:
        variable, name, entry = _wish(wish)
        texts = found.get(name) or read_binding(root, name)
        if entry not in texts:
            raise click.BadParameter(f"{name} has no {entry}; it has: {', '.join(sorted(texts))}", param_hint="--env")
        environment[variable] = texts[entry]
    try:
        os.execvpe(words[0], list(words), environment)  # noqa: S606  # no shell is what is wanted
    except OSError as error:
        raise click.ClickException(f"cannot start {words[0]}: {error.strerror}") from None


def _wish(text: str) -> tuple[str, str, str]:
    variable, equals, place = text.partition("=")
    name, dot, entry = place.partition(".")
    if not (equals and dot and variable and name and entry):
        raise click.BadParameter("write VAR=NAME.ENTRY, such as DATABASE_URL=db.uri", param_hint="--env")
    return variable, name, entry


@click.command()
@click.argument("what", metavar="EDGE|MACHINE.NAME|MACHINE")
@click.option(
    "--overlap",
    callback=span,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How long the old credential goes on: 30s, 10m, 2h; 0s ends it at once.",
)
@as_json_option
@click.pass_obj
def rotate(settings: Settings, what: str, overlap: float, as_json: bool) -> None:
    """Renew the credential of a binding, or of all that a machine holds."""
    done: dict[str, Any] = ask_boss(settings, lambda boss: boss.rotate(what, overlap))
    if as_json:
        show_json(done)
    else:
        say(f"renewed: {', '.join(done['rotated']) or 'nothing'}")
        for id in done["unfinished"]:
            say(f"edge {id}: its machine has not been reached, and takes the new credential when it looks")
    if done["unfinished"]:
        raise click.exceptions.Exit(PARTLY)
