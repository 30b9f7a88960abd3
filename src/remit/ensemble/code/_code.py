"""The device `code` of a server: takes bundles, executes modules, keeps versions, and goes back to them."""

from __future__ import annotations

import logging
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final

from remit.ensemble.code._bounded import LIMIT, Endless
from remit.ensemble.code._find import unknown
from remit.ensemble.code._finder import FINDER
from remit.ensemble.code._live import brought_over
from remit.ensemble.code._manifest import SHORT, Manifest, checked, digest_of
from remit.ensemble.code._plan import Plan, compiled, plan, refuse_lacking
from remit.ensemble.code._records import Loaded, Version
from remit.ensemble.code._shelf import Shelf
from remit.ensemble.code._swap import Swap
from remit.errors import BadArgument, Broken, Missing, Refused, RemitError, StoreError
from remit.net import designator_of
from remit.vat import Vat

__all__ = ["Code"]

_LOG: Final = logging.getLogger("remit.ensemble.code")
Inside = Callable[[], AbstractContextManager[Any]]


class Code:
    """What a server can be told to load. Owned by the server, ends with it; `directory` outlives both.

    `vat`: whose living objects are brought over to newer classes. `now`: seconds since the epoch. `signers` gives the raw public keys by one of which a bundle has to
    be signed, where there are any. `inside`: in what modules are executed; `limit`: the seconds that one may take.
    """

    def __init__(
        self,
        directory: Path,
        vat: Vat,
        now: Callable[[], float],
        *,
        signers: Callable[[], Collection[bytes]] = tuple,
        inside: Inside = nullcontext,
        limit: float = LIMIT,
    ) -> None:
        self._shelf = Shelf(directory)
        self._vat = vat
        self._now = now
        self._signers = signers
        self._inside = inside
        self._limit = limit

    # --- what a sender asks for -------------------------------------------------------------------------

    def offer(self, manifest: Manifest, force: bool = False) -> list[bytes]:
        """The digests of what is missing here to load this bundle; they may be put next."""
        self._check(manifest)
        missing = [file for file in plan(manifest, force=force).files if not self._shelf.has(file)]
        self._shelf.expect(missing)
        return sorted({file.digest for file in missing})

    def put(self, pieces: list[Any]) -> None:
        """Files that were missing, or pieces of them: `[[digest, bytes, at], …]`, each file from its beginning on, in order."""
        said: object = pieces
        for piece in said if isinstance(said, list) else [said]:
            if not isinstance(piece, list) or [type(part) for part in piece] != [bytes, bytes, int]:
                raise BadArgument(
                    "what is put are lists of a digest, bytes, and the place in the file where they belong"
                )
            self._shelf.put(*piece)

    def load(self, manifest: Manifest, force: bool = False, library: bool = False, who: str = "") -> Loaded:
        """Execute a module: of the bundle that was offered, or (`library`) of the server's own path.

        What raises leaves the modules, the objects and the versions as they were; what the module did elsewhere before that, it did.
        """
        if library:
            return self._library(manifest.module, who, force=force)
        self._check(manifest)
        digest = digest_of(manifest).hex()
        known = FINDER.places.get(manifest.module)
        if known is not None and known.bundle == digest and manifest.module in sys.modules and not force:
            return Loaded(manifest.module, digest, True, [], [], [], {}, {})
        version = {"digest": digest, "who": who, "signer": designator_of(manifest.key), "when": self._now()}
        return self._execute(manifest, version, force=force)

    def versions(self, module: str = "") -> list[Version]:
        """What was loaded: of one module, or of all; oldest first."""
        shelf = self._shelf
        return [
            Version(
                name,
                each["digest"],
                each["who"],
                each["signer"],
                each["when"],
                each["digest"] == shelf.running(name),
                shelf.skipped(name),
            )
            for name in ([module] if module else shelf.modules)
            for each in shelf.versions(name)
        ]

    def rollback(self, module: str, digest: str = "", who: str = "") -> Loaded:
        """Go back to the version before the one that runs, or to the one whose digest begins so. Raises `Missing` where there is none."""
        target = self._version(module, digest)
        if not target["digest"]:
            return self._library(module, who, force=True)
        return self._execute(self._shelf.manifest(target["digest"]), {**target, "taken": None}, force=False)

    def forget(self, module: str) -> None:
        """Keep its versions no more: it runs on, and is not loaded again when the server starts."""
        self._shelf.forget(module)

    def restore(self) -> list[str]:
        """Load again what was loaded before the server was started; the modules that could not be, which the log explains."""
        tried = self._shelf.tried()
        if tried in self._shelf.modules:
            self._shelf.skip(tried, "the process ended while it was being loaded")
        failed = []
        for module in list(self._shelf.modules):
            why = self._shelf.skipped(module)
            if not why:
                self._shelf.trying(module)
                why = self._again(module)
            if why:
                failed.append(module)
                _LOG.error("%s is not loaded again: %s", module, why)
        self._shelf.trying(None)
        return failed

    # --- how --------------------------------------------------------------------------------------------

    def _check(self, manifest: Manifest) -> None:
        checked(manifest)
        signers = self._signers()
        if signers and manifest.key not in signers:
            raise Refused(
                f"the bundle of {manifest.module} is signed by {designator_of(manifest.key)}, whom this server does not take code from: "
                "its home's file `signers` names those whom it does"
            )

    def _again(self, module: str) -> str:
        digest = self._shelf.running(module)
        try:
            version = next(each for each in self._shelf.versions(module) if each["digest"] == digest)
            if digest:
                self._execute(self._shelf.manifest(digest), version, force=False)
            else:
                self._library(module, version["who"], force=False)
        except (RemitError, StopIteration) as error:
            return str(error)
        return ""

    def _version(self, module: str, digest: str) -> dict[str, Any]:
        versions = self._shelf.versions(module)
        shown = ", ".join(each["digest"][:SHORT] or "the server's own" for each in versions) or "none"
        at = next((at for at, each in enumerate(versions) if each["digest"] == self._shelf.running(module)), 0)
        found = (
            [each for each in versions if digest and each["digest"].startswith(digest)]
            if digest
            else versions[max(at - 1, 0) : at]
        )
        if len(found) != 1:
            what = f"whose digest begins with {digest[:64]}" if digest else "before the one that runs"
            raise Missing(f"there is no version of {module} {what}; there are: {shown}")
        return found[0]

    def _execute(self, manifest: Manifest, version: dict[str, Any], *, force: bool) -> Loaded:
        if not manifest.files:
            raise Missing(
                f"the bundle of {manifest.module} is empty: offer one that has the module in it, or load it as a library of the server's own path"
            )
        refuse_lacking(manifest)
        made = plan(manifest, force=force, only=version.get("taken"))
        sources = {file.path: self._shelf.read(file) for file in made.files}
        tree = self._shelf.tree(manifest, made.files)
        places = compiled(manifest, made, tree, sources)
        changed, left = self._swap(manifest.module, Swap(made.taken, places), {**version, "taken": made.taken}, tree)
        return Loaded(
            manifest.module, version["digest"], False, made.taken, made.differ, _stale(made), dict(changed), dict(left)
        )

    def _library(self, module: str, who: str, *, force: bool) -> Loaded:
        if module in sys.modules and not force:
            return Loaded(module, "", True, [], [], [], {}, {})
        version = {"digest": "", "who": who, "signer": "", "when": self._now()}
        before = FINDER.places
        FINDER.places = {
            name: place for name, place in before.items() if name != module
        }  # the server's own, not one that was brought
        try:
            changed, left = self._swap(module, Swap([module], {}), version, None)
        except BaseException:
            FINDER.places = before
            raise
        return Loaded(module, "", False, [module], [], [], dict(changed), dict(left))

    def _swap(
        self, module: str, swap: Swap, version: dict[str, Any], tree: Path | None
    ) -> tuple[Counter[str], Counter[str]]:
        counts: list[Counter[str]] = [Counter(), Counter()]

        def then() -> None:
            noted = self._shelf.modules
            self._shelf.note(module, version)
            try:
                counts[:] = brought_over(self._vat, swap.old, swap.new)
            except BaseException:
                self._shelf.put_back(noted)
                raise

        try:
            with self._inside():
                swap.execute(module, then, self._limit)
        except StoreError:
            raise
        except ModuleNotFoundError as error:
            if error.name == module or (error.name and module.startswith(f"{error.name}.")):
                raise unknown(module, sys.path, "on this server's path" if tree is None else "here") from None
            raise _failure(module, error, tree) from error
        except (Exception, SystemExit, Endless) as error:  # whatever a module raises, the server goes on
            raise _failure(module, error, tree) from error
        return counts[0], counts[1]


def _failure(module: str, error: BaseException, tree: Path | None) -> Broken:
    """Why a module could not be loaded, with the last line of the bundle that took part in it."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if tree is not None and frame.filename.startswith(f"{tree}/"):
            where = f" ({frame.filename.removeprefix(f'{tree}/')}, line {frame.lineno})"
    return Broken.of(
        "LoadFailed", f"{module} raised {type(error).__name__}: {error}{where}: the code that was there goes on"
    )


def _stale(made: Plan) -> list[str]:
    """Modules that were loaded with other bundles, and have imported what has been replaced."""
    taken = set(made.taken)
    return sorted(
        name
        for name, place in FINDER.places.items()
        if name not in taken and name in sys.modules and not taken.isdisjoint(place.imports)
    )
