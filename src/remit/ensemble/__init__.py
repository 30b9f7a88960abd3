"""Ensembles: long-running servers, found by name or role, and managed from the command line."""

from __future__ import annotations

__all__: list[str] = []
