"""`remit server load`, `versions`, `rollback` and `forget`: code of servers that run."""

from __future__ import annotations

from typing import Any

import click

from remit.cli._main import Settings
from remit.cli._own_code import own_bundle
from remit.cli._server_ask import ask_control, ensemble_options
from remit.cli._show import as_json_option, say, show_json, table, tell
from remit.cli._times import ago
from remit.ensemble import Home
from remit.ensemble.code import Bundle, Loaded, Version, send_bundle, send_library

__all__ = ["forget", "load", "rollback", "versions"]

SHORT = 12


def _target(arguments: tuple[str, ...], reference: str | None, least: int, words: str) -> tuple[str | None, list[str]]:
    """The server's id, which is left out with `--server`, and the other words."""
    id, rest = (None, list(arguments)) if reference is not None else (arguments[0], list(arguments[1:]))
    if not least <= len(rest) <= len(words.split()):
        raise click.UsageError(f"this takes {'' if reference is not None else 'ID '}{words}")
    return id, rest


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="ID MODULE")
@click.option(
    "-f", "--force", is_flag=True, help="The module alone, whatever it imports, and anew if it is there already."
)
@click.option("--library", is_flag=True, help="Nothing is sent: the server imports it from its own path.")
@click.option("--present", multiple=True, metavar="PACKAGE", help="A package that the server has; as often as needed.")
@click.option(
    "--path", "places", multiple=True, metavar="DIR", help="Look for modules here first [default: this directory]."
)
@ensemble_options
@as_json_option
@click.pass_obj
def load(
    settings: Settings,
    words: tuple[str, ...],
    force: bool,
    library: bool,
    present: tuple[str, ...],
    places: tuple[str, ...],
    home: str | None,
    reference: str | None,
    as_json: bool,
) -> None:
    """Load MODULE into server ID while it runs, with those of its imports that the server lacks.

    It is executed there, or, where anything goes wrong, everything stays as it was. It is loaded again when the server starts. What it replaces is kept as a
    version: `remit server versions`, `rollback`.
    """
    id, (module,) = _target(words, reference, 1, "MODULE")
    bundle: Bundle | None = None
    if not library:
        bundle = own_bundle(Home.find(home), module, present=present, places=places, alone=force)

    async def question(control: Any) -> Loaded:
        part = await control.part("load")
        if bundle is None:
            return await send_library(part, module, force=force)
        return await send_bundle(part, bundle, force=force)

    _tell_loaded(ask_control(settings, home, reference, id, question, ["load"]), as_json)


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="ID MODULE")
@click.option(
    "--to", "digest", default="", metavar="DIGEST", help="The version whose digest begins so [default: the one before]."
)
@ensemble_options
@as_json_option
@click.pass_obj
def rollback(
    settings: Settings, words: tuple[str, ...], digest: str, home: str | None, reference: str | None, as_json: bool
) -> None:
    """Go back to the version of MODULE that ran before in server ID. Living objects go back where their class has a `_downgrade`."""
    id, (module,) = _target(words, reference, 1, "MODULE")

    async def question(control: Any) -> Loaded:
        part = await control.part("load")
        loaded: Loaded = await part.rollback(module, digest)
        return loaded

    _tell_loaded(ask_control(settings, home, reference, id, question, ["load"]), as_json)


@click.command()
@click.argument("words", nargs=-1, metavar="ID [MODULE]")
@ensemble_options
@as_json_option
@click.pass_obj
def versions(
    settings: Settings, words: tuple[str, ...], home: str | None, reference: str | None, as_json: bool
) -> None:
    """List what was loaded into server ID, or the versions of one module."""
    if not words and reference is None:
        raise click.UsageError("this takes ID [MODULE]")
    id, rest = _target(words, reference, 0, "[MODULE]")

    async def question(control: Any) -> list[Version]:
        part = await control.part("load")
        found: list[Version] = await part.versions(*rest)
        return found

    found = ask_control(settings, home, reference, id, question, ["load"])
    if as_json:
        show_json([{name: getattr(each, name) for name in Version.__annotations__} for each in found])
        return
    rows = [
        (
            each.module,
            each.digest[:SHORT] or "its own",
            _state(each),
            each.who,
            each.signer[:SHORT] or "-",
            ago(each.when),
        )
        for each in found
    ]
    table(
        ("MODULE", "DIGEST", "STATE", "LOADED BY", "SIGNED BY", "WHEN"),
        rows,
        "nothing was loaded; load a module with: remit server load ID MODULE",
    )


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="ID MODULE")
@ensemble_options
@click.pass_obj
def forget(settings: Settings, words: tuple[str, ...], home: str | None, reference: str | None) -> None:
    """Keep the versions of MODULE in server ID no more. It runs on until the server ends, and is not loaded again when it starts."""
    id, (module,) = _target(words, reference, 1, "MODULE")

    async def question(control: Any) -> None:
        await (await control.part("load")).forget(module)

    ask_control(settings, home, reference, id, question, ["load"])
    say(f"{module} runs on, and is not loaded again when the server starts")


def _state(version: Version) -> str:
    if not version.running:
        return "kept"
    return f"skipped: {version.skipped}" if version.skipped else "running"


def _tell_loaded(loaded: Loaded, as_json: bool) -> None:
    if as_json:
        show_json({name: getattr(loaded, name) for name in Loaded.__annotations__})
        return
    if loaded.already:
        say(f"{loaded.module} is there already: nothing was done (--force loads it anew)")
    else:
        for name in loaded.executed:
            say(f"... loaded {name}")
    for kind, count in sorted(loaded.upgraded.items()):
        say(f"{count} of {kind} brought over")
    for kind, count in sorted(loaded.kept.items()):
        say(f"{count} of {kind} stay as they are: the module has this kind no more")
    for name in loaded.differ:
        say(
            f"{name} is another one there, and was left: it is part of the program that runs; load it by its name to replace it"
        )
    for name in loaded.stale:
        say(f"{name} was loaded before and still uses what was replaced: load it, too")
    if loaded.digest:
        tell(loaded.digest)
