"""Somebody outside of the application who is given a part of it."""

from __future__ import annotations

from typing import Any, ClassVar

from remit.app._component import Component

__all__ = ["Guest"]


class Guest(Component):
    """Who calls servers over HTTP and is no part of the application: a website, a script, another program. Derive from it, with the servers as fields:

        class Website(Guest):
            shop: Shop

        Website(app / "website", shop=shop.only("offers"))

    Each field is an edge, as any other; where the server is served over HTTP, the edge has a token, and whoever has that token can do what the edge allows. Nothing runs for it.
    """

    kind = "guest"
    hosted: ClassVar[bool] = False

    def spec(self) -> dict[str, Any]:
        return {"runs": False}
