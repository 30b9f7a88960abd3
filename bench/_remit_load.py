"""Remit's end of loading: a server in another process, and packages that it has never seen. `python -m bench._remit_load DIRECTORY` is that server."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from remit.ensemble.code import Bundle, Code, Loading, send_bundle
from remit.net import Network, Node, NodeKey, UnixNetlayer
from remit.values import SturdyRef
from remit.vat import Vat

from ._peer import Process, end_with_parent

MODULES = 50
FUNCTIONS = 12


def package(number: int) -> dict[str, str]:
    """The sources of a package that nobody has had before: modules of about 70 lines, each importing the one before."""
    name = f"bench_package_{number}"
    sources = {f"{name}/__init__.py": "".join(f"from {name} import m{each}\n" for each in range(MODULES - 1))}
    for each in range(MODULES - 1):
        before = f"from {name} import m{each - 1}\n" if each else ""
        functions = "".join(
            f"\n\ndef function_{at}(first, second={at}):\n    '''One of {number}.'''\n    total = first + second\n"
            f"    if total > {each * at}:\n        return [total, {{'at': {at}}}]\n    return None\n"
            for at in range(FUNCTIONS)
        )
        sources[f"{name}/m{each}.py"] = (
            f"import json\n{before}{functions}\nTABLE = {{{each}: function_0, 'x': [1, 2, {number}]}}\n"
        )
    return sources


class FromBytes:
    """What imports modules out of a dictionary of bytes: compiled and executed, and nothing else."""

    def __init__(self, sources: dict[str, bytes]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        from importlib.machinery import ModuleSpec

        stem = name.replace(".", "/")
        for file in (f"{stem}/__init__.py", f"{stem}.py"):
            if file in self.sources:
                return ModuleSpec(name, self, origin=file, is_package=file.endswith("__init__.py"))
        return None

    def create_module(self, spec: Any) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        spec: Any = module.__spec__
        exec(compile(self.sources[spec.origin], spec.origin, "exec", dont_inherit=True), vars(module))


class Loader:
    """A server, and this process's way to it. `local` and `load` give milliseconds for one new package."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="bench-load-"))
        self.server = Process(sys.executable, "-m", "bench._remit_load", str(self.folder))
        self.number = 0
        self.runner = asyncio.Runner()
        self.stack = contextlib.AsyncExitStack()
        self.key = NodeKey.generate()
        self.part = self.runner.run(self._open(self.server.line("ready ", 30).strip()))

    async def _open(self, uri: str) -> Any:
        vat = await self.stack.enter_async_context(Vat("sender"))
        node = await self.stack.enter_async_context(Node(self.key, vat))
        node.use(UnixNetlayer(self.key))
        return await node.fetch_from(SturdyRef.parse(uri))

    def local(self) -> float:
        self.number += 1
        sources = {path: text.encode() for path, text in package(self.number).items()}
        finder: Any = FromBytes(sources)
        began = time.perf_counter()
        sys.meta_path.insert(0, finder)
        __import__(f"bench_package_{self.number}")
        took = time.perf_counter() - began
        sys.meta_path.remove(finder)
        return took * 1e3

    def load(self) -> float:
        self.number += 1
        top = self.folder / str(self.number)
        for path, text in package(self.number).items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_text(text)
        return self.runner.run(self._load(str(top))) * 1e3

    async def _load(self, top: str) -> float:
        began = time.perf_counter()
        bundle = Bundle.of(f"bench_package_{self.number}", path=[top]).signed(self.key)
        loaded = await send_bundle(self.part, bundle)
        took = time.perf_counter() - began
        assert len(loaded.executed) == MODULES
        return took

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Audit:
    """The device `audit`, of which only the time counts that a message to it takes."""

    def note(self, who: str, part: str, what: str) -> None:
        pass


async def serve(folder: Path) -> None:
    key = NodeKey.generate()
    async with Vat("server") as vat, Node(key, vat) as node:
        await node.listen(UnixNetlayer(key, folder / "s"))
        code = vat.device("code", Code(folder / "code", vat, time.time))
        part = vat.spawn(Loading, code, vat.device("audit", Audit()), "bench")
        sturdy = await Network(node).sturdy(part)
        print("ready", SturdyRef(node.inner_locator, sturdy.swiss).uri(), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(serve(Path(sys.argv[1])))
