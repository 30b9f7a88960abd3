"""The image that machines are made from where no other is named: a root file system of this host's own Debian, given to the Engine.

remit-machine:<digest>      of the recipe: release, package sources, packages
NAME                        the same, under the name that it was asked for
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from remit.errors import BadArgument
from remit.machines.docker._engine import SOCKET, Engine
from remit.machines.docker._options import BASE_IMAGE, is_image_name
from remit.machines.images._rootfs import CACHE, Recipe, recipe_of_host, root_tar

__all__ = ["build_docker_image", "build_image"]

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


async def build_docker_image(
    name: str, packages: Iterable[str], say: Callable[[str], None], *, fresh: bool = False, socket: str | None = None
) -> str:
    """Have the Docker Engine here have an image for machines, made of this host's own Debian; see `build_image`. Raises `ProviderError`."""
    if not is_image_name(name):
        raise BadArgument(
            f"{name[:80]!r} cannot be the name of an image: it is named as docker does, such as remit-machine"
        )
    recipe = await asyncio.to_thread(recipe_of_host, packages)
    return await build_image(Engine(socket or SOCKET), recipe, name, say, fresh=fresh)
