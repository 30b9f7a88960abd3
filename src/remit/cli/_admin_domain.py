"""`remit admin domain`."""

from __future__ import annotations

import click

from remit.cli._server_ask import home_option
from remit.cli._show import tell
from remit.ensemble import Home

__all__ = ["domain"]


@click.command()
@click.argument("domain", required=False)
@home_option
def domain(domain: str | None, home: str | None) -> None:
    """Show the domain of names that have none, or make it DOMAIN. Servers that run keep the ids that they have."""
    place = Home.find(home)
    tell(place.domain() if domain is None else place.set_domain(domain))
