"""The root of machines with a real systemd and cloud-init: a directory, made once of this host's own Debian, that all of them lie over.

CACHE/tree-<digest>/    never written to once it is there: each machine has a layer of its own over it
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from remit.machines._rootfs import CACHE, Say, build_root, recipe_of_host

__all__ = ["SYSTEM", "machine_tree"]

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


def machine_tree(packages: Iterable[str], say: Say, *, cache: Path = CACHE) -> Path:
    """The tree with these packages besides what a machine needs: out of the cache, or made now, which takes a minute or more. Blocks.

    Raises `BadArgument` and `ProviderError` as `recipe_of_host` and `build_root` do.
    """
    recipe = recipe_of_host({*SYSTEM, *packages})
    digest = sha256(repr((recipe.digest, CLOUD, MASKED)).encode()).hexdigest()[:20]
    place = cache / f"tree-{digest}"
    if place.is_dir():
        return place
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with _alone(cache / f".tree-{digest}.lock"):
        if not place.is_dir():
            with tempfile.TemporaryDirectory(prefix=".making-", dir=cache, ignore_cleanup_errors=True) as made:
                root = Path(made) / "root"
                build_root(recipe, root, say)
                _dress(root)
                os.sync()
                root.rename(place)
    return place


def _dress(root: Path) -> None:
    (root / "etc/cloud/cloud.cfg.d/90_remit.cfg").write_text(CLOUD)
    shutil.rmtree(root / "var/lib/cloud", ignore_errors=True)
    for unit in MASKED:
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Two that want the same tree at once wait for each other."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
