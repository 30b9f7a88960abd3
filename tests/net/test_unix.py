"""The `unix` netlayer: its socket's file, who may come near it, and relays."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import stat
import struct
import threading

import pytest

from remit.errors import (
    Conflict,
    DecodeError,
    LimitExceeded,
    Misuse,
    PeerUnproven,
    StoreExposed,
    Truncated,
    Unreachable,
)
from remit.net import Hello, NodeKey, UnixNetlayer
from remit.net._socketfile import SocketFile
from remit.net._unix import _CREDENTIALS, binding_of
from remit.values import Limits
from tests.net.kit import DEADLINE, Acceptor, Recorder, UnixKit, connect
from tests.net.raw import end, pump, raw


@pytest.fixture
def kit_class():
    return UnixKit


async def listen_at(kit, path):
    """A node that listens at this path: its netlayer, key and hints."""
    key = NodeKey.generate()
    netlayer = kit.keep(UnixNetlayer(key, path))
    return netlayer, key, await netlayer.listen(Acceptor())


def test_the_directory_is_made_for_us_alone(test, folder):
    """A missing directory appears with mode 0700, the socket in it, and the hint is the socket's path."""

    async def body(kit):
        _, _, hints = await listen_at(kit, folder / "run" / "node.sock")
        assert hints == {"unix": str(folder / "run" / "node.sock")}
        assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
        assert stat.S_ISSOCK((folder / "run" / "node.sock").stat().st_mode)

    test(body)


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_directory_that_others_may_enter_is_refused(test, folder, mode):
    """Nothing is listened on where others could connect or put their own socket; the error says how to mend it."""

    async def body(kit):
        folder.chmod(mode)
        with pytest.raises(StoreExposed, match="chmod 700"):
            await listen_at(kit, folder / "node.sock")
        assert os.listdir(folder) == []

    test(body)


def test_a_path_longer_than_the_kernel_takes_works(test, folder):
    """Paths above 107 bytes are listened on and dialled like any other."""

    async def body(kit):
        path = folder / ("d" * 100) / ("e" * 100) / "node.sock"
        _, key, hints = await listen_at(kit, path)
        channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)
        assert len(hints["unix"]) > 200 and channel.peer == key.public

    test(body)


def test_a_name_longer_than_the_kernel_takes_is_said_so(test, folder):
    """Only the last part of the path is bounded, and the error says that it is the path."""

    async def body(kit):
        with pytest.raises(Unreachable, match="path too long"):
            await listen_at(kit, folder / ("n" * 120))

    test(body)


def test_the_socket_of_a_dead_process_is_replaced(test, folder):
    """A socket file that nobody listens on any more does not stop a new listener."""

    async def body(kit):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(folder / "node.sock"))
        _, key, hints = await listen_at(kit, folder / "node.sock")
        assert (await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)).peer == key.public

    test(body)


def test_the_socket_of_a_live_process_is_refused(test, folder):
    """A second listener on the path is a Conflict, and the first goes on, even with its queue full."""

    async def body(kit):
        _, key, hints = await listen_at(kit, folder / "node.sock")
        with pytest.raises(Conflict, match="a live process listens there"):
            await listen_at(kit, folder / "node.sock")
        channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)
        assert channel.peer == key.public
        with socket.socket(socket.AF_UNIX) as full:
            full.bind(str(folder / "full.sock"))
            full.listen(0)
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(str(folder / "full.sock"))
                with pytest.raises(Conflict, match="a live process listens there"):
                    await listen_at(kit, folder / "full.sock")

    test(body)


def test_of_two_that_find_a_dead_socket_one_gets_it(folder):
    """Several processes that start at once on a stale socket: one listens, the others are refused."""
    path = str(folder / "node.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    start, won, lost = threading.Barrier(6), [], []

    def listen():
        start.wait(DEADLINE)
        try:
            won.append(SocketFile(path).listen())
        except Conflict:
            lost.append(path)

    threads = [threading.Thread(target=listen) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    with won[0], socket.socket(socket.AF_UNIX) as caller:
        assert (len(won), len(lost)) == (1, 5)
        caller.connect(path)


def test_looking_and_binding_are_one_step(folder):
    """While another process holds the directory's lock, nobody looks for a dead socket and takes its place."""
    path, made = str(folder / "node.sock"), []
    holder = os.open(folder, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    thread = threading.Thread(target=lambda: made.append(SocketFile(path).listen()))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive() and os.listdir(folder) == []
    os.close(holder)
    thread.join(DEADLINE)
    with made[0]:
        assert os.listdir(folder) == ["node.sock"]


@pytest.mark.parametrize("make", [lambda path: path.write_bytes(b"precious"), lambda path: path.mkdir()])
def test_what_is_no_socket_is_left_alone(test, folder, make):
    """A file or directory at the path is a Conflict and stays as it is."""

    async def body(kit):
        make(folder / "node.sock")
        with pytest.raises(Conflict, match="not a socket"):
            await listen_at(kit, folder / "node.sock")
        assert (folder / "node.sock").exists()

    test(body)


def test_close_removes_the_socket_unless_it_is_anothers(test, folder):
    """The file goes with its listener; one that somebody else has put there since stays."""

    async def body(kit):
        first, *_ = await listen_at(kit, folder / "first.sock")
        second, *_ = await listen_at(kit, folder / "second.sock")
        (folder / "second.sock").unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(folder / "second.sock"))
            await first.close()
            await second.close()
            assert os.listdir(folder) == ["second.sock"]

    test(body)


def test_both_ends_know_the_others_user(test):
    """uid is what the kernel says of the process at the other end."""

    async def body(kit):
        pair = await connect(kit)
        assert (pair.near.channel.uid, pair.far.channel.uid) == (os.getuid(), os.getuid())

    test(body)


def test_a_relay_over_another_socket_is_refused(test, folder):
    """Whoever has a socket of his own and passes everything on to the node is found out by both: the files differ."""

    async def body(kit):
        key, acceptor = NodeKey.generate(), Acceptor()
        hints = await kit.netlayer(key).listen(acceptor)
        tasks, writers = set(), []

        async def handle(reader, writer):
            there_reader, there_writer = await asyncio.open_unix_connection(hints["unix"])
            tasks.add(asyncio.current_task())
            writers.extend((writer, there_writer))
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))

        server = await asyncio.start_unix_server(handle, folder / "relay.sock")
        anna = kit.netlayer(NodeKey.generate())
        with pytest.raises(PeerUnproven, match="passes on a hello from elsewhere"):
            await anna.dial(kit.locator(key, {"unix": str(folder / "relay.sock")}), Recorder)
        assert acceptor.recorders == []
        server.close()
        await end(tasks, writers)

    test(body)


def test_the_same_socket_under_another_path_is_the_same(test, folder):
    """A link or another mount of the directory leads to the same node: the binding is the file, not its path."""

    async def body(kit):
        _, key, _ = await listen_at(kit, folder / "node.sock")
        (folder / "link.sock").symlink_to(folder / "node.sock")
        hints = {"unix": str(folder / "link.sock")}
        assert (await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)).peer == key.public

    test(body)


def test_a_claimed_key_is_refused(test):
    """A greeting with another's key and a signature that is not its own ends the connection."""

    async def body(kit):
        acceptor = Acceptor()
        hints = await kit.netlayer(NodeKey.generate()).listen(acceptor)
        async with raw(hints) as connection:
            connection.write(b"remit hello 001\n" + b"n" * 32 + NodeKey.generate().public)
            await connection.read(144)
            connection.write(NodeKey.generate().sign(b"remit signed hello 001: dialler\n"))
            assert await connection.until_ended() == b""
        assert acceptor.recorders == []

    test(body)


@pytest.mark.parametrize(
    ("sent", "cause"),
    [
        (b"5:", Truncated),
        (b"5:abc", Truncated),
        (b"x", DecodeError),
        (b"05:abcde", DecodeError),
        (b"99:", LimitExceeded),
    ],
)
def test_a_stream_that_breaks_off_or_is_no_frames_says_so(test, sent, cause):
    """After the hello, an end inside a message, bytes that are no frame and a frame above the limit each have their error."""

    async def body(kit):
        key, anna, acceptor = NodeKey.generate(), NodeKey.generate(), Acceptor()
        hints = await kit.netlayer(key, limits=Limits(frame=50)).listen(acceptor)
        async with raw(hints) as connection:
            hello = Hello(anna, nonce=b"n" * 32, binding=binding_of(os.stat(hints["unix"])), expected=key.public)
            connection.write(hello.start())
            connection.write(hello.feed(await connection.read(144)) + b"2:ok" + sent)
            connection.writer.write_eof()
            far = await acceptor.first()
            assert type(await far.until_closed()) is cause
            assert far.channel.peer == anna.public

    test(body)


@pytest.mark.parametrize("path", ["/nowhere/at/all.sock", "\0", "/" + "x" * 5000])
def test_a_path_that_leads_nowhere_is_unreachable(test, path):
    """Hints are advice of others: whatever they hold, the error is Unreachable."""

    async def body(kit):
        with pytest.raises(Unreachable, match="nothing listens there"):
            await kit.netlayer(NodeKey.generate()).dial(kit.locator(NodeKey.generate(), {"unix": path}), Recorder)

    test(body)


def test_a_path_to_something_else_is_unreachable(test, folder):
    """An ordinary file, and a socket of another kind, are not dialled."""

    async def body(kit):
        (folder / "file").write_bytes(b"")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(str(folder / "datagrams"))
            for name in ("file", "datagrams"):
                with pytest.raises(Unreachable, match=f"unix {folder}/{name}"):
                    await kit.netlayer(NodeKey.generate()).dial(
                        kit.locator(NodeKey.generate(), {"unix": str(folder / name)}), Recorder
                    )

    test(body)


def test_a_listener_whose_queue_is_full_is_waited_for(test, folder):
    """A dial that finds the queue full goes through when there is room, and ends by its limit when there is none."""

    async def body(kit):
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
            full.bind(str(folder / "full.sock"))
            full.listen(0)
            first.connect(str(folder / "full.sock"))
            dialler = kit.keep(UnixNetlayer(NodeKey.generate(), dial_seconds=0.2))
            with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
                await dialler.dial(kit.locator(NodeKey.generate(), {"unix": str(folder / "full.sock")}), Recorder)

    test(body)


def test_a_netlayer_without_a_path_only_dials(test):
    """Listening without a path is our own mistake."""

    async def body(kit):
        with pytest.raises(Misuse, match="without a path"):
            await kit.keep(UnixNetlayer(NodeKey.generate())).listen(Acceptor())

    test(body)


def test_a_reset_is_told_with_its_cause(test):
    """When the kernel says that the connection broke, closed gets a LinkLost that says so."""

    async def body(kit):
        pair = await connect(kit)
        pair.near.channel.pause()
        pair.far.channel.send([b"never read"])
        pair.near.channel.abort()
        cause = await pair.far.until_closed()
        assert cause is None or "broke" in str(cause)

    test(body)


def test_credentials_are_read_as_the_kernel_writes_them():
    """The user id of SO_PEERCRED is unsigned: the highest one is not read as a negative number."""
    assert _CREDENTIALS.unpack(struct.pack("iII", 1, 2**32 - 2, 0)) == (1, 2**32 - 2, 0)
