"""A server of the target `processes` over HTTP: where it is told to be, for guests who have the token of their edge."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from remit.app import load_program
from remit.app.api import HttpClient
from remit.errors import Missing, NotAllowed, Refused
from remit.values import Secret
from tests.app.conformance.kits import remit
from tests.credentials.servers import free_port

pytestmark = pytest.mark.timeout(180)
pytest.importorskip("uvicorn", reason="the extra remit[serve] is not installed")

PROGRAM = '''
"""A shop, and a website that may see what it offers."""

from remit import record
from remit.app import ApiServer, App, Guest, Store, endpoint, own
from remit.errors import Missing


@record("tests.http.offer")
class Offer:
    name: str
    price: float


class Shop(ApiServer):
    db: Store[Offer] = own(Store[Offer])

    @endpoint("PUT", "/offers/{name}")
    async def put(self, name: str, price: float) -> None:
        await self.db.set(name, Offer(name, price))

    @endpoint("GET", "/offers/{name}")
    async def offer(self, name: str) -> Offer:
        found = await self.db.get(name)
        if found is None:
            raise Missing(f"there is no {name}")
        return found


class Outside(Guest):
    shop: Shop


app = App("shop")
shop = Shop(app / "shop")
Outside(app / "website", shop=shop.only("offer"))
Outside(app / "desk", shop=shop)
'''


async def use(shop: Any, url: str, token: dict[str, Secret]) -> None:
    """What each guest can do, and cannot."""
    desk_token, website_token = token["shop.desk.shop"], token["shop.website.shop"]
    async with HttpClient(shop, url, desk_token) as desk, HttpClient(shop, url, website_token) as website:
        await desk.put("tea", 2)
        found = await website.offer("tea")
        assert (type(found).__name__, found.name, found.price, type(found.price)) == ("Offer", "tea", 2.0, float)
        with pytest.raises(Missing):
            await website.offer("gold")
        with pytest.raises(NotAllowed):
            await website.put("tea", 0)
    async with HttpClient(shop, url, Secret("guessed")) as stranger:
        with pytest.raises(Refused):
            await stranger.offer("tea")


def test_guests_over_http(tmp_path: Path) -> None:
    """Each guest can do what its edge allows, with the token in its file, and nobody else can do anything; it is served again after a restart."""
    program, port = tmp_path / "app.py", free_port()
    program.write_text(PROGRAM)
    wrong = remit("up", program, "--target", "processes", "--set", "http.store=127.0.0.1:1", "--yes", check=False)
    assert wrong.returncode != 0 and "is no server of this program; there are: shop" in wrong.stdout + wrong.stderr
    remit("up", program, "--target", "processes", "--set", f"http.shop=127.0.0.1:{port}", "--yes")
    try:
        files = {path.name: path for path in (tmp_path / ".remit").rglob("tokens/*")}
        assert sorted(files) == ["shop.desk.shop", "shop.website.shop"]
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in files.values())
        token = {name: Secret(path.read_text().strip()) for name, path in files.items()}
        url = f"http://127.0.0.1:{port}"
        shop: Any = type(load_program(program).declarations["shop/shop"].component)
        asyncio.run(use(shop, url, token))
        again = remit("up", program, "--target", "processes", "--yes", "--json")
        json.loads(again.stdout)
        asyncio.run(use(shop, url, token))
        program.write_text(PROGRAM.replace('Outside(app / "desk", shop=shop)', ""))
        remit("up", program, "--target", "processes", "--yes")
        assert sorted(path.name for path in (tmp_path / ".remit").rglob("tokens/*")) == ["shop.website.shop"]

        async def gone() -> None:
            async with HttpClient(shop, url, token["shop.desk.shop"]) as desk:
                with pytest.raises(Refused):
                    await desk.put("tea", 3)

        asyncio.run(gone())
    finally:
        remit("down", program, "--yes", "--data")
