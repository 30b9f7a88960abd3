"""A server in its persona, served over HTTP as well: where its target says so.

settings: {"http": {"listen": "127.0.0.1:8080"}}
DIRECTORY/tokens/EDGE     0600: the token of each edge that leads to the server, made once; who may read the file can do what the edge allows
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from remit.app.api import Door, endpoints_of, serve_http
from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Misuse
from remit.values import Secret

__all__ = ["serve_beside", "token_file"]


async def serve_beside(body: Any, host: Any) -> AsyncExitStack:
    """Serve the component of this body over HTTP, until the stack is closed."""
    stack = AsyncExitStack()
    listen = host.settings.get("http", {}).get("listen", "")
    if listen:
        if host.directory is None:
            raise Misuse(f"{host.id} is to be served over HTTP, and its target gives it no directory for tokens")
        tokens = _tokens(host.directory, host.gates)
        door = Door(host.id, endpoints_of(type(body)), {token: host.gates[edge] for edge, token in tokens.items()})
        await stack.enter_async_context(serve_http(door, listen))
    return stack


def token_file(directory: Path, edge: str) -> Path:
    """Where the token of an edge is, below the directory of the server."""
    return directory / "tokens" / edge.replace("/", ".")


def _tokens(directory: Path, edges: Iterable[str]) -> dict[str, Secret]:
    """The token of each edge; those of other edges are removed."""
    open_state_dir(directory / "tokens")
    wanted = {edge: token_file(directory, edge) for edge in edges}
    for path in (directory / "tokens").iterdir():
        if path not in wanted.values():
            path.unlink()
    for path in wanted.values():
        if not path.exists():
            write_secret_file(path, secrets.token_urlsafe(32).encode() + b"\n", replace=True)
    return {edge: Secret(read_secret_file(path).decode().strip()) for edge, path in wanted.items()}
