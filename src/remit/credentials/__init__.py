"""Credentials: drivers that turn an edge to an ordinary service into a real account there, one for each edge.

Start with `_driver.py` (what a driver does), `_credential.py` (what comes out of it), `_owner.py` (what it is given), then `_postgres.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily
from remit.values import Secret

if _TYPE_CHECKING:
    from remit.credentials._credential import TUNNEL, TUNNEL_HOST, TUNNEL_PORT, Credential, check_credential
    from remit.credentials._driver import Description, Driver, Held, Led, check_attenuation
    from remit.credentials._known import DriverClass, driver_classes, find_driver
    from remit.credentials._owner import Owner, check_edge
    from remit.credentials._place import Place

__all__ = [
    "TUNNEL",
    "TUNNEL_HOST",
    "TUNNEL_PORT",
    "Credential",
    "Description",
    "Driver",
    "DriverClass",
    "Held",
    "Led",
    "Owner",
    "Place",
    "Secret",
    "check_attenuation",
    "check_credential",
    "check_edge",
    "driver_classes",
    "find_driver",
]

__getattr__ = _lazily(
    __name__,
    {
        "_credential": "TUNNEL TUNNEL_HOST TUNNEL_PORT Credential check_credential",
        "_driver": "Description Driver Held Led check_attenuation",
        "_known": "DriverClass driver_classes find_driver",
        "_owner": "Owner check_edge",
        "_place": "Place",
    },
)
