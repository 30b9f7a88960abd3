"""A bundle: a module and what it imports, as files with their digests, made without executing any of it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from remit.ensemble.code._manifest import Manifest, checked, digest_of, signed
from remit.ensemble.code._walk import Walk
from remit.net import NodeKey

__all__ = ["PRESENT", "Bundle"]

PRESENT: Final = ("remit", "cryptography", "cffi", "msgspec", "click")
"""Packages that each server has: Remit, and what it depends on."""


class Bundle:
    """A module and those of its dependencies that a server may lack. A value: it owns nothing and never ends.

    `manifest` says what is in it; `contents` has the bytes, by their SHA-256. The same files give the same bundle, to the byte, wherever they are.
    """

    __slots__ = ("contents", "manifest")

    def __init__(self, manifest: Manifest, contents: Mapping[bytes, bytes]) -> None:
        self.manifest = manifest
        self.contents = contents

    @classmethod
    def of(
        cls,
        module: str,
        *,
        present: Collection[str] = (),
        path: Sequence[str] | None = None,
        alone: bool = False,
        thorough: bool = False,
    ) -> Bundle:
        """The bundle of a module that is found on `path` (None: where Python looks for it here).

        `present`: packages that the server has, besides the standard library and `PRESENT`: neither they nor what they import come along. `alone`: only the
        module itself, with the data of its package if it is one. `thorough`: look for errors in all sources, and not in the module's alone, as whoever loads it will.

        Raises `Missing` (with the nearest name) where it is not found, `BadArgument` where a source cannot be read as Python or a link leads out of its tree,
        and `LimitExceeded` where it is too large.
        """
        importlib.invalidate_caches()  # what was written a moment ago is to be found
        walk = Walk(list(sys.path if path is None else path), {*PRESENT, *present}, thorough=thorough)
        walk.begin(module, alone=alone)
        return cls(*walk.result(module))

    @property
    def digest(self) -> bytes:
        """SHA-256 of what is in it."""
        return digest_of(self.manifest)

    def signed(self, key: NodeKey) -> Bundle:
        """The same, signed with a node's or the administrators' key."""
        return self.signed_by(key.public, key.sign)

    def signed_by(self, public: bytes, sign: Callable[[bytes], bytes]) -> Bundle:
        """The same, signed with a key of which only this function is at hand."""
        return Bundle(checked(signed(self.manifest, public, sign)), self.contents)

    def __repr__(self) -> str:
        return f"<bundle of {self.manifest.module}: {len(self.manifest.files)} files>"
