"""Root file systems, images and disks, for machines that begin with nothing. Start with `_rootfs.py`, then `_image.py` and `_init.py`, the first process. Loaded by who makes some."""

from __future__ import annotations

__all__: list[str] = []
