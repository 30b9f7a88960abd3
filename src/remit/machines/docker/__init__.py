"""Machines as containers of a Docker Engine. Start with `_provider.py`; `_engine.py` is what is said to the Engine. Loaded by who has such machines."""

from __future__ import annotations

__all__: list[str] = []
