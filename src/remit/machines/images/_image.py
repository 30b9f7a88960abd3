"""Root file systems that boot by themselves: of this host's own Debian, with the agent in them, and an init.

    tree     what apt makes, out of the cache (`_tree.py`); extras lie over it:
        /opt/remit                 a parcel
        /usr/sbin/remit-init       with `init` "remit": the first process (`_init.py`), and /usr/sbin/init leads to it
        /etc/systemd/network/…     with `init` "systemd": networks by DHCP; cloud-init takes the user data
    kernel   with a kernel's package: /boot has it and its initrd, and a disk can be made of the image (`_disk.py`)

There is no way to log in: machines are reached by their agents.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from remit.errors import BadArgument, ProviderError
from remit.machines._parcel import Parcel
from remit.machines.images import _init
from remit.machines.images._rootfs import Say, recipe_of_host
from remit.machines.images._tree import SYSTEM, Dress, cached_tree, run_tool

__all__ = ["Image", "image_of", "kernel_here", "write_tar"]

INITS: Final = ("remit", "systemd")
NETWORK: Final = (
    "ifupdown",
    "iproute2",
    "isc-dhcp-client",
    "kmod",
)  # the tools that our init uses, on machines with a kernel of their own
BOOT: Final = ("initramfs-tools", "e2fsprogs")
_SHEBANG: Final = "#!/usr/bin/python3 -IS\n"

INTERFACES: Final = """\
auto lo
iface lo inet loopback

auto eth0
iface eth0 inet dhcp
"""
NETWORKD: Final = """\
[Match]
Name=en* eth*

[Network]
DHCP=yes
"""
CLOUD: Final = """\
# cloud-init in machines of Remit: units of systemd do the network; there are no users to make.
network: {config: disabled}
users: []
disable_root: true
cloud_init_modules: [bootcmd, write-files, growpart, resizefs, set_hostname, update_etc_hosts]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user]
"""


class Image(NamedTuple):
    """What an image is made of: a tree of the cache, which stays as it is, and a directory with what lies over it."""

    tree: Path
    extras: Path


def kernel_here(architecture: str) -> str:
    """The package of a kernel for virtual machines."""
    return f"linux-image-cloud-{architecture}" if architecture in ("amd64", "arm64") else f"linux-image-{architecture}"


def image_of(
    packages: Iterable[str], code: Parcel, place: Path, say: Say, *, init: str = "remit", kernel: str = ""
) -> Image:
    """An image with these packages, and a kernel if one is named ("auto": one for virtual machines); extras are made in `place`. Blocks for minutes.

    Raises `ProviderError` where this host cannot make one, `BadArgument` for an init that there is not.
    """
    if init not in INITS:
        raise BadArgument(f"there is no init {init[:80]!r}: it is {' or '.join(INITS)}")
    host = recipe_of_host()
    wanted = set(packages)
    if kernel:
        wanted |= {kernel_here(host.architecture) if kernel == "auto" else kernel, *BOOT}
    if init == "systemd":
        wanted |= {*SYSTEM, "cloud-guest-utils", "systemd-resolved"} if kernel else set(SYSTEM)
    elif kernel:
        wanted |= set(NETWORK)
    tree = cached_tree(recipe_of_host(wanted), _dress(init, bool(kernel)), say)
    extras = place / "extras"
    extras.mkdir(mode=0o755)
    shutil.copytree(code.path, extras / "opt/remit", ignore=shutil.ignore_patterns("__pycache__"))
    if init == "remit":
        _put_init(extras)
    return Image(tree, extras)


def _put_init(extras: Path) -> None:
    source = Path(_init.__file__)
    if source.suffix != ".py":
        raise ProviderError(f"{source} is no Python source: an image with our init needs an installation that has it")
    sbin = extras / "usr/sbin"
    sbin.mkdir(parents=True)
    (sbin / "remit-init").write_text(_SHEBANG + source.read_text())
    (sbin / "remit-init").chmod(0o755)
    (sbin / "init").symlink_to("remit-init")


def _dress(init: str, kernel: bool) -> Dress:
    files: dict[str, str] = {}
    links: dict[str, str] = {}
    if kernel:
        files["etc/fstab"] = "LABEL=remit-root / ext4 errors=remount-ro 0 1\n"
    if init == "remit" and kernel:
        files["etc/network/interfaces"] = INTERFACES
    if init == "systemd" and kernel:
        files |= {"etc/systemd/network/80-remit.network": NETWORKD, "etc/cloud/cloud.cfg.d/90_remit.cfg": CLOUD}
        wants = "etc/systemd/system/multi-user.target.wants"
        for unit in ("systemd-networkd.service", "systemd-resolved.service"):
            links[f"{wants}/{unit}"] = f"/lib/systemd/system/{unit}"
        links["etc/resolv.conf"] = "/run/systemd/resolve/stub-resolv.conf"
    return Dress(files, links)


def write_tar(image: Image, out: Path) -> None:
    """The image as a tar, compressed as the name says (`.tar`, `.tar.gz`, `.tar.xz`, `.tar.zst`). It is there whole, or not at all."""
    if ".tar" not in out.name and out.suffix != ".tgz":
        raise BadArgument(
            f"{out.name} does not say which sort of tar it is to be: name it NAME.tar, .tar.gz, .tar.xz or .tar.zst"
        )
    descriptor, draft = tempfile.mkstemp(prefix=".", suffix=f".{out.name}", dir=out.parent)
    os.close(descriptor)
    try:
        packing = ["tar", "--auto-compress", "--numeric-owner", "--xattrs", "--one-file-system", "-cf", draft]
        run_tool([*packing, "-C", str(image.tree), ".", "-C", str(image.extras), "--owner=0", "--group=0", "."])
        os.chmod(draft, 0o644)
        os.rename(draft, out)
    finally:
        Path(draft).unlink(missing_ok=True)
