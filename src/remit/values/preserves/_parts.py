"""What compound values are compared by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["DICTIONARY", "EMBEDDED", "RECORD", "SEQUENCE", "SET", "Parts"]

# The rank of each kind in the total order, from Boolean, 0. (Preserves, *Total order*)
RECORD: Final = 6
SEQUENCE: Final = 7
SET: Final = 8
DICTIONARY: Final = 9
EMBEDDED: Final = 10


class Parts:
    """Base of the classes of this package: `_parts` gives the rank of the kind, and what is compared one by one."""

    __slots__ = ()

    def _parts(self) -> tuple[int, Sequence[Any]]:
        raise NotImplementedError(type(self).__qualname__)
