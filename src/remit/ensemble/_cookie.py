"""The cookie: the way into the ensemble. Whoever has it is a member, so it is written down in private files only.

It is a sturdyref of the registry's entrance: it pins the registry's key, so that nobody can stand in for the registry, and its swiss number
is 32 random bytes. Members prove their own keys besides, so it is never sent to anybody but the registry, and nobody is who he says by the cookie alone.
"""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from remit.durable import FileLock, open_state_dir
from remit.ensemble._home import REGISTRY
from remit.ensemble._ids import ServerId
from remit.errors import Conflict, Missing
from remit.lib import SwissEntry
from remit.net import NodeKey, designator_of
from remit.values import Locator, SturdyRef
from remit.vat import Ref, send

if TYPE_CHECKING:
    from collections.abc import Collection

    from remit.ensemble._home import Home
    from remit.net import Node

__all__ = ["make_cookie", "open_entrance", "renew_entrance"]

SWISS_BYTES: Final = 32
HOLDER: Final = "cookie"
"""The holder of the entrance's swiss number: with each new cookie the old one stands for nothing."""


def make_cookie(home: Home, *, force: bool = False) -> SturdyRef:
    """A cookie for a new ensemble, before its registry has ever run; with `force` a new one in place of the old.

    Raises `Conflict` where there is one, and `StoreLocked` while the registry runs: then ask that for another one.
    """
    if home.cookie_file.exists() and not force:
        raise Conflict(
            f"{home.cookie_file} exists already and was left as it is; a new one, for which all members have to come anew: --force"
        )
    state = open_state_dir(home.make().registry)
    with FileLock(state / "lock", f"the registry's directory {state}"):
        key = NodeKey.open(state / "key.pem")
        hints = {"unix": str(home.socket(ServerId(REGISTRY, home.domain())))}
        cookie = SturdyRef(Locator("remit", key.designator, hints), os.urandom(SWISS_BYTES))
        home.keep_cookie(cookie)
    return cookie


async def open_entrance(node: Node, home: Home, entrance: Ref[Any], former: Collection[bytes] = ()) -> SturdyRef:
    """Have the cookie lead to the registry's entrance, with today's hints; one is made where there is none, or one that names a former key of this registry's.

    Raises `Conflict` where the home's cookie is another registry's.
    """
    try:
        cookie = home.cookie()
    except Missing:
        return await renew_entrance(node, home, entrance)
    if cookie.locator.designator in {designator_of(key) for key in former}:
        return await renew_entrance(node, home, entrance)  # nobody reaches us by the old one: it pins the old key
    if cookie.locator.designator != node.designator:
        raise Conflict(
            f"{home.cookie_file} leads to another registry, of key {cookie.locator.designator[:12]}…: this home is a member of that one's "
            "ensemble. For an ensemble of its own move the file away, or give --home DIRECTORY"
        )
    return await _open(node, home, entrance, cookie.swiss)


async def renew_entrance(node: Node, home: Home, entrance: Ref[Any]) -> SturdyRef:
    """A new cookie for an ensemble whose registry runs here; the old one admits nobody any more."""
    return await _open(node, home, entrance, os.urandom(SWISS_BYTES))


async def _open(node: Node, home: Home, entrance: Ref[Any], swiss: bytes) -> SturdyRef:
    await send(node.swiss, "replace", sha256(swiss).digest(), entrance, SwissEntry(HOLDER, None, True))
    cookie = SturdyRef(node.inner_locator, swiss)
    home.keep_cookie(cookie)
    return cookie
