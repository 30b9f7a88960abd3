"""Roots of this host's own Debian: what they are made from, and that the same is never made twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from remit.errors import BadArgument, ProviderError
from remit.machines.images import _rootfs
from remit.machines.images._rootfs import Recipe, Source, build_root, recipe_of_host, root_tar

RECIPE = Recipe("bookworm", "amd64", (Source("http://deb.example/debian", "bookworm", "main"),), ("python3",))
DEBIAN = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this host has no apt")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that are run, none of which does anything; as if this were root on Debian."""
    run: list[tuple[str, ...]] = []

    def step(*words: str) -> None:
        run.append(words)
        if words[0] == "debootstrap":
            for name in ("etc/apt", "usr/sbin"):
                (Path(words[-2]) / name).mkdir(parents=True)
            (Path(words[-2]) / "etc/resolv.conf").touch()
        if words[0] == "tar":
            Path(words[-2]).write_text("tar")

    monkeypatch.setattr(_rootfs, "_run", step)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/sbin/{name}")
    return run


@DEBIAN
def test_the_recipe_is_what_apt_uses_here() -> None:
    """Its sources are those of this host, and name this host's release; packages are added to what an agent needs."""
    recipe = recipe_of_host(["redis-server"])
    assert {"python3", "redis-server"} <= set(recipe.packages)
    assert recipe.mirror in {source.uri for source in recipe.sources}
    assert recipe_of_host(["redis-server", "python3"]).digest == recipe.digest
    assert recipe_of_host().digest != recipe.digest


@pytest.mark.parametrize("name", ["", "-o", "a b", "x;y", "$(reboot)", "../x"])
def test_what_is_no_package_is_refused(name: str) -> None:
    """A name that could be an option or more never gets near a command."""
    with pytest.raises(BadArgument, match="no name of a Debian package"):
        recipe_of_host([name])


def test_the_same_root_is_made_once(steps: list[Any], tmp_path: Path) -> None:
    """Another recipe is another root; `fresh` makes it anew; what was made halfway is not taken for it."""
    said: list[str] = []
    first = root_tar(RECIPE, said.append, cache=tmp_path)
    made = len(steps)
    assert root_tar(RECIPE, said.append, cache=tmp_path) == first
    assert len(steps) == made
    assert root_tar(RECIPE._replace(packages=("python3", "redis")), said.append, cache=tmp_path) != first
    root_tar(RECIPE, said.append, fresh=True, cache=tmp_path)
    assert len(steps) == 3 * made
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".tar", ".tar"]
    assert said[0].startswith("debootstrap bookworm")


def test_a_root_has_nothing_of_this_host(steps: list[Any], tmp_path: Path) -> None:
    """Neither its names nor its resolvers; and no daemon was started while it was made."""
    build_root(RECIPE, tmp_path / "root", lambda _: None)
    root = tmp_path / "root"
    assert (root / "etc/machine-id").read_text() == ""
    assert not (root / "etc/resolv.conf").exists()
    assert not (root / "usr/sbin/policy-rc.d").exists()
    assert (root / "etc/apt/sources.list").read_text() == "deb http://deb.example/debian bookworm main\n"


def test_users_other_than_root_are_told_what_else_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So is root without debootstrap."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ProviderError, match="only root can make .* or name an image of yours"):
        build_root(RECIPE, tmp_path / "root", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ProviderError, match="apt-get install debootstrap"):
        build_root(RECIPE, tmp_path / "root", lambda _: None)
    with pytest.raises(ProviderError, match="no root can be made of its own Debian"):
        recipe_of_host()


def test_a_step_that_fails_says_its_last_words() -> None:
    """And nothing of what it had said before."""
    with pytest.raises(ProviderError, match="failed with status 3: b | c | d | e | f") as caught:
        _rootfs._run("sh", "-c", "printf '%s\n' a b c d e f; exit 3")
    assert " a |" not in str(caught.value).partition("status")[2]
