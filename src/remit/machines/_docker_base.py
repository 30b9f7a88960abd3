"""The image that machines are made from where no other is named: a root file system of this host's own Debian, given to the Engine.

remit-machine:<digest>      of the recipe: release, package sources, packages
NAME                        the same, under the name that it was asked for
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from remit.machines._docker_engine import Engine
from remit.machines._docker_options import BASE_IMAGE
from remit.machines._rootfs import CACHE, Recipe, root_tar

__all__ = ["build_image"]

LABEL: Final = "remit.recipe"


async def build_image(
    engine: Engine, recipe: Recipe, name: str, say: Callable[[str], None], *, fresh: bool = False, cache: Path = CACHE
) -> str:
    """Have the Engine have an image of this recipe under a name; its name by digest. What is there already is not made again, unless `fresh`."""
    by_digest = f"{BASE_IMAGE}:{recipe.digest}"
    await engine.get("/version")  # it is there, before minutes of work
    if fresh or await engine.find(f"/images/{by_digest}/json") is None:
        tar = await asyncio.to_thread(root_tar, recipe, say, fresh=fresh, cache=cache)
        say("giving it to the Docker Engine")
        changes = [f"LABEL {LABEL}={recipe.digest}", 'CMD ["python3"]']
        query = {"fromSrc": "-", "repo": BASE_IMAGE, "tag": recipe.digest, "changes": changes}
        await engine.load("/images/create", tar, lambda _: None, **query)
    repository, _, tag = name.partition(":")
    await engine.post(f"/images/{by_digest}/tag", repo=repository, tag=tag or "latest")
    return by_digest
