"""The contract's kits for `libcloud` and `terraform`."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.machines import cloud_double
from tests.machines.kit import Died, Kit, read


class LibcloudKit(Kit):
    """Libcloud's dummy driver, as a cloud whose machines are processes here."""

    name = "libcloud"
    follows = False

    @staticmethod
    def lacks() -> str:
        return "" if find_spec("libcloud") else "Apache Libcloud is not installed: pip install 'remit[libcloud]'"

    def settings(self, *, real: bool = False) -> dict[str, Any]:
        from tests.machines.cloud_driver import KEY, TOKEN

        secret = self.place / "cloud.toml"
        secret.touch(mode=0o600)
        secret.write_text(f'key = "{KEY}"\nsecret = "{TOKEN}"\n')
        return {
            "driver": "tests.machines.cloud_driver:HouseDriver",
            "credentials": f"@{secret}",
            "connection": {"place": str(self.place / "cloud"), "real": real},
            "size": "Small",
            "image": "debian-12",
            "present": True,
        }

    def provider(self, owner: str = "boss") -> Any:
        from remit.machines.libcloud._provider import LibcloudProvider

        return LibcloudProvider(owner, self.settings())

    def table(self) -> dict[str, Any]:
        return {"kind": "libcloud", **self.settings(real=True), "agent": {"listen": "127.0.0.1:0"}}

    @contextmanager
    def dying(self, at: int) -> Iterator[Any]:
        """Before the cloud is asked, and before its answer has come."""
        from tests.machines.cloud_driver import HouseDriver

        left = [at]

        def counted(work: Any) -> Any:
            @wraps(work)
            def instead(*args: Any, **kwargs: Any) -> Any:
                if left[0] == 0:
                    raise Died
                answer = work(*args, **kwargs)
                left[0] -= 2
                if left[0] < 0:
                    left[0] = 0
                    raise Died
                return answer

            return instead

        steps = {name: counted(getattr(HouseDriver, name)) for name in ("create_node", "destroy_node", "start_node")}
        with patch.multiple(HouseDriver, **steps):
            yield _Dying(self.provider(), left)

    def _place(self, id: str) -> Path:
        for path in (self.place / "cloud").glob("*/node.json"):
            if json.loads(path.read_text())["labels"]["remit-machine"] == id:
                return path.parent
        raise AssertionError(f"no node of {id}")

    def kill(self, id: str) -> None:
        cloud_double.end(self._place(id))

    def visible(self, id: str) -> str:
        place = self._place(id)
        shown = [read(f"/proc/{pid}/{what}") for pid in cloud_double.pids(place) for what in ("cmdline", "environ")]
        assert shown
        return "\n".join([*shown, read(f"{place}/node.json"), self.log(id)])

    def log(self, id: str) -> str:
        return read(f"{self._place(id)}/agent.log")

    def leftovers(self) -> Sequence[str]:
        return [*map(str, (self.place / "cloud").glob("*")), *cloud_double.pids(self.place / "cloud")]


class _Dying:
    """A provider whose process is killed in the middle: whatever it makes of that is lost."""

    def __init__(self, made: Any, left: list[int]) -> None:
        self._made = made
        self._left = left

    def __getattr__(self, name: str) -> Any:
        async def asked(*args: Any) -> Any:
            try:
                return await getattr(self._made, name)(*args)
            except Exception:
                if self._left[0] == 0:
                    raise Died from None
                raise

        return asked


TERRAFORM = """#!/bin/sh
case $1 in
apply) if [ ! -e cloud.pid ] || ! kill -0 $(cat cloud.pid) 2>/dev/null; then
        setsid PYTHON -S -E -c 'import time; time.sleep(300)' "$PWD/" >/dev/null 2>&1 </dev/null & echo $! >cloud.pid
        until grep -q sleep /proc/$!/cmdline; do :; done
    fi
    echo '{"resources": [1]}' >terraform.tfstate ;;
destroy) if [ -e cloud.pid ] && kill -9 $(cat cloud.pid) 2>/dev/null; then
        while grep -q . /proc/$(cat cloud.pid)/cmdline 2>/dev/null; do sleep 0.01; done
    fi
    echo '{"resources": []}' >terraform.tfstate ;;
esac
exit 0
"""
"""What the contract needs of Terraform, in little time: `test_terraform.py` has the real one."""


class TerraformKit(Kit):
    """A program that does as Terraform does, and runs something that stays alive."""

    name = "terraform"
    sees = False

    def provider(self, owner: str = "boss") -> Any:
        from remit.machines.terraform._provider import TerraformProvider

        program = self.place / "terraform"
        if not program.exists():
            program.write_text(TERRAFORM.replace("PYTHON", sys.executable))
            program.chmod(0o755)
        attributes = {"user_data": "{user_data}", "label": "{id}"}
        table = {"resource": "cloud_machine", "attributes": attributes, "present": True, "apply": True}
        return TerraformProvider(self.place / "machines", owner, {**table, "command": str(program)})

    @contextmanager
    def dying(self, at: int) -> Iterator[Any]:
        from remit.machines import _room
        from remit.machines.terraform import _provider as _terraform

        left = [at]

        def counted(work: Any) -> Any:
            def instead(*args: Any, **kwargs: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Died
                return work(*args, **kwargs)

            return instead

        steps = {name: counted(getattr(_terraform, name)) for name in ("write_secret_file", "_process")}
        rooms = {"write_secret_file": counted(_room.write_secret_file), "open_state_dir": counted(_room.open_state_dir)}
        with (
            patch.multiple(_terraform, **steps),
            patch.multiple(_room, **rooms),
            patch.object(_terraform.shutil, "rmtree", counted(shutil.rmtree)),
        ):
            yield self.provider()

    def visible(self, id: str) -> str:
        place = self.place / "machines" / id
        shown = [read(f"/proc/{pid}/{what}") for pid in cloud_double.pids(place) for what in ("cmdline", "environ")]
        assert shown
        return "\n".join([*shown, read(f"{place}/main.tf.json"), read(f"{place}/terraform.log")])

    def leftovers(self) -> Sequence[str]:
        return [*map(str, (self.place / "machines").glob("*")), *cloud_double.pids(self.place / "machines")]
