"""`remit image build docker`: what it refuses, and at a real Engine that the same image is there a moment later."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from remit.machines.docker._engine import Engine
from remit.machines.images._rootfs import recipe_of_host
from tests.cli.kit import Invoke
from tests.machines.provider_kits import opened


@pytest.mark.needs_docker
def test_an_image_is_there_a_moment_later(home: Path, invoke: Invoke) -> None:
    """What was built of a recipe is found by its digest, and gets the name; the Engine has both."""
    opened("docker", home)
    engine, name = Engine(), f"remit-test-image:{home.name.lower()}"
    by_digest = f"remit-machine:{recipe_of_host().digest}"
    if asyncio.run(engine.find(f"/images/{by_digest}/json")) is None:
        pytest.skip("it has not been built here: remit image build docker")
    try:
        done = invoke("image", "build", "docker", "--name", name, "--json")
        assert (done.code, json.loads(done.out)) == (0, {"name": name, "image": by_digest})
        assert name in asyncio.run(engine.get(f"/images/{by_digest}/json"))["RepoTags"]
        assert invoke("image", "build", "docker", "--name", name).err == f"image {name} is {by_digest}\n"
    finally:
        asyncio.run(engine.delete(f"/images/{name}"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--socket", "nowhere.sock"), "no Docker Engine answers at nowhere.sock"),
        (("--name", "../x"), "cannot be the name of an image"),
        (("--package", "-oDebug"), "no name of a Debian package"),
    ],
)
def test_what_cannot_be_built_is_said_before_anything_is_made(
    home: Path, invoke: Invoke, words: tuple[str, ...], why: str
) -> None:
    """An Engine that is not there, names that are none."""
    pytest.importorskip("h11")
    done = invoke("image", "build", "docker", *words)
    assert done.code == 1
    assert why in done.err


def test_a_kind_of_image_that_there_is_not_is_named_with_the_nearest(home: Path, invoke: Invoke) -> None:
    """As for every command."""
    done = invoke("image", "build", "dokcer")
    assert done.code == 2
    assert "Did you mean 'docker'?" in done.err
