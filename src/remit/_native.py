"""What compiled modules say to mypyc about a class; to Python it means nothing, and nothing has to be installed for it.

@mypyc_attr(allow_interpreted_subclasses=True)   others derive from it
@mypyc_attr(native_class=False)                  stays a class of Python's, in a compiled module
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:
    T = TypeVar("T")

    def mypyc_attr(*flags: str, **options: object) -> Callable[[T], T]:
        """A decorator that leaves the class as it is."""
        return lambda cls: cls
