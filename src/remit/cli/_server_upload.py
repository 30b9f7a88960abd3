"""`remit server upload|uploads|use`: programs, environments and files of servers, with their versions."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO, Any

import click

from remit.cli._main import Settings
from remit.cli._server_ask_exec import ask_exec, on_option
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import ago

__all__ = ["upload", "uploads", "use"]

KIND = click.Choice(["program", "env", "files"])


@click.command()
@click.argument("kind", type=KIND)
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--no-switch",
    is_flag=True,
    help="Bring it, and leave the version in use that is; --set program=NAME:VERSION uses it.",
)
@on_option
@as_json_option
@click.pass_obj
def upload(
    settings: Settings,
    kind: str,
    name: str,
    path: Path,
    no_switch: bool,
    on: str | None,
    home: str | None,
    as_json: bool,
) -> None:
    """Bring a program (one file), an environment or files (a directory, or a tar archive) to a host, as another version of NAME.

    Servers run it when they are next started. An upload that was cut off goes on where it was: give the same command again.
    """
    from remit.ensemble.supervisor import archive_of  # only for those who upload
    from remit.ensemble.supervisor import upload as send

    if kind == "program" and path.is_dir():
        raise click.UsageError("a program is one file (remit bundle makes one); a directory is env or files")

    def put(file: IO[bytes]) -> dict[str, Any]:
        return ask_exec(
            settings, home, on, lambda part: send(part, kind, name, file, switch=not no_switch), patient=True
        )

    if path.is_dir():
        with tempfile.TemporaryFile() as whole:
            archive_of(path, whole)
            found = put(whole)
    else:
        with path.open("rb") as file:
            found = put(file)
    if as_json:
        show_json(found)
    else:
        say(f"{kind} {name} is at version {found['version'][:12] or '(none)'}; {len(found['versions'])} kept")


@click.command()
@click.argument("kind", type=KIND, required=False)
@click.argument("name", required=False)
@click.option("--forget", metavar="VERSION", help="Remove a version that is not in use.")
@on_option
@as_json_option
@click.pass_obj
def uploads(
    settings: Settings,
    kind: str | None,
    name: str | None,
    forget: str | None,
    on: str | None,
    home: str | None,
    as_json: bool,
) -> None:
    """List what was uploaded to a host, with its versions."""
    if forget is not None and (kind is None or name is None):
        raise click.UsageError("--forget is of one thing: give its KIND and NAME")

    async def question(part: Any) -> list[dict[str, Any]]:
        if forget is not None:
            return [await part.forget_version(kind, name, forget)]
        return list(await part.versions(kind or "", name or ""))

    found = ask_exec(settings, home, on, question)
    if as_json:
        show_json(found)
        return
    rows = [
        (
            each["kind"],
            each["name"],
            row["version"][:12],
            "in use" if row["version"] == each["version"] else "",
            ago(row["used"]) if row["used"] else "never",
        )
        for each in found
        for row in each["versions"]
    ]
    table(("KIND", "NAME", "VERSION", "", "PUT TO USE"), rows, "nothing was uploaded yet")


@click.command()
@click.argument("kind", type=KIND)
@click.argument("name")
@click.argument("version", required=False, default="")
@on_option
@as_json_option
@click.pass_obj
def use(
    settings: Settings, kind: str, name: str, version: str, on: str | None, home: str | None, as_json: bool
) -> None:
    """Go back to the version of NAME that was in use before, or put the one to use whose digest begins with VERSION. Servers run it when they are next started."""
    found = ask_exec(settings, home, on, lambda part: part.rollback(kind, name, version))
    if as_json:
        show_json(found)
    else:
        say(f"{kind} {name} is at version {found['version'][:12]}")
