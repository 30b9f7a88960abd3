"""Running a command where its application is deployed: a process for as long as it takes, with the command's own key and edges."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

from remit.app._epoch import RUNTIME, in_epoch
from remit.app._load import load_program
from remit.app._persona import Host, Persona, declaration_of
from remit.app.components import run_words
from remit.app.hosting._manifest import Directory, read_manifest
from remit.app.hosting._wires import FarWiring
from remit.errors import BadArgument
from remit.net import Network, Node, TurnLog, dialling, told_to_stop
from remit.vat import Vat

__all__ = ["run_command"]


def run_command(path: Path, words: list[str], *, program: Path | None = None) -> int:
    """Run the command whose directory this is, with the words of a command line; its exit code, 130 where it is told to stop. Its output is ours."""
    manifest = read_manifest(path)
    app = load_program(program or Path(manifest.program))
    declaration = declaration_of(app, manifest.id)
    component = declaration.component
    if component.kind != "command":
        raise BadArgument(f"{manifest.id} is no command, but of kind {component.kind}")
    wiring = FarWiring()
    data = Path(manifest.data) if manifest.data else None
    settings = {"target": manifest.target, **manifest.settings}
    persona = Persona(declaration, wiring, Host(manifest.id, manifest.name, data, settings, time.time))
    return asyncio.run(_run(Directory(path), persona, wiring, words))


async def _run(directory: Directory, persona: Persona, wiring: FarWiring, words: list[str]) -> int:
    key = directory.key()
    async with told_to_stop() as stop, AsyncExitStack() as stack:
        vat = await stack.enter_async_context(Vat("command", recorder=TurnLog(), mark=f"{os.urandom(3).hex()}-"))
        node = await stack.enter_async_context(Node(key, vat))
        for netlayer in dialling(key):
            node.use(netlayer)
        edges = [edge for edge in persona.declaration.edges.values() if edge.target.component.hosted]
        wiring.attach(Network(node), {edge.id: directory.held(edge.name) for edge in edges})
        await persona.start()
        stack.push_async_callback(persona.stop)
        with in_epoch(RUNTIME, persona.id):
            work = asyncio.create_task(run_words(persona.body.spec(), persona.body.run, words, print))
        told = asyncio.create_task(stop.wait())
        await asyncio.wait([work, told], return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return 130
        return work.result()
