"""What both ends of a unix connection agree on, so that a hello on it is of no use on another."""

from __future__ import annotations

import os

__all__ = ["binding_of"]


def binding_of(found: os.stat_result) -> bytes:
    """The socket's file, under whatever path each end sees it."""
    return b"unix\0%d:%d" % (found.st_dev, found.st_ino)
