"""The process of one persona: reads its directory, runs the program's start-up, and is that component until it is told to stop.

It starts when what it holds is ready. It says what it waits for, and that it is ready, by sd_notify, by a newline on a descriptor, and by the file `ready`. It exits with 0 when its work is done or it is told to stop, and with 1 where it failed: whoever started it starts it again.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from remit.app._component import Edge
from remit.app._graph import compute
from remit.app._load import load_program
from remit.app._persona import Host, Persona, declaration_of
from remit.app.hosting._manifest import Directory, Manifest, read_manifest
from remit.app.hosting._wires import Door, FarWiring, GateDevice
from remit.errors import Conflict, LinkLost
from remit.graph import below
from remit.lib import SwissEntry
from remit.net import Network, Node, TlsNetlayer, TurnLog, UnixNetlayer, dialling, run, told_to_stop
from remit.vat import Vat

__all__ = ["run_persona"]


def run_persona(path: Path, *, program: Path | None = None, graph: str = "", ready: int | None = None) -> int:
    """Be the persona of this directory until told to stop; the exit code. `program` and `graph` go before those of the manifest; `ready`: the descriptor to write a newline to."""
    manifest = read_manifest(path)
    app = load_program(program or Path(manifest.program))
    digest = hashlib.sha256(compute(app).canonical().encode()).hexdigest()
    if (graph or manifest.graph) not in ("", digest):
        raise Conflict(
            f"{manifest.id}: the start-up of {app.path} gives another graph here than where it was deployed: it is not deterministic, or the program has changed; deploy it again (remit up)"
        )
    wiring = FarWiring()
    directory = Path(manifest.data) if manifest.data else None
    settings = {"target": manifest.target, **manifest.settings}
    persona = Persona(
        declaration_of(app, manifest.id), wiring, Host(manifest.id, manifest.name, directory, settings, time.time)
    )
    return run(_being(path, manifest, persona, wiring, ready))


async def _being(path: Path, manifest: Manifest, persona: Persona, wiring: FarWiring, ready: int | None) -> int:
    directory = Directory(path)
    async with told_to_stop() as stop, AsyncExitStack() as stack:
        started = asyncio.Event()
        network = await _on_the_network(stack, path, manifest, persona, started)
        fields = [edge for edge in persona.declaration.edges.values() if edge.target.component.hosted]
        wiring.attach(network, {edge.id: directory.held(edge.name) for edge in fields}, fields, persona.host.now)
        stack.push_async_callback(wiring.close)
        if not await _everybody(stop, wiring, fields):
            return 0
        await persona.start()
        stack.push_async_callback(persona.stop)
        started.set()
        marker = path / "ready"
        version = os.environ.get("REMIT_DEPLOYED", "")
        for each in (marker, path / "came-up"):
            each.write_text(f"{version}\n")
        stack.callback(marker.unlink, missing_ok=True)
        notify("READY=1\nSTATUS=ready")
        if ready is not None:
            os.write(ready, b"\n")
            os.close(ready)
        return await _until(stop, persona)


async def _everybody(stop: asyncio.Event, wiring: FarWiring, edges: list[Edge]) -> bool:
    """Wait for what it holds to be ready, and say for what; but not for what is above it, which may wait for this. False where it is told to stop."""
    told = asyncio.create_task(stop.wait())
    waiting = {edge.id: edge for edge in edges if not below(str(edge.source.id), str(edge.target.id))}
    reaching = {asyncio.create_task(_reach(wiring, id)): id for id in waiting}
    try:
        while reaching and not stop.is_set():
            names = sorted({str(waiting[id].target.id) for id in reaching.values()})
            notify(f"STATUS=waits for {', '.join(names)} to be ready")
            done, _ = await asyncio.wait([told, *reaching], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {told}:
                task.result()
                del reaching[task]  # type: ignore[arg-type]  # all but `told` are in it
    finally:
        for each in (told, *reaching):
            each.cancel()
        await asyncio.gather(told, *reaching, return_exceptions=True)
    return not stop.is_set()


async def _reach(wiring: FarWiring, edge: str) -> None:
    while True:
        try:
            await wiring.reach(edge)
        except LinkLost:
            continue
        return


def notify(text: str) -> None:
    """Tell whoever started this process, where it wants to know (sd_notify(3))."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(OSError):
            line.sendto(text.encode(), f"\0{place[1:]}" if place.startswith("@") else place)


async def _on_the_network(
    stack: AsyncExitStack, path: Path, manifest: Manifest, persona: Persona, started: asyncio.Event
) -> Network:
    directory = Directory(path)
    key = directory.key()
    vat = await stack.enter_async_context(Vat(manifest.name, recorder=TurnLog(), mark=f"{os.urandom(3).hex()}-"))
    node = await stack.enter_async_context(Node(key, vat))
    await _opened(node, persona, directory, started)
    if "unix" in manifest.listen:
        await node.listen(UnixNetlayer(key, path / manifest.listen["unix"]))
    if "tls" in manifest.listen:
        host, _, port = manifest.listen["tls"].rpartition(":")
        published = manifest.hints.get("tls", "").rpartition(":")[0] or None
        await node.listen(TlsNetlayer(key, host=host, port=int(port), published=published))
    for netlayer in dialling(key, but=node.netlayers):
        node.use(netlayer)
    return Network(node)


async def _opened(node: Node, persona: Persona, directory: Directory, started: asyncio.Event) -> None:
    """A door for each edge that leads here, before anybody can knock; what the program does not know of any more gets none."""
    vat = node.vat
    for number, grant in enumerate(directory.grants()):
        gate = persona.gates.get(grant.edge)
        if gate is not None:
            door = vat.spawn(Door, vat.device(f"gate {number}", GateDevice(gate, started)))
            entry = SwissEntry(grant.edge, grant.key)
            await node.swiss.register(bytes.fromhex(grant.digest), door, entry)


async def _until(stop: asyncio.Event, persona: Persona) -> int:
    """Until it is told to stop, its work is done with nobody there who could ask for more, or it fails."""
    told = asyncio.create_task(stop.wait())
    tasks: list[asyncio.Task[Any]] = [told]
    try:
        if persona.runs:
            work = asyncio.create_task(persona.work(asyncio.sleep), name=persona.id)
            tasks.append(work)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
                if not persona.gates or persona.restart == "always":
                    return 0
        await told
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return 0
