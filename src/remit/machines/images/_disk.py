"""Disks that boot: a partition with an image's root file system, a boot loader, and the configuration by which it finds kernel and initrd.

    sector 0      a table with one partition, and the code of syslinux that starts it
    from 1 MiB    ext4 with the label remit-root; /boot/extlinux has the boot loader and its configuration

For BIOS, as QEMU, most hypervisors and many hosts have it; not for UEFI alone. A disk is a file, or a block device, whose contents are lost.
"""

from __future__ import annotations

import os
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from remit.errors import Conflict, ProviderError
from remit.machines.images._image import Image
from remit.machines.images._rootfs import Say
from remit.machines.images._tree import run_tool

__all__ = ["copy_image", "install", "make_file", "table_of", "unpack_image", "what_is_on"]

START: Final = 1 << 20  # bytes, before the partition
SECTOR: Final = 512
CODE: Final = 440  # bytes of a first sector that are program
LABEL: Final = "remit-root"
LEAST: Final = 512 << 20
MBR: Final = ("/usr/lib/syslinux/mbr/mbr.bin", "/usr/lib/EXTLINUX/mbr.bin", "/usr/share/syslinux/mbr.bin")
CONFIG: Final = """\
DEFAULT remit
PROMPT 0
TIMEOUT 0
LABEL remit
  KERNEL /boot/{kernel}
  INITRD /boot/{initrd}
  APPEND root=LABEL=remit-root ro console=tty0 console=ttyS0,115200 net.ifnames=0 panic=30 {more}
"""


def make_file(path: Path, size: int) -> None:
    """A file that is to be a disk, full of holes. Raises `Conflict` where something is already."""
    if size < LEAST:
        raise ProviderError(f"a disk needs at least {LEAST >> 20} MiB")
    try:
        with path.open("xb") as file:
            os.truncate(file.fileno(), size)
    except FileExistsError:
        raise Conflict(f"{path} exists already and was left as it is") from None


def what_is_on(disk: Path) -> str:
    """What would be lost on this disk, in words; "" where nothing is to be seen. Raises `ProviderError` where it cannot be a disk, or is in use."""
    try:
        mode = disk.stat().st_mode
    except OSError as error:
        raise ProviderError(f"{disk} cannot be a disk: {error.strerror}") from None
    if not stat.S_ISBLK(mode) and not stat.S_ISREG(mode):
        raise ProviderError(f"{disk} is neither a block device nor a file")
    if stat.S_ISBLK(mode):
        used = run_tool(["lsblk", "-n", "-o", "MOUNTPOINTS", str(disk)]).split()
        if used:
            raise ProviderError(f"{disk} is in use: {', '.join(used)}")
    found = run_tool(["wipefs", "--noheadings", "--output", "TYPE,LABEL", str(disk)]).split("\n")
    return ", ".join(" ".join(line.split()) for line in found if line.strip())


def install(disk: Path, fill: Callable[[Path], None], say: Say, *, more: str = "") -> None:
    """Partition a disk, have `fill` put a root file system into it, and make it boot. Whatever was on it is lost. Blocks for seconds or minutes.

    `more` is added to the kernel's command line. Raises `ProviderError` with what failed.
    """
    if os.geteuid() != 0:
        raise ProviderError("only root can make disks: it mounts them while they are filled")
    code = next((Path(each) for each in MBR if Path(each).exists()), None)
    if code is None:
        raise ProviderError("the boot loader is not installed on this host: apt-get install extlinux syslinux-common")
    say("partitioning")
    _partition(disk, code.read_bytes())
    with _loop(disk) as partition:
        # Without what the boot loader does not read: it is older than these.
        run_tool(
            [
                "mkfs.ext4",
                "-q",
                "-F",
                "-L",
                LABEL,
                "-O",
                "^64bit,^metadata_csum,^metadata_csum_seed,^orphan_file",
                partition,
            ]
        )
        with _mounted(partition) as root:
            say("copying")
            fill(root)
            say("configuring the boot loader")
            _make_bootable(root, more)


def copy_image(image: Image) -> Callable[[Path], None]:
    """For `install`: an image that was just made."""

    def fill(root: Path) -> None:
        for part in (image.tree, image.extras):
            run_tool(["cp", "-a", f"{part}/.", str(root)])

    return fill


def unpack_image(tar: Path) -> Callable[[Path], None]:
    """For `install`: an image that was written as a tar."""
    return lambda root: _untar(tar, root)


def _untar(tar: Path, root: Path) -> None:
    run_tool(["tar", "--numeric-owner", "--xattrs", "-C", str(root), "-xf", str(tar)])


def table_of(size: int) -> bytes:
    """The last 72 bytes of a first sector: no disk signature, one partition of Linux that starts, from `START` to the end, of a disk of `size` bytes."""
    sectors = min(size // SECTOR - START // SECTOR, (1 << 32) - 1)
    far = b"\xfe\xff\xff"  # cylinder, head, sector: see the numbers of sectors instead
    entry = struct.pack("<B3sB3sII", 0x80, far, 0x83, far, START // SECTOR, sectors)
    return bytes(6) + entry + bytes(48) + b"\x55\xaa"


def _partition(disk: Path, code: bytes) -> None:
    run_tool(["wipefs", "--quiet", "--all", str(disk)])
    with disk.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        file.write(code[:CODE].ljust(CODE, b"\0") + table_of(size))
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _loop(disk: Path) -> Iterator[str]:
    """The partition as a device, wherever the disk is."""
    device = run_tool(["losetup", "--find", "--show", "--offset", str(START), str(disk)]).strip()
    try:
        yield device
    finally:
        run_tool(["losetup", "--detach", device])


@contextmanager
def _mounted(device: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="remit-disk-") as place:
        run_tool(["mount", "-t", "ext4", device, place])
        try:
            yield Path(place)
        finally:
            run_tool(["umount", place])


def _make_bootable(root: Path, more: str) -> None:
    boot = root / "boot"
    kernels, initrds = (sorted(path.name for path in boot.glob(pattern)) for pattern in ("vmlinuz-*", "initrd.img-*"))
    if not kernels or not initrds:
        raise ProviderError(
            "this image has no kernel, or no initrd: make one with: remit image build tarball --kernel auto OUT"
        )
    place = boot / "extlinux"
    place.mkdir(exist_ok=True)
    (place / "extlinux.conf").write_text(
        CONFIG.format(kernel=kernels[-1], initrd=initrds[-1], more=more).replace(" \n", "\n")
    )
    run_tool(["extlinux", "--install", str(place)])
