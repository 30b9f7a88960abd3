"""What the tests of loading share: modules in a directory of their own, and a server's device without a server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from remit.ensemble.code import Bundle, Code, Loaded
from remit.ensemble.code._finder import FINDER
from remit.net import NodeKey
from remit.vat import Vat

KEY = NodeKey.generate()


def write(top: Path, files: dict[str, str | bytes]) -> None:
    """Files below a directory."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


class Sender:
    """Somebody with modules in a directory."""

    def __init__(self, top: Path, key: NodeKey = KEY) -> None:
        self.top = top
        self.key = key

    def write(self, **modules: str) -> None:
        """Modules by name, at the top."""
        write(self.top, {f"{name}.py": text for name, text in modules.items()})

    def bundle(self, module: str, **how: Any) -> Bundle:
        return Bundle.of(module, path=[str(self.top)], **how).signed(self.key)


class Server:
    """A vat with a device `code`, and nothing else of a server. It may be made again on the same directory, as after a restart."""

    def __init__(self, directory: Path, **how: Any) -> None:
        self.directory = directory
        self.vat = Vat("server")
        self.times = iter(range(1000, 2000))
        self.code = Code(directory / "code", self.vat, lambda: float(next(self.times)), **how)

    def take(self, bundle: Bundle, *, force: bool = False, who: str = "tests") -> Loaded:
        """What a sender does, without messages in between."""
        for digest in self.code.offer(bundle.manifest, force):
            self.code.put([[digest, bundle.contents[digest], 0]])
        return self.code.load(bundle.manifest, force, who=who)


@contextmanager
def own_modules() -> Iterator[None]:
    """Afterwards the process has the modules that it had before, and finds them as it did."""
    modules, places, path, meta = dict(sys.modules), FINDER.places, list(sys.path), list(sys.meta_path)
    try:
        yield
    finally:
        for name in set(sys.modules) - set(modules):
            del sys.modules[name]
        sys.modules.update(modules)
        FINDER.places = places
        sys.path[:] = path
        sys.meta_path[:] = meta
