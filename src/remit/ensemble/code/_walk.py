"""From a module to all files that it needs: its imports are followed through sources, and nothing is executed."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from remit.ensemble.code._find import STANDARD, Found, find, unknown
from remit.ensemble.code._imports import Import, imports_of, outline
from remit.ensemble.code._manifest import FILE, FILES, TOTAL, Manifest
from remit.errors import BadArgument, LimitExceeded, Missing

__all__ = ["Walk"]

_LEFT_OUT: Final = ("__pycache__",)
_COMPILED: Final = (".pyc", ".pyo")
_NATIVE: Final = (".so", ".pyd", ".dll", ".dylib")


class Walk:
    """One walk; used once. `present`: top-level names that need not come along. `thorough`: each source is parsed as a whole, and has to be Python."""

    def __init__(self, path: Sequence[str], present: Collection[str], *, thorough: bool = False) -> None:
        self.thorough = thorough
        self.module = ""
        self.path = path
        self.present = present
        self.files: dict[str, tuple[bytes, int, bool]] = {}
        self.contents: dict[bytes, bytes] = {}
        self.imports: dict[str, set[str]] = {}
        self.needs: set[str] = set()
        self._seen: dict[str, Found | None] = {}
        self._real: dict[str, str] = {}
        self._pure: dict[str, bool] = {}  # libraries, by their top names
        self._total = 0
        self._todo: list[Found] = []

    def begin(self, module: str, *, alone: bool) -> None:
        """Take a module with its packages, then, unless it is to be alone, all that these lead to."""
        self.module = module
        found = find(module, self.path)
        if found is None:
            raise unknown(module, self.path, "here")
        if found.native or found.file is None:
            what = "is not Python source" if found.native else "is a directory without an __init__.py"
            raise BadArgument(f"{module} {what}, so it cannot be loaded into a server: name a module of it")
        if module.partition(".")[0] in STANDARD:
            raise BadArgument(
                f"{module} has the name of a module of the standard library, which the server has: give yours another name"
            )
        if alone:
            self._take(found, data=True)
            self._parsed(self._todo.pop())
            return
        self._want(module)
        if found.package:
            self._whole(found)
        while self._todo:
            self._follow(self._todo.pop())

    def result(self, module: str) -> tuple[Manifest, dict[bytes, bytes]]:
        """The manifest and the contents."""
        names = set(self.imports)
        imports = {name: sorted(found & names) for name, found in sorted(self.imports.items()) if found & names}
        files = [[path, *self.files[path]] for path in sorted(self.files)]
        return Manifest(module, files, imports, sorted(self.needs)), self.contents

    # --- modules ------------------------------------------------------------------------------------------

    def _want(self, name: str) -> bool:
        """Take a module of this name with the packages that it is in; whether there is one."""
        parts = name.split(".")
        found = None
        for depth in range(1, len(parts) + 1):
            each = ".".join(parts[:depth])
            if each not in self._seen:
                self._seen[each] = found = find(each, self.path)
                if found is not None and not self._native(found):
                    self._take(found, data=not found.library)
                    if found.library and depth == 1 and found.package:
                        self._whole(found)
            found = self._seen[each]
            if found is None:
                return False
        return True

    def _native(self, found: Found) -> bool:
        """Whether it cannot come along: a library with parts that are no Python has to be installed where it is used."""
        top = found.name.partition(".")[0]
        if top in self.needs:
            return True
        if found.library and top not in self._pure:
            whole = find(top, self.path)
            self._pure[top] = whole is None or not (whole.library and _has_native(whole))
        if found.native or not self._pure.get(top, True):
            self.needs.add(top)
            return True
        return False

    def _take(self, found: Found, *, data: bool) -> None:
        if found.file is not None:
            self._file(found.file, found.top, library=found.library)
            self._todo.append(found)
        if data:
            for directory in found.directories if found.package else ():
                for path in self._inside(directory, found.top):
                    if path.suffix != ".py" and self._is_data(path, directory):
                        self._file(path, found.top, library=found.library)

    def _whole(self, found: Found) -> None:
        """Take all modules and data of a package: it may import them by names that no source tells."""
        for directory in found.directories:
            for path in self._inside(directory, found.top):
                parts = path.relative_to(found.top).with_suffix("").parts
                if path.suffix != ".py":
                    self._file(path, found.top, library=found.library)
                elif all(part.isidentifier() for part in parts):
                    self._want(".".join(parts[:-1] if parts[-1] == "__init__" else parts))

    def _follow(self, found: Found) -> None:
        """What a module's source imports."""
        tree, text = self._glanced(found)
        if tree is None:
            return
        known = self.imports.setdefault(found.name, set())
        for each in imports_of(tree, text, found.name, found.package):
            names = [name for name in self._names(each) if self._wanted(name, each, found)]
            if each.eager:
                known.update(part for name in names for part in _parents(name))
        known.discard(found.name)

    def _glanced(self, found: Found) -> tuple[ast.Module | None, bytes]:
        """What there is to see of imports, and the text of that. Where they are named in strings, and for the module that was asked for, it is the whole."""
        source = self._source(found)
        if not (self.thorough or found.name == self.module or b"__import__" in source or b"import_module" in source):
            try:
                text = outline(source)
                return ast.parse(text, found.name), text
            except (SyntaxError, ValueError, RecursionError):
                pass  # the outline is none, or the source is no Python: the whole tells
        return self._parsed(found), source

    def _parsed(self, found: Found) -> ast.Module | None:
        try:
            return ast.parse(self._source(found), found.name)
        except (SyntaxError, ValueError, RecursionError) as error:
            if found.library:
                return None  # of another Python than this one, perhaps: nobody may ever import it
            line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            why = error.msg if isinstance(error, SyntaxError) else str(error)
            raise BadArgument(f"{found.name} is no Python{line}: {why}") from None

    def _source(self, found: Found) -> bytes:
        assert found.file is not None
        return self.contents[self.files[found.file.relative_to(found.top).as_posix()][0]]

    def _names(self, each: Import) -> Iterator[str]:
        yield each.name
        if each.attribute:
            yield f"{each.name}.{each.attribute}"

    def _wanted(self, name: str, each: Import, by: Found) -> bool:
        top = name.partition(".")[0]
        if not top or top in self.needs or any(name == known or name.startswith(f"{known}.") for known in self.present):
            return False
        if top in STANDARD and self._seen.get(top) is None:
            return False
        there = self._want(name)
        if not there and name == each.name and each.needed and not by.library and self._seen.get(top) is None:
            self.needs.add(top)  # perhaps the server has it
        return there and top not in self.needs

    # --- files ----------------------------------------------------------------------------------------------

    def _inside(self, directory: Path, top: Path) -> Iterator[Path]:
        if not _below(directory, top):
            raise BadArgument(
                f"{directory.name} is a link that leads out of the directory that it is in: a bundle has no files from elsewhere"
            )
        for place, names, files in os.walk(directory):
            names[:] = sorted(name for name in names if name not in _LEFT_OUT and not name.startswith("."))
            for name in names:
                if Path(place, name).is_symlink() and not _below(Path(place, name), directory):
                    raise BadArgument(
                        f"{Path(place, name).relative_to(top)} is a link that leads out of {directory.name}: a bundle has no files from elsewhere"
                    )
            for name in sorted(files):
                path = Path(place, name)
                if not name.startswith(".") and path.suffix not in _COMPILED:
                    yield path

    def _is_data(self, path: Path, directory: Path) -> bool:
        """Whether a file belongs to this package, and not to one inside of it, which is asked by itself."""
        return not any(
            (parent / "__init__.py").is_file()
            for parent in path.parents
            if parent != directory and directory in parent.parents
        )

    def _within(self, path: Path, top: Path) -> bool:
        """Whether a file is where it seems to be; as `_below`, quicker for what is no link."""
        if path.is_symlink():
            return _below(path, top)
        place, within = _at(self._real, str(path.parent)), _at(self._real, str(top))
        return place == within or place.startswith(f"{within}{os.sep}")

    def _file(self, path: Path, top: Path, *, library: bool) -> None:
        name = path.relative_to(top).as_posix()
        if name in self.files:
            return
        if path.name.endswith(_NATIVE):
            raise BadArgument(
                f"{name} is no Python and runs on one kind of machine only: a bundle cannot have it; install it on the server, and name it --present"
            )
        if not self._within(path, top / name.partition("/")[0] if "/" in name else top):
            raise BadArgument(f"{name} is a link that leads out of its package: a bundle has no files from elsewhere")
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > FILE:
                raise LimitExceeded(
                    f"{name} is no plain file of at most {FILE} bytes: a bundle cannot have it; upload it by itself"
                )
            data = path.read_bytes()
        except OSError as error:
            raise Missing(f"{name} cannot be read: {error.strerror}") from None
        self._total += len(data)
        if len(self.files) >= FILES or self._total > TOTAL:
            raise LimitExceeded(
                f"the bundle has more than {FILES} files or {TOTAL} bytes (at {name}): name packages that the server has with --present, or install them there"
            )
        digest = sha256(data).digest()
        self.contents[digest] = data
        self.files[name] = digest, len(data), library


def _at(cache: dict[str, str], directory: str) -> str:
    """The real path of a directory, looked up once."""
    found = cache.get(directory)
    if found is None:
        found = cache[directory] = os.path.realpath(directory)
    return found


def _below(path: Path, top: Path) -> bool:
    return path.resolve().is_relative_to(top.resolve())


def _has_native(found: Found) -> bool:
    """Whether there is anything in a package that is no Python and is executed."""
    return any(
        name.endswith(_NATIVE) for place in found.directories for _, _, names in os.walk(place) for name in names
    )


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        yield ".".join(parts[:depth])
