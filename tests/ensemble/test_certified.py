"""Certificates and expulsion in real ensembles: who is in, who is out, and how soon."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble import Console, Home, Server, serve
from remit.ensemble.ca import Authority, install_chain
from remit.errors import Broken, Conflict, Expired, Missing, Refused, Revoked
from remit.net import NodeKey, designator_of
from remit.vat import actor
from tests.ensemble.commands import ensemble
from tests.ensemble.stewards import WORDS
from tests.ensemble.town import Town, town, until

BOUND = 10.0
"""Seconds within which a revoked certificate's open connection is of no use any more (docs/ensembles.md)."""


@actor(kind="test.window")
class Window:
    """A part of an application."""

    def look(self) -> str:
        return "light"


def told(path: Path, story: Callable[[Town, Authority], Awaitable[None]]) -> None:
    async def main() -> None:
        async with town(path) as place:
            authority = Authority.make(place.home.path, "test", WORDS, time.time())
            await publish(place.console, authority)
            await story(place, authority)

    asyncio.run(main())


async def publish(console: Console, authority: Authority) -> None:
    await (await console.membership()).publish(authority.revocations(), authority.signer())


def without_cookie(place: Town, path: Path) -> Home:
    """A home on another host: where the registry is, and whom it trusts; no cookie."""
    (path / "ca").mkdir(mode=0o700, parents=True)
    path.chmod(0o700)
    for name in ("registry.uri", "ca/root.pem"):
        (path / name).write_bytes((place.home.path / name).read_bytes())
        (path / name).chmod(0o600)
    return Home(path)


def certified(home: Home, authority: Authority, id: str, *parts: str, seconds: float = 86400.0) -> NodeKey:
    """A server of a home, which has run before and got a certificate."""
    whole = home.id_of(id)
    directory = home.make_server(whole)
    key = NodeKey.open(directory / "key.pem")
    chain = authority.issue(whole.text, key.public, list(parts), [], time.time(), seconds / 86400)
    install_chain(directory, chain)
    return key


def test_a_certificate_is_a_way_in_without_a_cookie(tmp_path: Path) -> None:
    """For the id that it names, and no other."""

    async def story(place: Town, authority: Authority) -> None:
        home = without_cookie(place, tmp_path / "other")
        certified(home, authority, "front")
        async with serve("front", home=home) as server:
            assert (await place.console.entry("front")).key == server.node.key.public
            membership = await server.directory.membership()
            address, door = server.locate(), server.door
            with pytest.raises(Refused, match="is for front@/, and not for back@/"):
                await membership.register("back@/", [], address, door, server.vat.spawn(Window), {}, 0.0)
        with pytest.raises((Refused, Missing)):
            async with Console(home) as stranger:
                await stranger.entry("front")
        certified(home, authority, "back")
        chain = (home.server(home.id_of("back")) / "certificate.pem").read_bytes()
        async with Console(home, chain=chain) as thief:
            with pytest.raises(Refused, match="proves nothing about others"):
                await thief.entry("front")

    told(tmp_path, story)


def test_parts_of_a_certificate_are_granted_everywhere_until_it_ends(tmp_path: Path) -> None:
    """To the key that it is for."""

    async def story(place: Town, authority: Authority) -> None:
        key = NodeKey.generate()
        chain = authority.issue("desk@/", key.public, ["window"], [], time.time())
        async with serve("till", home=place.home) as till, Console(place.home, key, chain) as desk:
            till.part("window", till.vat.spawn(Window))
            till.part("vault", till.vat.spawn(Window))
            await heard(till)
            presence = await desk.presence("till")
            assert await (await presence.part("window")).look() == "light"
            with pytest.raises(Refused, match="it has: window"):
                await presence.part("vault")
            assert list((await presence.granted()).values()) == [pytest.approx(time.time() + 30 * 86400, abs=10)]

    told(tmp_path, story)


async def heard(server: Server) -> None:
    """The server has got the revocation list."""
    await until(server.steward.knows_revocations)


def test_a_revoked_certificate_loses_its_open_connection(tmp_path: Path) -> None:
    """E10: at the registry and at servers, within the bound; what is in flight breaks, and it does not come in again."""

    async def story(place: Town, authority: Authority) -> None:
        home = without_cookie(place, tmp_path / "other")
        key = certified(home, authority, "front", "window")
        chain = (home.server(home.id_of("front")) / "certificate.pem").read_bytes()
        async with serve("till", home=place.home) as till:
            till.part("window", till.vat.spawn(Window))
            await heard(till)
            async with Console(home, key, chain) as front:
                membership = await front.membership()
                window = await (await front.presence("till")).part("window")
                assert await window.look()
                authority.revoke("front@/", "stolen", time.time())
                began = time.monotonic()
                await publish(place.console, authority)
                await until(lambda: breaks(window.look, Revoked))
                await until(lambda: breaks(membership.entries, Revoked))
                assert time.monotonic() - began < BOUND
                with pytest.raises(Revoked):
                    await front.presence("till")
            async with Console(home, key, chain) as again:
                with pytest.raises(Revoked):
                    await again.membership()

    told(tmp_path, story)


def test_a_server_whose_certificate_is_revoked_is_gone_from_look_ups(tmp_path: Path) -> None:
    """As soon as the registry has the list."""

    async def story(place: Town, authority: Authority) -> None:
        home = without_cookie(place, tmp_path / "other")
        certified(home, authority, "front")
        async with serve("front", home=home):
            assert await place.console.entry("front")
            authority.revoke("front@/", "", time.time())
            await publish(place.console, authority)
            await until(lambda: breaks(lambda: place.console.entry("front"), Missing))

    told(tmp_path, story)


async def breaks(ask: Callable[[], Awaitable[Any]], kind: type[Broken]) -> bool:
    try:
        await ask()
    except kind:
        return True
    return False


def test_an_older_list_brings_nothing_back(tmp_path: Path) -> None:
    """Nor one of somebody else."""

    async def story(place: Town, authority: Authority) -> None:
        before, signer = authority.revocations(), authority.signer()
        authority.issue("front@/", NodeKey.generate().public, [], [], time.time())
        authority.revoke("front@/", "", time.time())
        await publish(place.console, authority)
        membership = await place.console.membership()
        with pytest.raises(Conflict, match="not newer"):
            await membership.publish(before, signer)
        tmp_path.joinpath("else").mkdir(mode=0o700)
        other = Authority.make(tmp_path / "else", "test", WORDS, time.time())
        with pytest.raises(Refused):
            await membership.publish(other.revocations(), other.signer())
        with pytest.raises(Refused):
            await membership.publish(other.revocations(), signer)

    told(tmp_path, story)


def test_a_certificate_ends_by_itself_and_a_new_file_is_taken_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that gets none in time is out; one that does stays in all the while."""
    from remit.ensemble import _heeding

    monkeypatch.setattr(_heeding, "LOOK", 0.1)

    async def story(place: Town, authority: Authority) -> None:
        home = without_cookie(place, tmp_path / "other")
        certified(home, authority, "renewed", seconds=2.5)
        certified(home, authority, "forgotten", seconds=2.5)
        async with serve("renewed", home=home), serve("forgotten", home=home):
            first = (await place.console.entry("renewed")).since
            certified(home, authority, "renewed")
            await until(lambda: breaks(lambda: fresh(place, "forgotten"), Missing))
            assert (await fresh(place, "renewed")).since == first

    told(tmp_path, story)


async def fresh(place: Town, id: str) -> Any:
    place.console.directory.forget(place.home.id_of(id).text)
    return await place.console.entry(id)


def test_without_a_root_no_certificate_is_taken(tmp_path: Path) -> None:
    """An ensemble that wants none has none."""

    async def main() -> None:
        async with town(tmp_path) as place:
            other = tmp_path / "else"
            other.mkdir(mode=0o700)
            authority = Authority.make(other, "test", WORDS, time.time())
            key = NodeKey.generate()
            chain = authority.issue("front@/", key.public, [], [], time.time())
            home = without_cookie_nor_root(place, tmp_path / "third")
            async with Console(home, key, chain) as console:
                with pytest.raises(Refused, match="no certificates are taken here"):
                    await console.membership()

    asyncio.run(main())


def without_cookie_nor_root(place: Town, path: Path) -> Home:
    path.mkdir(mode=0o700)
    (path / "registry.uri").write_bytes((place.home.path / "registry.uri").read_bytes())
    (path / "registry.uri").chmod(0o600)
    return Home(path)


def test_a_server_that_registers_anew_stays_there(tmp_path: Path) -> None:
    """With the same words and with others; and is gone when it ends."""

    async def main() -> None:
        async with town(tmp_path) as place:
            async with serve("front", home=place.home) as server:
                for info in ({}, {}, {"version": 2}):
                    server.info.update(info)
                    await server.registering.again()
                    await asyncio.sleep(0)
                    assert (await fresh(place, "front")).info == server.info
            await until(lambda: breaks(lambda: fresh(place, "front"), Missing))

    asyncio.run(main())


# --- expulsion --------------------------------------------------------------------------------------------


def test_an_expelled_key_is_out_everywhere_and_over_restarts(tmp_path: Path) -> None:
    """Its server is gone, what it has open ends, it cannot come again, and is told who said so and why."""

    async def main() -> None:
        key = NodeKey.generate()
        async with town(tmp_path) as place:
            front = place.home.make_server(place.home.id_of("front"))
            async with serve("till", home=place.home) as till, serve("front", home=place.home):
                till.part("window", till.vat.spawn(Window))
                key = NodeKey.load(front / "key.pem")
                giver = await (await place.console.control("till", ["admin"])).part("admin")
                await giver.authorize(designator_of(key.public), "front@/", ["window"])
            async with serve("till", home=place.home) as till, Console(place.home, key) as holder:
                till.part("window", till.vat.spawn(Window))
                window = await (await holder.presence("till")).part("window")
                assert await window.look()
                desk = await (await place.console.control("registry")).part("registry")
                await desk.expel("front@/", "stolen")
                await until(lambda: breaks(window.look, Revoked))
                with pytest.raises(Refused, match="expelled from this ensemble by local: stolen"):
                    await (await holder.presence("till")).part("window")
        async with town(tmp_path) as place:
            async with Console(place.home, key) as holder:
                with pytest.raises(Refused, match="expelled from this ensemble by local: stolen"):
                    await holder.membership()
            desk = await (await place.console.control("registry")).part("registry")
            assert await desk.pardon("front@/")
            async with Console(place.home, key) as holder:
                assert await holder.membership()

    asyncio.run(main())


def test_expelling_from_the_command_line(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With who and why; and taken back."""
    home = tmp_path / "home"
    monkeypatch.setenv("REMIT_ENSEMBLE", str(home))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with ensemble(home, capsys, "front", "till") as place:
        code, _, said = place.command("admin", "expel", "front", "--reason", "it was stolen")
        assert code == 0
        assert "gone: front@/" in said
        _, out, _ = place.command("server", "list", "--json")
        assert {each["id"] for each in json.loads(out)} == {"registry@/", "till@/"}
        (entry,) = json.loads(place.command("admin", "expelled", "--json")[1])
        assert (entry["id"], entry["by"], entry["why"]) == ("front@/", "local", "it was stolen")
        assert place.command("admin", "expel", "nobody")[0] == 1
        assert place.command("admin", "pardon", "front")[0] == 0
        assert place.command("admin", "pardon", "front")[0] == 1
        _, out, _ = place.command("admin", "audit", "registry", "--json")
        assert [each["what"].split()[0] for each in json.loads(out)] == ["expel", "pardon", "pardon"]


# --- the commands -----------------------------------------------------------------------------------------


def test_certificates_from_the_command_line(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made, listed, renewed, revoked; by a request of another host, too."""
    home, other = tmp_path / "home", tmp_path / "other"
    monkeypatch.setenv("REMIT_ENSEMBLE", str(home))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with ensemble(home, capsys, "front") as place:
        assert place.command("ca", "init", passphrase=WORDS)[0] == 0
        code, _, said = place.command("ca", "init", passphrase=WORDS)
        assert code == 1
        assert "--force" in said
        assert place.command("ca", "issue", "front", "--part", "window", "--passphrase", WORDS)[0] == 2
        assert place.command("ca", "issue", "front", "--part", "window", passphrase="not the words")[0] == 4
        assert place.command("ca", "issue", "front", "--part", "window", passphrase=WORDS)[0] == 0
        assert (home / "servers" / "front" / "certificate.pem").exists()
        there = Home(other)
        NodeKey.open(there.make_server(there.id_of("back")) / "key.pem")
        request = tmp_path / "back.csr"
        assert place.command("ca", "request", "back", "--home", str(other), "--out", str(request))[0] == 0
        out = tmp_path / "back.pem"
        assert place.command("ca", "issue", "--request", str(request), "--out", str(out), passphrase=WORDS)[0] == 0
        assert out.read_bytes().count(b"BEGIN CERTIFICATE") == 2
        code, listed, _ = place.command("ca", "list", "--json")
        assert [(each["id"], each["parts"]) for each in json.loads(listed)] == [("front@/", ["window"]), ("back@/", [])]
        assert place.command("ca", "revoke", "back", "--reason", "sold", passphrase=WORDS)[0] == 0
        assert "revoked" in place.command("ca", "list")[1]
        assert place.command("ca", "revoke", "back", passphrase=WORDS)[0] == 1
        code, said, _ = place.command("ca", "renew", "--all", "--json", passphrase=WORDS)
        assert (code, json.loads(said)) == (0, {"renewed": ["front@/"], "published": True})


def test_a_registry_that_is_away_is_told_later(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command says so, and its exit code."""
    from tests.ensemble.commands import Ensemble

    monkeypatch.setenv("REMIT_ENSEMBLE", str(tmp_path / "home"))
    place = Ensemble(tmp_path / "home", capsys)
    code, _, said = place.command("ca", "init", passphrase=WORDS)
    assert code == 0
    assert "remit ca renew" in said
    code, _, said = place.command("ca", "renew", passphrase=WORDS)
    assert code == 3
    assert "no cookie" in said


def test_a_certificate_that_is_over_says_so(tmp_path: Path) -> None:
    """And how to get another one."""

    async def story(place: Town, authority: Authority) -> None:
        home = without_cookie(place, tmp_path / "other")
        key = NodeKey.generate()
        chain = authority.issue("front@/", key.public, [], [], time.time() - 40 * 86400)
        async with Console(home, key, chain) as front:
            with pytest.raises(Expired, match="remit ca renew"):
                await front.membership()

    told(tmp_path, story)
