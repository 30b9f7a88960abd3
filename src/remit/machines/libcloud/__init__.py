"""Machines of clouds, by Apache Libcloud. Start with `_provider.py`; `_driver.py` is what differs from cloud to cloud. Loaded by who has such machines."""

from __future__ import annotations

__all__: list[str] = []
