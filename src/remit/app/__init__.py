"""Applications: one program that describes, builds, runs and connects a distributed system."""

from __future__ import annotations

__all__: list[str] = []
