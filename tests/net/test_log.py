"""Errors at the border: the caller hears kind, message and id; everything else is written down where it happened, once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from unittest import mock

import pytest

from remit.errors import Broken, Missing
from remit.net import TurnLog
from remit.net import _log as module
from remit.net._connection import Connection
from remit.vat import Vat, actor, call, spawn, tell
from tests.net.nodes import KINDS, Place, offer, until
from tests.vat.kit import broken, settle


@actor(kind="test.log.clumsy")
class Clumsy:
    """Fails in every way."""

    inner: Any = None

    def open(self, secret: str, sizes: list[int]) -> None:
        self._deeper(secret)

    def _deeper(self, hidden: str) -> None:
        raise KeyError("no such thing")

    def system(self) -> None:
        with open("/nowhere/of/ours/secret.txt"):
            pass

    def module(self) -> None:
        raise ImportError("cannot import name 'x' from 'y' (/srv/app/y.py)")

    def sturdy(self) -> None:
        raise ValueError("cannot reach ocapn://abc.remit/s/QUJDREVGR0hJSktMTU5P?tls=h:1")

    def missing(self) -> None:
        raise Missing("no machine 'x'")

    def nested(self) -> None:
        call(spawn(Clumsy)).open("x", [])

    def tell_on(self) -> None:
        self.inner = spawn(Clumsy)
        tell(self.inner).open("x", [1])

    async def through(self) -> None:
        self.inner = spawn(Clumsy)
        await self.inner.open("x", [1])


def logged(**more: Any) -> tuple[Vat, list[dict[str, Any]], TurnLog]:
    written: list[dict[str, Any]] = []
    log = TurnLog(written.append)
    return Vat("here", recorder=log, **more), written, log


def test_a_failed_turn_is_written_down_once_with_its_id() -> None:
    """What the caller hears has an id; under it stand what was called, with which kinds of arguments, and the traceback."""
    vat, written, log = logged(mark="a1-")
    heard = broken(vat.spawn(Clumsy).open("swordfish", [1, 2]))
    (entry,) = written
    assert (heard.kind, heard.message, heard.id) == ("KeyError", "'no such thing'", "here.a1-1")
    assert entry["id"] == heard.id
    assert entry["where"] == "open(str of 9, list of 2) to <ref test.log.clumsy in here>"
    assert "_deeper" in entry["traceback"]
    assert "swordfish" not in repr(entry)
    assert log.find(heard.id) == {name: value for name, value in entry.items() if name != "traceback"}
    assert log.ids() == [heard.id]


@pytest.mark.parametrize("what", ["nested", "through", "tell_on", "missing"])
def test_an_error_is_written_down_where_it_happened_only(what: str) -> None:
    """Callers through whom it passes write nothing more; one that nobody hears is written down, too."""
    vat, written, _ = logged()
    promise = getattr(vat.spawn(Clumsy), what)()
    vat.run()
    assert len(written) == 1
    if what != "tell_on":
        assert broken(promise).id == written[0]["id"]


def test_words_of_the_system_name_no_path_and_no_secret() -> None:
    """An error of the operating system says what happened, not where on this machine; swiss numbers are in no error."""
    vat, written, _ = logged()
    clumsy = vat.spawn(Clumsy)
    assert broken(clumsy.system()).message == "[Errno 2] No such file or directory: '(a path)'"
    assert broken(clumsy.module()).message == "cannot import name 'x' from 'y' ((a path))"
    assert "QUJD" not in broken(clumsy.sturdy()).message
    assert "/nowhere/of/ours/secret.txt" in written[0]["traceback"]


def test_failures_on_purpose_are_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Logging hears of errors that nobody raised on purpose, with their traceback."""
    vat, _, _ = logged()
    clumsy = vat.spawn(Clumsy)
    with caplog.at_level(logging.DEBUG, "remit.turns"):
        settle_broken(clumsy.missing())
        assert caplog.records == []
        settle_broken(clumsy.open("x", []))
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "[here.2]" in record.getMessage()
    assert "Traceback" in record.getMessage()


def settle_broken(promise: Any) -> None:
    with pytest.raises(Broken):
        settle(promise)


def test_a_peer_cannot_fill_the_disk_with_failures() -> None:
    """What is written down is bounded in rate, what is remembered in number; the rest is counted."""
    clock = [0.0]
    with (
        mock.patch.object(module.time, "monotonic", side_effect=lambda: clock[0]),
        mock.patch.object(module, "KEPT", 50),
    ):
        vat, written, log = logged()
        clumsy = vat.spawn(Clumsy)
        for _ in range(module.BURST + 100):
            tell(clumsy).missing()
        vat.run()
        assert len(written) == module.BURST
        assert len(log.ids()) == 50
        clock[0] += 1.0
        tell(clumsy).missing()
        vat.run()
        assert written[-1]["not_written_before"] == 100


def test_an_endless_traceback_is_cut() -> None:
    """A recursion that failed is written down in bounded space."""
    vat, written, _ = logged()

    def dive(n: int) -> None:
        try:
            raise ValueError("x" * 200)
        except ValueError:
            if n:
                dive(n - 1)
            raise RuntimeError from None

    try:
        dive(200)
    except RuntimeError as error:
        error.__notes__ = ["y" * 50_000]
        vat._explain(error, "a test")
    assert len(written[0]["traceback"]) < module.LONGEST + 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_hears_kind_message_and_id(kind: str, folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real session nothing else crosses: no traceback, no path, no name of a function; here it all stands."""
    written: list[dict[str, Any]] = []

    async def main() -> None:
        place = Place(kind, folder)
        server = Vat("server", recorder=TurnLog(written.append))
        async with place.node(vat=server) as b, place.node() as a:
            seen: list[bytes] = []
            far = await a.fetch_from(await offer(b, b.vat.spawn(Clumsy)))
            (ours,) = a._connections.values()
            heard = Connection.received

            def noted(self: Connection, data: bytes) -> None:
                if self is ours:
                    seen.append(data)
                heard(self, data)

            monkeypatch.setattr(Connection, "received", noted)
            for what in ("system", "module", "nested", "through"):
                with pytest.raises(Broken) as caught:
                    await getattr(far, what)()
                assert caught.value.id == written[-1]["id"]
                assert caught.value.__traceback__ is None or "_deeper" not in repr(caught.value.__traceback__)
            await until(lambda: len(written) == 4)
            wire = b"".join(seen)
            for word in (b"Traceback", b"_deeper", b"/nowhere", b"/srv/app", b"test_log.py", __file__.encode()):
                assert word not in wire
            assert b"FileNotFoundError" in wire

    asyncio.run(main())
    assert all("Traceback" in entry["traceback"] for entry in written)
