"""What `remit image` does: images as tars and as disks, and disks made of tars. Nobody else loads what that takes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from remit.errors import Conflict, ProviderError
from remit.machines._parcel import parcel
from remit.machines.images._rootfs import CACHE, Say

if TYPE_CHECKING:
    from remit.machines.images._image import Image

__all__ = ["build_disk", "build_tarball", "install_disk"]

SIZE: Final = 4 << 30


def build_tarball(out: Path, packages: Iterable[str], say: Say, *, init: str = "remit", kernel: str = "") -> None:
    """A root file system that boots by itself, as a tar. See `image_of` for `init` and `kernel`. Blocks for minutes; raises `ProviderError`, `BadArgument`."""
    from remit.machines.images._image import write_tar

    with _image(packages, say, init, kernel) as made:
        say("packing it")
        write_tar(made, out)


def build_disk(
    out: Path, packages: Iterable[str], say: Say, *, init: str = "remit", kernel: str = "auto", size: int = SIZE
) -> None:
    """The same as a disk in a file that is not there yet, of `size` bytes with holes in it. Blocks for minutes."""
    from remit.machines.images._disk import copy_image, install, make_file

    draft = out.with_name(f".{out.name}.{os.urandom(4).hex()}")
    if out.exists():
        raise Conflict(f"{out} exists already and was left as it is")
    with _image(packages, say, init, kernel or "auto") as made:
        make_file(draft, size)
        try:
            install(draft, copy_image(made), say)
            draft.rename(out)
        finally:
            draft.unlink(missing_ok=True)


def install_disk(disk: Path, tar: Path, say: Say, *, erase: bool = False) -> None:
    """Make a disk that there is (a block device, or a file) boot from an image that was written as a tar.

    What is on the disk is lost: without `erase` one that holds anything is refused with a `Conflict` that says what. Blocks for a minute or so.
    """
    from remit.machines.images._disk import install, unpack_image, what_is_on

    if not tar.is_file():
        raise ProviderError(f"there is no image {tar}: make one with: remit image build tarball --kernel auto {tar}")
    found = what_is_on(disk)
    if found and not erase:
        raise Conflict(f"{disk} holds {found}: all of it would be lost. If that is meant: --erase")
    install(disk, unpack_image(tar), say)


@contextmanager
def _image(packages: Iterable[str], say: Say, init: str, kernel: str) -> Iterator[Image]:
    from remit.machines.images._image import image_of

    if os.geteuid() != 0:
        raise ProviderError("only root can make images: their files belong to several users")
    CACHE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".image-", dir=CACHE) as place:
        yield image_of(packages, parcel(CACHE / "parcels"), Path(place), say, init=init, kernel=kernel)
