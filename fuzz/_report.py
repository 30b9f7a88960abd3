"""What was found, as a test that can be pasted."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

__all__ = ["FOLDER", "save"]

FOLDER: Final = Path(__file__).parents[1] / ".fuzz"

TEST: Final = '''"""Paste this into tests/fuzz/test_found.py. It failed with:

{error}
"""

from tests.fuzz.test_found import replay


def test_{name}() -> None:
    """SAY WHICH RULE THIS INPUT BROKE."""
    replay({target!r}, bytes.fromhex("{data}"))
'''


def save(target: str, data: bytes, error: BaseException) -> Path:
    """Write the finding down; the file."""
    digest = sha256(data).hexdigest()[:10]
    path = FOLDER / "found" / f"{target}-{digest}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    words = f"    {type(error).__name__}: {error}"[:2000].replace('"""', "'''").encode("unicode_escape").decode()
    name = re.sub(r"\W", "_", f"{target}_{digest}")
    path.write_text(TEST.format(error=words, name=name, target=target, data=data.hex()), encoding="utf-8")
    return path
