"""A root file system of this host's own Debian, for machines where there is no registry of images: debootstrap, once, then out of a cache.

What it is made from is a `Recipe`: the release that runs here, the package sources that apt uses here, and packages. Its digest names what was made, so
that the same is never made twice, and something else never taken for it.

    CACHE/root-<digest>.tar     the whole root, owners by number; written beside its place and moved there when it is whole

`CACHE` is /var/cache/remit. Only root can make one: debootstrap changes its root directory, and makes files of other users.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from remit.errors import BadArgument, ProviderError

__all__ = ["CACHE", "USER", "Recipe", "build_root", "recipe_of_host", "root_tar"]

CACHE: Final = Path("/var/cache/remit")
USER: Final = (
    10001  # the user `remit` of every root, and the group of that number: agents run as it where they are not root
)
BASE: Final = ("ca-certificates", "python3")  # what an agent needs
VERSION: Final = "1"  # of how a root is made: raise it when the same recipe gives something else
MOST_SECONDS: Final = 1800
Say = Callable[[str], None]


class Source(NamedTuple):
    """One place where apt gets packages here: URI, release (such as `bookworm-updates`), component."""

    uri: str
    release: str
    component: str


class Recipe(NamedTuple):
    """What a root file system is made from."""

    release: str
    architecture: str
    sources: tuple[Source, ...]
    packages: tuple[str, ...]

    @property
    def digest(self) -> str:
        """A name for what comes of it: 20 hexadecimal digits."""
        return sha256(repr((VERSION, *self)).encode()).hexdigest()[:20]

    @property
    def mirror(self) -> str:
        """Where debootstrap begins."""
        return next(source.uri for source in self.sources if source.release == self.release)


def recipe_of_host(packages: Iterable[str] = ()) -> Recipe:
    """The recipe for this host's own release, from its own package sources, with these packages besides what an agent needs.

    Raises `BadArgument` for a package name that is none, `ProviderError` where this host is no Debian, with what to do instead.
    """
    wanted = tuple(sorted({*BASE, *packages}))
    for name in wanted:
        if not name.replace("-", "").replace("+", "").replace(".", "").isalnum() or not name[0].isalnum():
            raise BadArgument(f"{name[:80]!r} is no name of a Debian package")
    if shutil.which("apt-get") is None:
        raise ProviderError(
            "this host has no apt, so no root can be made of its own Debian; name an image of yours instead: --option image=NAME"
        )
    line = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = _output("apt-get", "indextargets", "--format", line, "Created-By: Packages")
    sources = tuple(dict.fromkeys(Source(*each.split()) for each in listed.splitlines() if len(each.split()) == 3))
    release = _release()
    if not any(source.release == release for source in sources):
        raise ProviderError(
            f"apt has no source for {release or 'the release that runs here'}: see /etc/apt/sources.list and sources.list.d"
        )
    return Recipe(release, _output("dpkg", "--print-architecture").strip(), sources, wanted)


def root_tar(recipe: Recipe, say: Say, *, fresh: bool = False, cache: Path = CACHE) -> Path:
    """The root of this recipe as a tar, out of the cache or made now, which takes minutes; `fresh` makes it in any case. Blocks."""
    place = cache / f"root-{recipe.digest}.tar"
    if place.exists() and not fresh:
        return place
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=cache) as made:
        root, tar = Path(made) / "root", Path(made) / "tar"
        build_root(recipe, root, say)
        say("packing it")
        _run("tar", "-C", str(root), "--numeric-owner", "--sort=name", "--one-file-system", "-cf", str(tar), ".")
        tar.replace(place)
    return place


def build_root(recipe: Recipe, root: Path, say: Say) -> None:
    """Make the root of this recipe in `root`, which is not there yet. Blocks for a minute or more; what is half made is the caller's to remove.

    Raises `ProviderError` for users other than root, and with the last lines of what failed.
    """
    if os.geteuid() != 0:
        raise ProviderError(
            "only root can make a root file system (debootstrap makes files of other users): run this as root, or name an image of yours "
            "that has Python 3.11 or newer: --option image=NAME"
        )
    if shutil.which("debootstrap") is None:
        raise ProviderError("debootstrap is not installed: apt-get install debootstrap")
    components = ",".join(sorted({source.component for source in recipe.sources if source.release == recipe.release}))
    say(f"debootstrap {recipe.release} for {recipe.architecture}, from where apt gets its packages here")
    _run(
        *("debootstrap", "--variant=minbase", f"--arch={recipe.architecture}", f"--components={components}"),
        *(recipe.release, str(root), recipe.mirror),
    )
    sources = "".join(f"deb {source.uri} {source.release} {source.component}\n" for source in recipe.sources)
    (root / "etc/apt/sources.list").write_text(sources)
    say(f"installing {' '.join(recipe.packages)}, and what was mended since the release")
    apt = ("chroot", str(root), "apt-get", "-q", "-y", "-o", "APT::Sandbox::User=root")
    with _no_daemons(root):
        _run(*apt, "update")
        _run(*apt, "upgrade")
        _run(*apt, "install", "--no-install-recommends", *recipe.packages)
    _run("chroot", str(root), "groupadd", "--gid", str(USER), "remit")
    _run(
        *("chroot", str(root), "useradd", "--uid", str(USER), "--gid", str(USER)),
        *("--no-create-home", "--home-dir", "/var/lib/remit", "remit"),
    )
    _tidy(root)


class _no_daemons:  # noqa: N801  # reads as what it does
    """While packages are configured, nothing that they bring is started: policy-rc.d(8)."""

    def __init__(self, root: Path) -> None:
        self._file = root / "usr/sbin/policy-rc.d"

    def __enter__(self) -> None:
        self._file.write_text("#!/bin/sh\nexit 101\n")
        self._file.chmod(0o755)

    def __exit__(self, *raised: object) -> None:
        self._file.unlink(missing_ok=True)


def _tidy(root: Path) -> None:
    """Take out what is only of use while installing, and what has to differ from machine to machine."""
    for pattern in (
        "var/cache/apt/*.bin",
        "var/cache/apt/archives/*.deb",
        "var/lib/apt/lists/*_*",
        "var/log/*.log",
        "var/log/apt/*",
    ):
        for path in root.glob(pattern):
            path.unlink()
    for directory in ("usr/share/doc", "usr/share/man", "usr/share/info"):
        for path in (root / directory).glob("*"):
            shutil.rmtree(path, ignore_errors=True)
    (root / "etc/machine-id").write_text("")
    for name in ("etc/resolv.conf", "etc/hostname"):  # debootstrap took ours
        (root / name).unlink(missing_ok=True)


def _release() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    return ""


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


def _run(*words: str) -> None:
    """Run one step. Its output is shown only if it fails."""
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "HOME": "/root",
    }
    environment |= {name: os.environ[name] for name in ("http_proxy", "https_proxy", "no_proxy") if name in os.environ}
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        timeout=MOST_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        last = done.stdout.decode(errors="replace").strip().splitlines()[-5:]
        raise ProviderError(f"{shown(words)} failed with status {done.returncode}: {' | '.join(last)}")


def shown(words: Sequence[str]) -> str:
    """A command for people."""
    return " ".join(words)[:200]
