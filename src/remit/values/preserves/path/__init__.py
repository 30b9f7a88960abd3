"""Preserves Path: `parse(". name / ^ person").find(value)` gives the parts of a value that a path leads to."""

from __future__ import annotations

from remit.values.preserves.path._read import Path, parse

__all__ = ["Path", "parse"]
