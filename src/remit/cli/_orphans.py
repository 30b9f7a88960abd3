"""`remit orphans`: what carries our label and belongs to nothing that we know; removed only on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from remit.cli._connect import ask_boss
from remit.cli._declared import Declared
from remit.cli._drift import project_or_none
from remit.cli._exit import PARTLY
from remit.cli._looking import look_inside
from remit.cli._main import Settings, Suggesting
from remit.cli._project import opened, world_of
from remit.cli._show import as_json_option, say, show_json, table
from remit.cli._times import ago
from remit.errors import Broken, Conflict, Missing
from remit.graph import Graph, Seen, Step, digest, orphans
from remit.vat import Ref

__all__ = ["orphans_command"]


class Orphan(NamedTuple):
    """One of them. `sort`: "machine" (at a provider), "account" (at a service of a machine) or "thing" (of the boss, labelled with this project)."""

    id: str
    sort: str
    what: str
    where: str
    since: float
    how: dict[str, Any]


@click.group("orphans", cls=Suggesting, invoke_without_command=True)
@as_json_option
@click.pass_context
def orphans_command(ctx: click.Context, as_json: bool) -> None:
    """List what carries our label and belongs to nothing: machines at providers, accounts at services, things of this project.

    What is not labelled as ours is never listed, nor touched.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings: Settings = ctx.obj
    found, notes = ask_boss(settings, lambda boss: _find(boss, project_or_none(settings)))
    if as_json:
        show_json({"orphans": [each._asdict() for each in found], "notes": notes})
        return
    rows = [(each.id, each.what, each.where, ago(each.since) if each.since else "") for each in found]
    table(
        ["ID", "WHAT", "WHERE", "SINCE"],
        rows,
        empty="no orphans were found where one could look" if notes else "there are no orphans",
    )
    for note in notes:
        say(note)


@orphans_command.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(settings: Settings, ids: tuple[str, ...], yes: bool) -> None:
    """Remove the orphans with these ids, as they were listed. What they keep is lost."""
    if not yes:
        click.confirm(f"Remove {', '.join(ids)}, with all that is kept there?", abort=True, err=True)
    failed = ask_boss(settings, lambda boss: _remove(boss, project_or_none(settings), ids), patient=True)
    if failed:
        raise click.exceptions.Exit(PARTLY)


async def _find(boss: Ref[Any], project: Declared | None) -> tuple[list[Orphan], list[str]]:
    world = world_of(boss, project or Declared(Graph(), Path(), Path()))
    actual = await world.observe()
    found, notes = await _at_providers(boss)
    inside = await look_inside(boss, actual)
    for each in inside.strays:
        service = f"{each['machine']}.{each['offer']}"
        found.append(_orphan("account", f"account of edge {each['edge']}", f"service {service}", each["since"], each))
    if project is not None:
        with opened(project) as ledger:
            known = ledger.known()
        found += [_thing(each) for each in orphans(project.graph, known, actual)]
    return sorted(found), [*notes, *inside.notes]


async def _at_providers(boss: Ref[Any]) -> tuple[list[Orphan], list[str]]:
    inspector, found, notes = await boss.inspector(), [], []
    for provider in await inspector.provider_names():
        try:
            strangers = await inspector.strangers(provider)
        except Broken as error:
            notes.append(f"provider {provider} could not be asked: {error.message}")
            continue
        for each in strangers:
            how = {"provider": provider, "id": each["id"]}
            found.append(
                _orphan("machine", f"machine {each['id']} ({each['state']})", f"provider {provider}", 0.0, how)
            )
    return found, notes


def _orphan(sort: str, what: str, where: str, since: float, how: dict[str, Any]) -> Orphan:
    named = {
        name: value for name, value in how.items() if name != "since"
    }  # what it is stays, how long we have known of it does not
    return Orphan(digest([sort, named])[:6], sort, what, where, since, how)


def _thing(seen: Seen) -> Orphan:
    return _orphan(
        "thing",
        seen.key.replace("/", "."),
        "this boss, labelled with this project",
        0.0,
        {"key": seen.key, "name": seen.name},
    )


async def _remove(boss: Ref[Any], project: Declared | None, ids: Sequence[str]) -> bool:
    """Remove them one after the other; whether one could not be."""
    found = {each.id: each for each in (await _find(boss, project))[0]}
    unknown = [id for id in ids if id not in found]
    if unknown:
        raise Missing(f"there is no orphan {unknown[0][:40]!r} (any more); look again with remit orphans")
    failed = False
    for each in [found[id] for id in dict.fromkeys(ids)]:
        try:
            await _remove_one(boss, project, each)
        except Conflict:
            raise
        except Broken as error:
            failed = True
            say(f"not removed: {each.what}: {error.message}")
        else:
            say(f"removed: {each.what}, {each.where}")
    return failed


async def _remove_one(boss: Ref[Any], project: Declared | None, orphan: Orphan) -> None:
    inspector = await boss.inspector()
    if orphan.sort == "machine":
        await inspector.remove_stranger(orphan.how["provider"], orphan.how["id"])
    elif orphan.sort == "account":
        await inspector.remove_stray(orphan.how["machine"], orphan.how["offer"], orphan.how["edge"])
    elif project is not None:
        with opened(project) as ledger, ledger.locked("remit orphans remove"):
            world, known = world_of(boss, project), ledger.known()
            there = {each.key: each for each in orphans(project.graph, known, await world.observe())}
            seen = there.get(orphan.how["key"])
            if seen is None or seen.name != orphan.how["name"]:
                raise Missing(f"{orphan.what} is no orphan any more; look again")
            done = await world.do(Step(1, "remove", seen.key, seen.what, None, name=seen.name))
            if done.late:
                raise Conflict(done.late)
