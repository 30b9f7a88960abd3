"""A small HTTP server that has no handlers: everything is 404 until somebody registers one."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Handler = Callable[[BaseHTTPRequestHandler], str]


class HttpServer:
    """Handlers by path. A handler is given the request and returns the text of its answer."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}

    def register(self, path: str, handler: Handler) -> None:
        self.handlers[path] = handler

    def run(self, port: int) -> None:
        """Serve for as long as the process runs."""
        server = self

        class Request(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                handler = server.handlers.get(self.path)
                answer = handler(self).encode() if handler else b""
                self.send_response(200 if handler else 404)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            def do_HEAD(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        ThreadingHTTPServer(("127.0.0.1", port), Request).serve_forever()


_server = HttpServer()


def current_http_server() -> HttpServer:
    """The HTTP server of this process."""
    return _server
