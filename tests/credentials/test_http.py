"""The driver `http`: what passes, what is refused, and what a real server gets of it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

pytest.importorskip("h11", reason="the package h11 is not installed (remit[http])")

from remit.credentials import Driver, Owner, Secret, find_driver
from remit.credentials._http_rules import Refusal, normal_target
from remit.errors import BadArgument
from remit.lib import FREE, Attenuation, Metered
from remit.net import Joint, Meter, SocketEnd

TOKEN = "a-token-that-nobody-else-knows"
KEY = b"a key of the tests, 32 bytes long"


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked, as JSON; `/big` gives a lot in chunks, `/switch` changes protocol."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path.startswith("/switch"):
            self._switch()
            return
        length = self.headers.get("Content-Length")
        body = self._chunked() if length is None else self.rfile.read(int(length))
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        if self.path.startswith("/big"):
            self._big()
            return
        told = {"method": self.command, "path": self.path, "headers": [[k.lower(), v] for k, v in self.headers.items()]}
        told |= {"body": len(body), "text": body[:100].decode()}
        answer = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Keep-Alive", "timeout=5")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815  # the library's names

    def _chunked(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _big(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(64):
            self.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _switch(self) -> None:
        self.send_response_only(101)
        self.send_header("Upgrade", self.headers["Upgrade"])
        self.send_header("Connection", "upgrade")
        self.end_headers()
        self.wfile.write(b"hello ")
        self.wfile.write(self.rfile.readline().upper())
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.seen = []  # type: ignore[attr-defined]
    made.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that are cut off are no news
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def driver_of(text: str) -> Any:
    made: Driver = find_driver("http")(Owner(Secret(text), "mine", KEY))
    return made


class Door:
    """A listener that stands for a tunnel: each connection is joined to one of the driver's."""

    def __init__(self, driver: Any, attenuation: Attenuation, meter: Meter) -> None:
        self.driver, self.attenuation, self.meter = driver, attenuation, meter
        self.ended: list[str | None] = []
        self.works: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Door:
        self.listening = await asyncio.get_running_loop().create_server(lambda: SocketEnd(self._came), "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listening.close()
        async with asyncio.timeout(8):
            while self.works:
                await asyncio.sleep(0.005)

    def _came(self, end: SocketEnd) -> None:
        async def lead() -> None:
            over = asyncio.Event()
            joint = Joint(
                end,
                await self.driver.connect("e1", self.attenuation),
                self.meter,
                lambda _, why: (self.ended.append(why), over.set()),
            )
            await over.wait()
            assert joint.over

        work = asyncio.get_running_loop().create_task(lead())
        self.works.add(work)
        work.add_done_callback(self.works.discard)

    async def says(self, data: bytes, *, end: bool = True) -> bytes:
        """All that comes back for these bytes."""
        reader, writer = await asyncio.open_connection(*self.listening.sockets[0].getsockname()[:2])
        writer.write(data)
        if end:
            writer.write_eof()
        try:
            async with asyncio.timeout(8):
                return await reader.read()
        finally:
            writer.close()

    async def asks(
        self, target: str = "/", method: str = "GET", headers: str = "", body: bytes = b""
    ) -> tuple[int, Any]:
        """Status and body of one request; JSON is read."""
        head = f"{method} {target} HTTP/1.1\r\nHost: here\r\n{headers}\r\n"
        answer = await self.says(head.encode("latin-1") + body)
        top, _, rest = answer.partition(b"\r\n\r\n")
        return int(top.split()[1]), json.loads(rest) if rest.startswith(b"{") else rest


Run = Callable[..., None]


@pytest.fixture
def run(server: ThreadingHTTPServer) -> Run:
    """Runs a conversation with a door before the server."""

    def runner(
        work: Callable[[Door], Awaitable[None]],
        attenuation: Attenuation = FREE,
        more: str = f'bearer = "{TOKEN}"',
        base: str = "",
        most: int | None = None,
    ) -> None:
        async def main() -> None:
            server.seen.clear()  # type: ignore[attr-defined]
            driver = driver_of(f'connection = "http://127.0.0.1:{server.server_port}{base}"\n{more}')
            await driver.check()
            async with asyncio.timeout(20), Door(driver, attenuation, Meter(most)) as door:
                await work(door)

        asyncio.run(main())

    return runner


def header(answer: dict[str, Any], name: str) -> list[str]:
    return [value for key, value in answer["headers"] if key == name]


@pytest.mark.parametrize(
    ("more", "name", "value"),
    [
        (f'bearer = "{TOKEN}"', "authorization", f"Bearer {TOKEN}"),
        ('user = "me"\npassword = "pä"', "authorization", "Basic bWU6cMOk"),
        (f'header = "X-Api-Key"\nvalue = "{TOKEN}"', "x-api-key", TOKEN),
    ],
)
def test_the_credential_is_added_and_what_the_client_says_of_it_is_not_passed(
    run: Run, more: str, name: str, value: str
) -> None:
    """Bearer, basic or a header of the owner's file; what the client sends under that name, or names in `Connection`, is dropped."""

    async def work(door: Door) -> None:
        status, answer = await door.asks(
            headers=f"{name.title()}: mine\r\nAuthorization: mine\r\nConnection: {name}, x-mine\r\nX-Mine: 1\r\nX-Other: 2\r\n"
        )
        assert status == 200
        assert header(answer, name) == [value]
        assert "mine" not in str(answer["headers"])
        assert header(answer, "x-other") == ["2"] and header(answer, "host") != ["here"]

    run(work, more=more)


def test_requests_keep_their_connection_and_bodies_stream(run: Run) -> None:
    """Several requests on one connection; bodies with a length and in chunks, up and down, larger than anything that waits."""

    async def work(door: Door) -> None:
        one = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + bytes(300_000)
        two = (
            b"PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n"
            + bytes(100_000)
            + b"\r\n0\r\n\r\n"
        )
        three = b"GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = await door.says(one + two + three)
        assert answer.count(b"HTTP/1.1 200") == 3
        assert b'"body": 300000' in answer and b'"body": 100000' in answer
        assert len(answer) > 64 << 16
        assert b"keep-alive" not in answer.lower()

    run(work)


def test_methods_and_prefixes_hold(run: Run, server: ThreadingHTTPServer) -> None:
    """What is outside of the binding is answered 403 in plain words, and the server never hears of it."""

    async def work(door: Door) -> None:
        assert (await door.asks("/api/x?y=/../z"))[1]["path"] == "/api/x?y=/../z"
        assert (await door.asks("/api/x", "HEAD"))[0] == 200
        status, body = await door.asks("/api/x", "POST", "Content-Length: 1\r\n", b"x")
        assert status == 403 and body == b"POST is outside of what this binding allows: GET, HEAD\n"
        for target in OUTSIDE:
            status, body = await door.asks(target)
            assert status in (400, 403), target
        assert server.seen == ["/api/x?y=/../z", "/api/x"]  # type: ignore[attr-defined]

    run(work, Attenuation(methods=["GET", "HEAD"], prefix="/api/"))


OUTSIDE = (
    "/",
    "/apix",
    "/API/x",
    "/api/../admin",
    "/api/..",
    "/api/%2e%2e/admin",
    "/api/.%2E/admin",
    "/api/%2e%2e%2fadmin",
    "/api/..%2fadmin",
    "/api/%252e%252e/admin",
    "/api/..;/admin",
    "/api/..;a=b/admin",
    "/api\\..\\admin",
    "/api/..%5cadmin",
    "/api/x/../../admin",
    "//api/../admin",
    "/./admin",
    "/api/%00",
    "/api/%zz",
    "http://other/admin",
    "http://other/api/../admin",
    "http://other",
    "admin",
    "*",
)


def test_the_server_sees_the_form_that_was_checked(run: Run) -> None:
    """Encoded letters, dots, double slashes and whole URLs are brought into one form, below the path of the connection."""

    async def work(door: Door) -> None:
        for target, seen in (
            ("/api/%61%2Db", "/base/api/a-b"),
            ("//api///x/./y/..", "/base/api/x/"),
            ("/api/../api/x", "/base/api/x"),
            ("http://elsewhere:99/api/x?q", "/base/api/x?q"),
            ("/api/%c3%a4%20", "/base/api/%C3%A4%20"),
        ):
            assert (await door.asks(target))[1]["path"] == seen
        assert (await door.asks("/%2e%2e/%2e%2e/x"))[0] == 403

    run(work, Attenuation(prefix="/api/"), base="/base/")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n12345",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\n1234",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rGET /admin HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT other:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(run: Run, server: ThreadingHTTPServer, request_bytes: bytes) -> None:
    """Smuggled requests, two lengths, strange characters, tunnels and upgrades: an answer that says so, and nothing at the server."""

    async def work(door: Door) -> None:
        answer = await door.says(request_bytes)
        assert answer.split(b" ", 2)[1][:1] in (b"4", b"5"), answer[:200]
        assert answer.count(b"HTTP/1.1 ") == 1
        assert server.seen == []  # type: ignore[attr-defined]

    run(work)


def test_what_stands_behind_a_body_is_another_request_and_checked(run: Run, server: ThreadingHTTPServer) -> None:
    """A request hidden behind the end of another one's body is one of its own, as far as the binding goes."""

    async def work(door: Door) -> None:
        hidden = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = await door.says(b"GET /api/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + hidden)
        assert answer.count(b"HTTP/1.1 200") == 1 and answer.count(b"HTTP/1.1 403") == 1
        assert server.seen == ["/api/"]  # type: ignore[attr-defined]

    run(work, Attenuation(prefix="/api/"))


def test_a_change_of_protocol_passes_by_option(run: Run) -> None:
    """With `upgrade`, both ways are bytes from then on."""

    async def work(door: Door) -> None:
        head = b"GET /switch HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"
        answer = await door.says(head + b"quiet\n", end=False)
        assert answer.startswith(b"HTTP/1.1 101") and answer.endswith(b"hello QUIET\n")

    run(work, more=f'bearer = "{TOKEN}"\nupgrade = true')


def test_a_server_that_is_away_or_breaks_off_is_said(run: Run, server: ThreadingHTTPServer) -> None:
    """502 in plain words, without where the server is."""

    async def work(door: Door) -> None:
        door.driver.server.place.port = 1
        status, body = await door.asks()
        assert (status, body) == (502, b"the server does not answer\n")

    run(work)


def test_limits_of_bytes_hold(run: Run) -> None:
    """The meter of the tunnel counts what passes the proxy as well."""

    async def work(door: Door) -> None:
        answer = b""
        try:
            answer = await door.says(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n", end=False)
        except ConnectionResetError:
            pass
        assert len(answer) < 200_000
        assert door.ended == ["the limit of 100000 bytes is reached"]

    run(work, most=100_000)


def test_the_driver_grants_what_it_can_enforce() -> None:
    """Reading only is GET and HEAD; a prefix is a path in its one form; the credential is in no entry of the grantee's."""
    driver = driver_of(f'connection = "http://127.0.0.1:9"\nbearer = "{TOKEN}"')

    async def main() -> None:
        for good in (FREE, Attenuation(read_only=True), Attenuation(prefix="/a/"), Metered(methods=["POST"], bytes=5)):
            made = await driver.grant("e1", good)
            assert TOKEN not in str(made.texts())
        for bad in (
            Attenuation(methods=["FETCH"]),
            Attenuation(prefix="a"),
            Attenuation(prefix="/a/../"),
            Attenuation(count=1),
        ):
            with pytest.raises(BadArgument):
                await driver.grant("e1", bad)
        for text in (
            "ftp://x",
            'connection = "http://x"\nbearer = "a"\nuser = "b"',
            'connection = "http://x"\nheader = "a b"\nvalue = "x"',
        ):
            with pytest.raises(BadArgument) as caught:
                await driver_of(text).check()
            assert "http://x" not in str(caught.value)

    asyncio.run(main())


def test_one_form_is_its_own_form() -> None:
    """What was brought into one form stays as it is."""
    for target in ("/a//b/../c%2d?x", "/%41/./b/", "/"):
        made = normal_target(target)
        assert normal_target(made) == made
    for target in ("", "a", "/%2f", "/%5C", "/\\", "/#a"):
        with pytest.raises(Refusal):
            normal_target(target)
