"""A subnet for each edge's network, small and explicit: the Engine's own pools end after some thirty networks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Network, NetmaskValueError
from typing import Final

from remit.errors import BadArgument

__all__ = ["pool_of", "subnets"]

PREFIX: Final = 29
"""Six addresses: a gateway, the two ends, and room for a replacement of each."""


def pool_of(app: str, given: str = "") -> IPv4Network:
    """Where the subnets of an application are taken from: the network given, or one of 10.128.0.0/16 … 10.227.0.0/16, by the application's name. Raises `BadArgument`."""
    if not given:
        return IPv4Network(f"10.{128 + hashlib.sha256(app.encode()).digest()[0] % 100}.0.0/16")
    try:
        pool = IPv4Network(given)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        raise BadArgument(f"subnets is a network of IPv4 such as 10.200.0.0/16, not {given!r}: {error}") from None
    if pool.prefixlen > PREFIX:
        raise BadArgument(f"subnets is a network that has subnets of size /{PREFIX}: {given} is too small")
    return pool


def subnets(pool: IPv4Network, edges: Iterable[str], known: dict[str, str]) -> dict[str, str]:
    """A subnet for each edge, by its name; those that are known stay. Raises `BadArgument` where the pool is used up."""
    wanted = list(edges)
    kept = {name: known[name] for name in wanted if name in known and IPv4Network(known[name]).subnet_of(pool)}
    taken, free = set(kept.values()), pool.subnets(new_prefix=PREFIX)
    for name in wanted:
        if name in kept:
            continue
        found = next((str(each) for each in free if str(each) not in taken), None)
        if found is None:
            raise BadArgument(
                f"{pool} has no room for {len(wanted)} networks of size /{PREFIX}, one for each edge: give a larger one, --option subnets=10.200.0.0/16"
            )
        kept[name] = found
        taken.add(found)
    return kept
