"""`remit image …`: what machines are made from, where there is no registry to take it from."""

from __future__ import annotations

import asyncio

import click

from remit.cli._main import Settings, Suggesting
from remit.cli._show import as_json_option, progress, say, show_json

__all__ = ["image"]


@click.group(cls=Suggesting)
def image() -> None:
    """Build what machines are made from."""


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
