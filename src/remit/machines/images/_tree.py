"""The root of machines with a real systemd and cloud-init: a directory, made once of this host's own Debian, that all of them lie over.

CACHE/tree-<digest>/    never written to once it is there: each machine has a layer of its own over it
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from remit.errors import ProviderError
from remit.machines.images._rootfs import CACHE, Recipe, Say, build_root, recipe_of_host

__all__ = ["SYSTEM", "Dress", "cached_tree", "machine_tree", "run_tool"]

SYSTEM: Final = ("cloud-init", "dbus", "iproute2", "systemd", "systemd-sysv")  # what makes a root a machine
CLOUD: Final = """\
# How cloud-init is used in machines of Remit: the seed that their provider gives them, and nothing that takes time.
datasource_list: [NoCloud, None]
network: {config: disabled}
users: []
cloud_init_modules: [write-files, set_hostname]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
"""
MASKED: Final = (  # what waits for networks and devices that a container has not, or works at night
    *("apt-daily-upgrade.timer", "apt-daily.timer", "cloud-init-hotplugd.socket", "console-getty.service"),
    *("dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "networking.service"),
    *("systemd-networkd-wait-online.service", "systemd-networkd.service", "systemd-networkd.socket"),
    *("systemd-pstore.service", "systemd-resolved.service", "systemd-timesyncd.service", "tmp.mount"),
)


class Dress(NamedTuple):
    """What is changed in a root that apt has made: texts of files and targets of links, by their paths in it."""

    files: Mapping[str, str] = {}
    links: Mapping[str, str] = {}


def machine_tree(packages: Iterable[str], say: Say, *, cache: Path = CACHE) -> Path:
    """The tree of a container with these packages besides what a machine needs. See `cached_tree`."""
    links = {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED}
    dress = Dress({"etc/cloud/cloud.cfg.d/90_remit.cfg": CLOUD}, links)
    return cached_tree(recipe_of_host({*SYSTEM, *packages}), dress, say, cache=cache)


def cached_tree(recipe: Recipe, dress: Dress, say: Say, *, cache: Path = CACHE) -> Path:
    """The tree of this recipe in this dress: out of the cache, or made now, which takes a minute or more. Blocks.

    Raises `BadArgument` and `ProviderError` as `build_root` does.
    """
    digest = sha256(
        repr((recipe.digest, sorted(dress.files.items()), sorted(dress.links.items()))).encode()
    ).hexdigest()[:20]
    place = cache / f"tree-{digest}"
    if place.is_dir():
        return place
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _alone(cache / f".tree-{digest}.lock"):
        if not place.is_dir():
            with tempfile.TemporaryDirectory(prefix=".making-", dir=cache, ignore_cleanup_errors=True) as made:
                root = Path(made) / "root"
                _begin(recipe, root, say, cache)
                _put_on(root, dress)
                os.sync()
                root.rename(place)
    return place


def _begin(recipe: Recipe, root: Path, say: Say, cache: Path) -> None:
    """The root as apt makes it; out of a tar that was made of the same recipe, if there is one."""
    tar = cache / f"root-{recipe.digest}.tar"
    if not tar.is_file():
        build_root(recipe, root, say)
        return
    root.mkdir()
    root.chmod(0o755)
    run_tool(["tar", "--numeric-owner", "-C", str(root), "-xf", str(tar)])


def run_tool(words: Sequence[str], *, patience: float = 1800.0) -> str:
    """Run a tool of this host; its output. Raises `ProviderError` with its last words."""
    tool = shutil.which(words[0]) or shutil.which(words[0], path="/usr/local/sbin:/usr/sbin:/sbin")
    if tool is None:
        raise ProviderError(f"{words[0]} is not installed on this host")
    done = subprocess.run(
        [tool, *words[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=patience, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise ProviderError(f"{' '.join(words)[:120]} failed with status {done.returncode}: {' | '.join(said)}")
    return done.stdout


def _put_on(root: Path, dress: Dress) -> None:
    shutil.rmtree(root / "var/lib/cloud", ignore_errors=True)
    for name, text in dress.files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for name, target in dress.links.items():
        link = root / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two that want the same tree at once wait for each other."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
