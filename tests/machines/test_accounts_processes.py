"""The whole way with real processes: PostgreSQL and Redis, a boss, machines, the command line; and where the secrets are then."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.cli.kit import command, environment
from tests.cli.stage import CONFIG, Stage, until
from tests.credentials import servers
from tests.credentials.kits import PostgresKit, RedisKit

PROGRAM = """
import asyncio, psycopg, remit, sys
async def main():
    async with remit.machine() as m:
        credential = await (await m.get("db")).credential()
    print(credential.type, credential)
    with psycopg.connect(credential.secrets["uri"].text, autocommit=True) as connection:
        print(connection.execute("SELECT what FROM sales.orders").fetchall())
        try:
            connection.execute("INSERT INTO sales.orders (what) VALUES ('x')")
        except psycopg.Error as error:
            print(error)
asyncio.run(main())
"""
LISTEN = """
import os, sys, time, psycopg
root = os.environ["SERVICE_BINDING_ROOT"] + "/" + sys.argv[1]
connection = psycopg.connect(open(root + "/uri").read(), autocommit=True)
print("open", flush=True)
for line in sys.stdin:
    try:
        print(connection.execute("SELECT 1").fetchone(), flush=True)
    except psycopg.Error as error:
        print("ended:", type(error).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def postgres_server() -> Iterator[servers.Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="module")
def redis_server() -> Iterator[servers.Server]:
    with servers.redis() as server:
        yield server


WEB_TOKEN = "the-token-of-the-web-service"


class Web(BaseHTTPRequestHandler):
    """Answers who has the token."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {WEB_TOKEN}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"well" if known else b"who?")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, CONFIG)
    yield made
    made.tidy()


def secret_file(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def said(stage: Stage, *words: str, **more: str) -> str:
    """What a command says, which has to succeed."""
    done = stage.remit(*words, **more)
    assert done.code == 0, done.err
    return done.out + done.err


def shop(stage: Stage, postgres: PostgresKit, redis: RedisKit) -> list[str]:
    """A boss, machines db and app, and both services offered and bound; all that was said."""
    import asyncio

    asyncio.run(postgres.reset())
    stage.start_boss()
    owner, cache = secret_file(stage.home / "owner", postgres.uri()), secret_file(stage.home / "cache", redis.uri())
    heard = [said(stage, "machine", "create", name) for name in ("db", "app")]
    heard += [said(stage, "offer", "db.main", "--kind", "postgres", "--owner", str(owner))]
    heard += [said(stage, "offer", "db.cache", "--kind", "redis", "--owner", str(cache), "--json")]
    heard += [said(stage, "bind", "app.db", "db.main", "--only", "read", "--prefix", "sales.")]
    heard += [said(stage, "bind", "app.cache", "db.cache", "--prefix", "shop:", "--json")]
    return heard


def entries(stage: Stage, name: str = "db") -> dict[str, str]:
    directory = stage.directory("app") / "bindings" / name
    return {path.name: path.read_text() for path in directory.iterdir() if not path.name.startswith(".")}


def here(stage: Stage) -> dict[str, str]:
    """The environment of a program on the machine app."""
    return {"REMIT_HOB": str(stage.directory("app"))}


def run(stage: Stage, *words: str, **more: str) -> str:
    """What a program says that is started with its bindings."""
    return said(stage, "exec", *words, **here(stage), **more)


def mentions(place: Path, secrets: set[str]) -> list[str]:
    """The files below a directory that have a secret, but for those that are made for it."""
    found = []
    for path in place.rglob("*"):
        if path.is_file() and not path.is_symlink() and "/bindings/" not in str(path):
            data = path.read_bytes()
            found += [str(path) for secret in secrets if secret.encode() in data]
    return found


def in_processes(secrets: set[str], *, pids: list[int]) -> list[str]:
    """The command lines of all processes, and the environments of these, that have a secret."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            seen = (place / "cmdline").read_bytes()
            if int(place.name) in pids:
                seen += (place / "environ").read_bytes()
        except OSError:
            continue
        found += [place.name for secret in secrets if secret.encode() in seen]
    return found


class Listener:
    """A program of the machine app that has opened a connection, and says at each question whether it still works."""

    def __init__(self, stage: Stage) -> None:
        self.process = subprocess.Popen(
            command("exec", "--with", "db", "--", sys.executable, "-c", LISTEN, "db"),
            env=environment(stage.home, **here(stage)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self.questions, self.answers = self.process.stdin, self.process.stdout
        assert self.answers.readline() == "open\n"

    def ask(self) -> str:
        self.questions.write("\n")
        self.questions.flush()
        return self.answers.readline().strip()

    def close(self) -> None:
        self.questions.close()
        self.process.wait(30)
        self.answers.close()


def used_by_programs(stage: Stage, old: dict[str, str]) -> list[str]:
    """By the files, by the environment where that is asked for, by a reference; what must not have a secret of what was said."""
    assert run(stage, "--with", "db", "--", "psql", "-Atc", "SELECT what FROM sales.orders").strip() == "tea"
    shown = run(stage, "--with", "db", "--", sys.executable, "-c", "import os; print(dict(os.environ))")
    assert old["password"] not in shown and "PGPASSFILE" in shown
    assert run(stage, "--env", "DATABASE_URL=db.uri", "--", "sh", "-c", "echo $DATABASE_URL").strip() == old["uri"]
    answer = run(stage, "--", sys.executable, "-c", PROGRAM)
    assert "postgresql Credential" in answer and "[('tea',)]" in answer and "permission denied" in answer
    refused = stage.remit("exec", "--with", "bd", "--", "true", **here(stage))
    assert refused.code == 1 and "there are: cache, db" in refused.err
    argv = stage.remit("offer", "db.x", "--kind", "postgres", "postgresql://boss:sesame@127.0.0.1/x")
    assert argv.code == 2 and "sesame" not in argv.err
    return [shown, answer]


def bound_web(stage: Stage, web: ThreadingHTTPServer) -> list[str]:
    """An HTTP service with a credential, and the same server as a mere place."""
    place = f"127.0.0.1:{web.server_port}"
    owner = secret_file(stage.home / "web", f'connection = "http://{place}"\nbearer = "{WEB_TOKEN}"\n')
    heard = [said(stage, "offer", "db.web", "--kind", "http", "--owner", str(owner))]
    heard += [said(stage, "offer", "db.raw", "--kind", "tcp", "--target", place)]
    heard += [said(stage, "bind", "app.web", "db.web", "--only", "GET", "--prefix", "/shop/")]
    heard += [
        said(stage, "bind", "app.raw", "db.raw", "--bytes", "10M", "--connections", "4", "--local", "port", "--json")
    ]
    both = stage.remit("offer", "db.x", "--kind", "tcp", "--target", place, "--owner", str(owner))
    assert both.code == 2 and WEB_TOKEN not in both.err
    return heard


def used_through_tunnels(stage: Stage, web: ThreadingHTTPServer) -> list[str]:
    """By a program that knows no token: what the binding allows is answered, the rest is not, and the server has seen the token."""
    ask = (
        "import os, sys, urllib.request; uri = open(os.environ['SERVICE_BINDING_ROOT'] + sys.argv[1]).read();"
        "print(urllib.request.urlopen(uri.replace('tcp:', 'http:') + sys.argv[2]).read())"
    )
    answer = run(stage, "--with", "web", "--", sys.executable, "-c", ask, "/web/uri", "shop/tea")
    assert "well" in answer
    refused = stage.remit("exec", "--", sys.executable, "-c", ask, "/web/uri", "admin", **here(stage))
    assert "403" in refused.err
    raw = entries(stage, "raw")
    plain = stage.remit("exec", "--", sys.executable, "-c", ask, "/raw/uri", "/x", **here(stage))
    assert "401" in plain.err and raw["host"] == "127.0.0.1"
    return [answer, refused.err, plain.err, json.dumps(entries(stage, "web")), json.dumps(raw)]


def killed_and_started(stage: Stage) -> None:
    """Boss and machines die without a word, and are started again."""
    stage.kill_agent("app")
    stage.kill_agent("db")
    stage.start_boss()
    for name in ("db", "app"):
        said(stage, "machine", "start", name)
    until(lambda: all(edge["state"] == "active" for edge in stage.read("bindings")))


def nothing_shows(stage: Stage, secrets: set[str], heard: list[str], logs: str, pids: list[int]) -> None:
    """No secret in what commands say, command lines, environments, files of Remit's, and logs of the servers."""
    commands = (("status",), ("offers",), ("bindings",), ("machine", "show", "db"), ("who-can", "db.main"))
    heard += [json.dumps(stage.read(*words)) for words in commands]
    heard += [stage.remit("call", "app.db", "credential").out]
    heard += [stage.remit("--debug", "call", "app.db", "nothing").err]
    everything = {*secrets, servers.OWNER_PASSWORD, WEB_TOKEN}
    assert [text for text in heard for secret in everything if secret in text] == []
    assert in_processes(everything, pids=pids) == []
    assert [secret for secret in secrets if secret in logs] == []
    assert mentions(stage.home, secrets) == []
    kept = {str(stage.home / name) for name in ("owner", "cache", "web")}  # what the test has written itself
    kept |= {str(path) for path in stage.directory("db").glob("state.db*")}  # the owner's connections, on their machine
    assert set(mentions(stage.home, everything)) - kept == set()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_services_are_bound_used_rotated_and_revoked(
    stage: Stage, postgres_server: servers.Server, redis_server: servers.Server, web: ThreadingHTTPServer
) -> None:
    """The main job with PostgreSQL, Redis and an HTTP service that others do not reach, over the death of everything; and no secret is anywhere but in the files that are made for it."""
    servers.program("psql")
    postgres = PostgresKit(postgres_server)
    heard = shop(stage, postgres, RedisKit(redis_server)) + bound_web(stage, web)
    old, cache = entries(stage), entries(stage, "cache")
    assert (old["type"], cache["type"]) == ("postgresql", "redis")
    heard += used_by_programs(stage, old)

    listener = Listener(stage)
    heard += [said(stage, "rotate", "app.db", "--overlap", "1h")]
    new = entries(stage)
    assert new["password"] != old["password"] and listener.ask() == "(1,)"
    assert stage.boss is not None
    stage.boss.kill()
    stage.boss.wait()
    killed_and_started(stage)
    assert (
        listener.ask().startswith("ended:") and entries(stage) == new
    )  # its tunnel has died with the machines' agents
    listener.close()
    listener = Listener(stage)
    assert listener.ask() == "(1,)"
    heard += used_through_tunnels(stage, web)
    answer = until(lambda: stage.remit("exec", "--", sys.executable, "-c", PROGRAM, **here(stage)).out)
    assert "[('tea',)]" in answer

    secrets = {each[name] for each in (old, new, cache) for name in ("password", "uri")}
    pids = [stage.boss.pid, stage.agent("db").pid, stage.agent("app").pid, listener.process.pid]
    nothing_shows(stage, secrets, heard, postgres_server.log() + redis_server.log(), pids)

    said(stage, "unbind", "app.db")
    assert listener.ask().startswith("ended:")
    listener.close()
    said(stage, "revoke", "app")
    assert list((stage.directory("app") / "bindings").iterdir()) == []
    said(stage, "withdraw", "db.main")
    said(stage, "withdraw", "db.cache")
    words = ["psql", postgres.uri(), "-Atc", "SELECT rolname FROM pg_roles WHERE rolname ~ '^remit_'"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == ""
    assert "remit_" not in (redis_server.directory / "users.acl").read_text()
