"""`python -m remit.machines._host`: one request of a boss to the host that it runs on, over ssh. JSON in on standard input, JSON out.

    {"verb": "take", "owner", "base", "machines", "id", …}   ->   {"answer": …} or {"error": "…"}

Secrets come in on standard input only, and go nowhere but into the files of the machine.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from remit.errors import BadArgument, RemitError
from remit.machines._hosted import HostedProvider
from remit.machines._parcel import read_parcel
from remit.machines._provider import Observed

__all__ = ["answer"]


async def answer(request: dict[str, Any]) -> Any:
    """Do what is asked for. Unknown verbs are of later versions, and refused."""
    verb = request.get("verb")
    made = HostedProvider(Path(request["base"]), Path(request["machines"]), request["owner"])
    if verb == "look":
        from remit.machines._listening import listening  # what only `remit machine adopt` asks

        found = await asyncio.to_thread(listening)
        if not request["stay"]:
            made.sweep()
        return [each._asdict() for each in found]
    if verb == "list":
        return _plain(await made.list())
    return await _about_one(made, str(verb), request["id"], request)


async def _about_one(made: HostedProvider, verb: str, id: str, request: dict[str, Any]) -> Any:
    if verb == "take":
        made.version(request["digest"], fresh=request["fresh"])
        await made.take(id, request["name"], request["user_data"], request["digest"], request["python"])
    elif verb == "start":
        await made.start(id, base64.b64decode(request["address"]))
    elif verb == "destroy":
        await made.destroy(id)
    elif verb == "leave":
        return await made.leave(id)
    elif verb == "upgrade":
        await made.upgrade(id, read_parcel(made.version(request["digest"], fresh=request["fresh"])))
        made.sweep()
    elif verb == "downgrade":
        await made.downgrade(id)
    elif verb == "observe":
        return _plain([await made.observe(id)])[0]
    else:
        raise BadArgument(f"the agent on this host is of a version that knows no {verb!r}: upgrade it")
    return None


def _plain(seen: Sequence[Observed]) -> list[dict[str, str]]:
    return [{"id": each.id, "name": each.name, "state": each.state, "detail": each.detail} for each in seen]


def main() -> int:
    """One request, and its answer."""
    try:
        said = {"answer": asyncio.run(answer(json.load(sys.stdin)))}
    except (RemitError, OSError) as error:
        said = {"error": str(error)}
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
