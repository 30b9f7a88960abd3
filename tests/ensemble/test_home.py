"""The home of an ensemble: where its files and sockets are, and who may enter."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from remit.ensemble import Home, ServerId, run_registry, serve
from remit.ensemble._cookie import make_cookie
from remit.errors import Conflict, Missing, StoreCorrupt, StoreExposed
from tests.ensemble.town import home_of, town


def test_it_is_found_where_people_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given, else $REMIT_ENSEMBLE, else below $XDG_STATE_HOME."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("REMIT_ENSEMBLE", raising=False)
    assert Home.find().path == tmp_path / "state" / "remit" / "ensemble"
    monkeypatch.setenv("REMIT_ENSEMBLE", str(tmp_path / "named"))
    assert Home.find().path == tmp_path / "named"
    assert Home.find(tmp_path / "given").path == tmp_path / "given"


def test_sockets_are_where_nobody_else_may_enter(tmp_path: Path) -> None:
    """E2: `$XDG_RUNTIME_DIR/remit-…` or the home's own `run`, of mode 0700; a directory that others may enter is refused, not mended in silence."""
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    id = ServerId("web1", "/shop")
    for home in (Home(tmp_path / "a", runtime), Home(tmp_path / "b"), Home(tmp_path / "c", tmp_path / "missing")):
        path = home.socket(id)
        assert path.name == "web1@shop.sock" or path.name == "web1@+shop.sock"
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert (runtime in path.parents) == (home.path.name == "a")
    home.socket(id).parent.chmod(0o777)
    with pytest.raises(StoreExposed, match="chmod 700"):
        home.socket(id)
    assert Home(tmp_path / "a", runtime).sockets() != Home(tmp_path / "d", runtime).sockets()


def test_no_path_of_a_socket_is_too_long(tmp_path: Path) -> None:
    """Paths of more than the 108 bytes that the kernel takes serve as well as short ones."""

    async def main() -> None:
        deep = tmp_path.joinpath(*("d" * 60 for _ in range(3)))
        async with (
            town(deep) as here,
            serve("w" * 64 + "@/" + "/".join("x" * 64 for _ in range(4)), home=here.home) as server,
        ):
            assert len(os.fsencode(here.home.socket(server.id))) > 108
            assert await (await here.console.presence(server.id)).ping() > 0

    asyncio.run(main())


def test_a_socket_is_taken_over_only_from_the_dead(tmp_path: Path) -> None:
    """E2: a socket file that a killed server has left is replaced; one at which somebody listens is not touched."""

    async def main() -> None:
        async with town(tmp_path) as here:
            path = here.home.socket(here.home.id_of("web1"))
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(path))
                left.listen()
                with pytest.raises(Conflict, match="a live process listens there"):
                    async with serve("web1", home=here.home):
                        pass
                assert path.exists()
            async with serve("web1", home=here.home):
                assert await (await here.console.presence("web1")).ping() > 0

    asyncio.run(main())


def test_bare_names_are_in_the_domain_of_the_home(tmp_path: Path) -> None:
    """Servers and look-ups agree on what a name alone means, and a role is looked up in a domain and below it."""

    async def main() -> None:
        home = home_of(tmp_path)
        assert home.set_domain("/shop") == "/shop"
        assert home.set_domain("eu") == "/shop/eu"
        async with town(tmp_path) as here, serve("web1", roles=["httpd"], home=home) as one:
            async with serve("web1@/", roles=["httpd"], home=home), serve("web1@west", roles=["httpd"], home=home):
                assert one.id.text == "web1@/shop/eu"
                assert (await here.console.entry("web1")).key == one.node.key.public
                directory = here.console.directory
                assert [each.id for each in await directory.with_role("httpd", "/shop/eu")] == [
                    "web1@/shop/eu",
                    "web1@/shop/eu/west",
                ]
                assert [each.id for each in await directory.with_role("httpd", "west")] == ["web1@/shop/eu/west"]
                assert len(await directory.with_role("httpd", "/")) == 3
                assert [each.id for each in await directory.entries("/sho")] == []

    asyncio.run(main())


def test_a_cookie_is_private_and_kept(tmp_path: Path) -> None:
    """It is there before the registry has ever run, is kept by it, and is not replaced without being asked to."""

    async def main() -> None:
        home = home_of(tmp_path)
        with pytest.raises(Missing, match="remit admin cookie"):
            home.cookie()
        made = make_cookie(home)
        assert home.cookie_file.stat().st_mode & 0o777 == 0o600
        with pytest.raises(Conflict, match="--force"):
            make_cookie(home)
        async with run_registry(home):
            assert home.cookie().swiss == made.swiss
        assert make_cookie(home, force=True).swiss != made.swiss
        home.cookie_file.write_text("nonsense\n")
        with pytest.raises(StoreCorrupt, match="does not hold a reference"):
            home.cookie()
        home.cookie_file.chmod(0o644)
        with pytest.raises(StoreExposed):
            home.cookie()

    asyncio.run(main())


def test_a_registry_does_not_take_the_place_of_another(tmp_path: Path) -> None:
    """A home that is a member of another host's ensemble does not become an ensemble of its own by mistake."""

    async def main() -> None:
        async with town(tmp_path) as here:
            member = home_of(tmp_path / "member")
            member.keep_cookie(here.home.cookie())
            with pytest.raises(Conflict, match="leads to another registry"):
                async with run_registry(member):
                    pass

    asyncio.run(main())
