"""Code of the person who types, for servers: found in this directory first, signed with the key of his home."""

from __future__ import annotations

import sys
from collections.abc import Collection
from pathlib import Path

from remit.ensemble import Home
from remit.ensemble.code import Bundle
from remit.net import NodeKey

__all__ = ["own_bundle"]


def own_bundle(
    home: Home, module: str, *, present: Collection[str] = (), places: Collection[str] = (), alone: bool = False
) -> Bundle:
    """The signed bundle of a module (or of a file `module.py`) that is looked for in `places` (this directory, if none), then where Python looks. The key is made when it is first needed."""
    if module.endswith(".py") and Path(module).is_file():  # as `remit bundle` and Python take it, too
        places, module = [*places, str(Path(module).parent)], Path(module).stem
    path = [*(str(Path(place).absolute()) for place in places or ("",)), *sys.path]
    bundle = Bundle.of(module, present=present, path=path, alone=alone)
    return bundle.signed(NodeKey.open(home.make().path / "code.pem"))
