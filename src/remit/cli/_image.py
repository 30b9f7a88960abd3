"""`remit image …`: what machines are made from, where there is no registry to take it from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from remit.cli._main import Settings, Suggesting
from remit.cli._show import as_json_option, progress, say, show_json

__all__ = ["image"]

_C = TypeVar("_C", bound=Callable[..., Any])
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
PLACE = click.Path(dir_okay=False, path_type=Path)


class Size(click.ParamType[int]):
    """Bytes, as `4g` or `512m`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        said = re.fullmatch(r"(\d{1,9})([kmgt]?)", str(value).lower())
        if said is None:
            self.fail(f"{value!r} is no size: write such as 4g or 512m", param, ctx)
        return int(said[1]) * _UNITS[said[2]]


def _choices(command: _C) -> _C:
    """The options that tarballs and disks share."""
    for option in (
        click.option(
            "--package", "packages", multiple=True, metavar="PACKAGE", help="A Debian package that it has besides."
        ),
        click.option(
            "--init",
            type=click.Choice(["remit", "systemd"]),
            default="remit",
            show_default=True,
            help="Its first process: a small one of ours, or systemd with cloud-init.",
        ),
        click.option(
            "--kernel", metavar="PACKAGE", help="The package of its kernel; auto: the one for virtual machines."
        ),
    ):
        command = option(command)
    return command


@click.group(cls=Suggesting)
def image() -> None:
    """Build what machines are made from, and install it onto disks."""


@image.group(cls=Suggesting)
def build() -> None:
    """Build an image for machines of one provider, from the Debian that runs here."""


@build.command()
@click.option("--name", default="remit-machine", show_default=True, help="What it is called at the Docker Engine.")
@click.option("--package", "packages", multiple=True, metavar="PACKAGE", help="A Debian package that it has besides.")
@click.option("--socket", metavar="PATH", help="The Engine's socket [default: /var/run/docker.sock].")
@click.option("--fresh", is_flag=True, help="Build it anew, with today's packages.")
@as_json_option
@click.pass_obj
def docker(
    settings: Settings, name: str, packages: tuple[str, ...], socket: str | None, fresh: bool, as_json: bool
) -> None:
    """Build a Docker image: needs root, and takes a minute; the same again takes a moment."""
    from remit.machines import build_docker_image  # the weight of building, for this command only

    with progress() as show:
        made = asyncio.run(build_docker_image(name, packages, show, fresh=fresh, socket=socket))
    if as_json:
        show_json({"name": name, "image": made})
    else:
        say(f"image {name} is {made}")


@build.command()
@click.argument("out", type=PLACE)
@_choices
@as_json_option
@click.pass_obj
def tarball(
    settings: Settings, out: Path, packages: tuple[str, ...], init: str, kernel: str | None, as_json: bool
) -> None:
    """Build a root file system that boots by itself, into OUT (.tar, .tar.gz, .tar.xz, .tar.zst). Needs root."""
    from remit.machines import build_tarball  # as above

    with progress() as show:
        build_tarball(out.absolute(), packages, show, init=init, kernel=kernel or "")
    _told(out, as_json)


@build.command()
@click.argument("out", type=PLACE)
@click.option("--size", type=Size(), default="4g", show_default=True, help="The size of the disk.")
@_choices
@as_json_option
@click.pass_obj
def disk(
    settings: Settings, out: Path, size: int, packages: tuple[str, ...], init: str, kernel: str | None, as_json: bool
) -> None:
    """Build a disk that boots, into the file OUT. Needs root, and the packages extlinux and syslinux-common."""
    from remit.machines import build_disk  # as above

    with progress() as show:
        build_disk(out.absolute(), packages, show, init=init, kernel=kernel or "auto", size=size)
    _told(out, as_json)


@image.command()
@click.argument("disk", type=PLACE)
@click.option(
    "--image", "tar", type=PLACE, required=True, help="What `remit image build tarball --kernel …` has written."
)
@click.option("--erase", is_flag=True, help="Even if the disk holds something, which is lost.")
@as_json_option
@click.pass_obj
def install(settings: Settings, disk: Path, tar: Path, erase: bool, as_json: bool) -> None:
    """Partition DISK (a block device, or a file), put an image onto it, and make it boot. What was on it is lost. Needs root."""
    from remit.machines import install_disk  # as above

    with progress() as show:
        install_disk(disk.absolute(), tar.absolute(), show, erase=erase)
    _told(disk, as_json)


def _told(place: Path, as_json: bool) -> None:
    if as_json:
        show_json({"file": str(place)})
    else:
        say(f"{place} is made")
