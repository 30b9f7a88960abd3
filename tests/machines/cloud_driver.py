"""Libcloud's dummy driver as a cloud that runs machines: it takes user data and labels, keeps its nodes in a directory, and starts each as a process of this host."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from libcloud.compute.base import Node
from libcloud.compute.drivers.dummy import DummyNodeDriver
from libcloud.compute.types import NodeState

from tests.machines import cloud_double

KEY, TOKEN = "AKIDEXAMPLEKEY", "wJalrXUtnFEMIsecret"  # what lets one in


class HouseDriver(DummyNodeDriver):
    """The cloud in the directory `place`; `real`: machines run agents."""

    def __init__(self, key: str, secret: str, place: str, real: bool = False) -> None:
        super().__init__("1")
        if (key, secret) != (KEY, TOKEN):
            raise ValueError(f"not let in with {secret}")
        self.place = Path(place)
        self.real = real

    def list_nodes(self) -> list[Node]:
        return [self._node(path) for path in sorted(self.place.glob("*/node.json"))]

    def _node(self, path: Path) -> Node:
        told = json.loads(path.read_text())
        state = NodeState.RUNNING if cloud_double.running(path.parent) else NodeState.STOPPED
        return Node(path.parent.name, told["name"], state, ["127.0.0.1"], [], self, extra={"metadata": told["labels"]})

    def create_node(
        self, name: str, size: Any, image: Any, location: Any = None, ex_userdata: str = "", ex_metadata: Any = None
    ) -> Node:
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count(1):  # two may be made at once
            place = self.place / f"i-{number}"
            with suppress(FileExistsError):
                place.mkdir(mode=0o700)
                break
        (place / "user-data").touch(mode=0o600)
        (place / "user-data").write_text(ex_userdata)
        draft = place / "node.draft"
        draft.write_text(json.dumps({"name": name, "labels": ex_metadata}))
        draft.rename(place / "node.json")  # others list nodes meanwhile
        cloud_double.boot(place, ex_userdata, real=self.real)
        return self._node(place / "node.json")

    def start_node(self, node: Node) -> bool:
        place = self.place / node.id
        cloud_double.boot(place, (place / "user-data").read_text(), real=self.real)
        return True

    def destroy_node(self, node: Node) -> bool:
        place = self.place / node.id
        cloud_double.end(place)
        shutil.rmtree(place)
        return True
