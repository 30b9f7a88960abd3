"""What is said to a Docker Engine: its HTTP API over its unix socket (Docker Engine API reference, v1.41 of Engine 20.10 and later).

h11 does the protocol, asyncio the bytes; a connection for each request, since the Engine is on this host. Neither `docker`, which blocks, nor `aiodocker`, which
brings aiohttp with it, is worth its weight for the dozen requests of a machine.
"""

from __future__ import annotations

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from remit.errors import ProviderError

__all__ = ["Engine", "EngineError"]

OLDEST, NEWEST = (1, 41), (1, 51)  # of the API: what is asked for here is in all of these
SECONDS: Final = 60.0  # for one request, unless it says otherwise
MOST: Final = 16 << 20  # bytes of an answer
CHUNK: Final = 1 << 16
SOCKET: Final = "/var/run/docker.sock"


class EngineError(ProviderError):
    """The Engine refused a request: its HTTP status, 0 where it could not be asked at all."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Answer:
    """A whole answer: the status and the body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def data(self) -> Any:
        """The body as JSON, None if it is empty."""
        return json.loads(self.body) if self.body.strip() else None


class Engine:
    """One Engine, by the path of its socket. Holds nothing open; made and dropped by its provider."""

    def __init__(self, socket: str = SOCKET) -> None:
        self.socket = socket
        self._version: str | None = None

    async def get(self, path: str, **query: Any) -> Any:
        """What stands at a path."""
        return (await self.ask("GET", path, query)).data()

    async def post(self, path: str, body: Any = None, **query: Any) -> Any:
        """Have something made or done; what the Engine says of it. `body` is sent as JSON."""
        return (await self.ask("POST", path, query, body={} if body is None else body)).data()

    async def delete(self, path: str, **query: Any) -> None:
        """Remove something; nothing happens where there is nothing."""
        try:
            await self.ask("DELETE", path, query)
        except EngineError as error:
            if error.status != 404:
                raise

    async def find(self, path: str, **query: Any) -> Any:
        """What stands at a path, None if there is nothing."""
        try:
            return await self.get(path, **query)
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    async def unpack(self, container: str, path: str, tar: bytes) -> None:
        """Unpack a tar in a directory of a container, which need not run; owners are those of the tar."""
        await self.ask("PUT", f"/containers/{container}/archive", {"path": path}, raw=tar)

    async def holds(self, container: str, path: str) -> bool:
        """Whether a container has something at this path."""
        try:
            await self.ask("HEAD", f"/containers/{container}/archive", {"path": path})
        except EngineError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def link(self, container: str, path: str) -> str | None:
        """Where the symbolic link at this path of a container leads; None where there is none."""
        try:
            answer = await self.ask("HEAD", f"/containers/{container}/archive", {"path": path})
        except EngineError as error:
            if error.status == 404:
                return None
            raise
        said = json.loads(b64decode(answer.headers["x-docker-container-path-stat"]))
        return said["linkTarget"] or None

    async def load(self, path: str, file: Path, say: Callable[[str], None], **query: Any) -> None:
        """Give the Engine a file, and hear what it makes of it until it is done."""
        async with self._asking("POST", await self._target(path, query), file, None) as (status, _, chunks):
            await self._follow(path, status, chunks, say)

    async def pull(self, path: str, say: Callable[[str], None], **query: Any) -> None:
        """Have the Engine fetch something itself, and hear of it until it is done."""
        async with self._asking("POST", await self._target(path, query), b"", None) as (status, _, chunks):
            await self._follow(path, status, chunks, say)

    async def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any],
        *,
        body: Any = None,
        raw: bytes | None = None,
        seconds: float = SECONDS,
    ) -> Answer:
        """One request and its answer; an error of the Engine is raised with its own words."""
        target = await self._target(path, query)
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = "application/x-tar" if raw is not None else "application/json"
        try:
            async with asyncio.timeout(seconds):
                answer = await self._whole(method, target, data, kind)
        except TimeoutError:
            raise EngineError(
                f"the Docker Engine at {self.socket} did not answer {method} {path} within {seconds:g} s"
            ) from None
        if answer.status >= 400:
            raise EngineError(
                f"the Docker Engine refused {method} {path}: {_message(answer.body) or answer.status}", answer.status
            )
        return answer

    # --- one request ----------------------------------------------------------------------------------

    async def _target(self, path: str, query: Mapping[str, Any]) -> str:
        if self._version is None:
            self._version = await self._negotiate()
        given = {name: json.dumps(value) if isinstance(value, dict | bool) else value for name, value in query.items()}
        return f"/v{self._version}{quote(path)}" + (f"?{urlencode(given, doseq=True)}" if given else "")

    async def _negotiate(self) -> str:
        answer = await self._whole("GET", "/_ping", b"", "application/json")
        said = re.fullmatch(r"(\d+)\.(\d+)", answer.headers.get("api-version", ""))
        theirs = (int(said[1]), int(said[2])) if said else (0, 0)
        if theirs < OLDEST:
            raise EngineError(
                f"what answers at {self.socket} is no Docker Engine of 20.10 or later (API {'.'.join(map(str, theirs))})"
            )
        return ".".join(map(str, min(theirs, NEWEST)))

    async def _whole(self, method: str, target: str, data: bytes, kind: str) -> Answer:
        async with self._asking(method, target, data, kind) as (status, headers, chunks):
            body = bytearray()
            async for chunk in chunks:
                body += chunk
                if len(body) > MOST:
                    raise EngineError(f"the Docker Engine's answer to {method} has more than {MOST >> 20} MiB")
            return Answer(status, headers, bytes(body))

    @asynccontextmanager
    async def _asking(
        self, method: str, target: str, data: bytes | Path, kind: str | None
    ) -> AsyncIterator[tuple[int, dict[str, str], AsyncIterator[bytes]]]:
        try:
            import h11
        except ModuleNotFoundError:
            raise ProviderError(
                "the provider docker needs a library that is not installed: pip install 'remit[docker]'"
            ) from None
        reader, writer = await self._connect()
        try:
            connection = h11.Connection(h11.CLIENT)
            size = data.stat().st_size if isinstance(data, Path) else len(data)
            headers = [("Host", "docker"), ("Connection", "close"), ("Content-Length", str(size))]
            headers.append(("Content-Type", kind or "application/x-tar"))
            head = connection.send(h11.Request(method=method, target=target, headers=headers)) or b""
            async for part in _parts(data):
                head += connection.send(h11.Data(data=part)) or b""
                if len(head) > CHUNK:
                    writer.write(head)
                    await writer.drain()
                    head = b""
            writer.write(
                head + (connection.send(h11.EndOfMessage()) or b"")
            )  # what is short goes at once: the Engine may answer and hang up
            while not isinstance(event := await _next(connection, reader), h11.Response):
                pass  # informational ones
            names = {name.decode().lower(): value.decode() for name, value in event.headers}
            yield event.status_code, names, _chunks(connection, reader)
        except (OSError, h11.RemoteProtocolError) as error:
            raise EngineError(f"the Docker Engine at {self.socket} hung up: {error}") from None
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self.socket, limit=CHUNK)
        except PermissionError:
            raise EngineError(
                f"this user may not use the Docker Engine at {self.socket}: run the boss as a user of its group, or as root"
            ) from None
        except OSError as error:
            raise EngineError(
                f"no Docker Engine answers at {self.socket} ({error.strerror or error}): start it, or name its socket in remit.toml: "
                '[providers.NAME] socket = "PATH"'
            ) from None

    async def _follow(self, path: str, status: int, chunks: AsyncIterator[bytes], say: Callable[[str], None]) -> None:
        """What the Engine says line by line; an error in it is raised."""
        rest = b""
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in filter(None, lines):
                told = json.loads(line)
                if "error" in told or status >= 400:
                    raise EngineError(
                        f"the Docker Engine could not do POST {path}: {told.get('error') or told.get('message')}",
                        status,
                    )
                if "status" in told:
                    say(str(told["status"]))
        if status >= 400:
            raise EngineError(f"the Docker Engine refused POST {path}: {_message(rest) or status}", status)


async def _parts(data: bytes | Path) -> AsyncIterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as file:
        while part := await asyncio.to_thread(file.read, CHUNK * 16):
            yield part


async def _next(connection: Any, reader: asyncio.StreamReader) -> Any:
    """The next event of the answer."""
    import h11

    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK))
    return event


async def _chunks(connection: Any, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    import h11

    while isinstance(event := await _next(connection, reader), h11.Data):
        yield bytes(event.data)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""
