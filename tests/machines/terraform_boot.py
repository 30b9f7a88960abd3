"""What a `terraform_data` of the tests runs in place of a cloud: the machine of this directory is booted, or ended where it runs."""

from __future__ import annotations

import json
from pathlib import Path

from tests.machines import cloud_double


def boot() -> None:
    """Called in the machine's directory, without anything of it in the arguments."""
    place = Path.cwd() / "cloud"
    if cloud_double.running(place):
        cloud_double.end(place)
    else:
        told = json.loads(Path("remit.auto.tfvars.json").read_text())["remit_user_data"]
        cloud_double.boot(place, told, real=True)
