"""A guest book: GET / shows what was written, POST / writes a line. It knows no password: its machine lays one out for it."""

from __future__ import annotations

import html
import os
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg

BINDING = Path(os.environ["REMIT_HOB"], "bindings", "db")
TABLE = "CREATE TABLE IF NOT EXISTS lines (id bigserial PRIMARY KEY, text text NOT NULL)"


def lines(added: str = "") -> list[str]:
    """What is in the book, after a line was added to it. The credential is read each time, so it may change at any time."""
    with psycopg.connect((BINDING / "uri").read_text().strip(), connect_timeout=5) as connection:
        connection.execute(TABLE)
        if added:
            connection.execute("INSERT INTO lines (text) VALUES (%s)", (added,))
        return [text for (text,) in connection.execute("SELECT text FROM lines ORDER BY id")]


class Book(BaseHTTPRequestHandler):
    """One visitor."""

    timeout = 10

    def do_GET(self) -> None:
        self.show()

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), 1000)
        self.show(self.rfile.read(length).decode(errors="replace").strip())

    def show(self, added: str = "") -> None:
        try:
            found = "".join(f"<li>{html.escape(line)}</li>\n" for line in lines(added))
            self.answer(HTTPStatus.OK, f"<ul>\n{found}</ul>\n")
        except FileNotFoundError:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, "this machine holds no database\n")
        except psycopg.Error as error:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, f"the database says: {type(error).__name__}\n")

    def answer(self, status: HTTPStatus, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


if __name__ == "__main__":
    ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Book).serve_forever()
