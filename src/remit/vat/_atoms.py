"""Values that pass as they are, known by their class or by one comparison."""

from __future__ import annotations

from typing import Final

# Always passable as they are. (An int may be too long and a str may hold surrogates, so those two are checked.)
ATOMS: Final = frozenset({type(None), bool, float, bytes})
SMALL: Final = (1 << 30) - 1  # an int nearer to zero is passable, too; of one digit of Python's, it is compared fastest
LEAST: Final = -SMALL
