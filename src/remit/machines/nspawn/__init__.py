"""Machines as containers with a systemd of their own. Start with `_provider.py`. Loaded by who has such machines."""

from __future__ import annotations

__all__: list[str] = []
