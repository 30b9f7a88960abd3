"""Machines that are written down for Terraform. Start with `_provider.py`; `_files.py` is what is written. Loaded by who has such machines."""

from __future__ import annotations

__all__: list[str] = []
