"""Text of a stranger's, as people may see it on a terminal or in a log."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["printable"]

MOST: Final = 4000
"""Characters that are shown of one text; whoever sent more wanted to fill a screen or a log."""

# Control characters, escapes with which a terminal can be told to do things (ECMA-48), and the marks that turn round the
# direction in which text is shown (Unicode Standard Annex 9), or break lines where nobody expects it.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_WHITE: Final = re.compile("[\t\n]")


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with everything that is no plain character spelled out, as `\x1b`; tabs and line ends are kept with `lines`."""
    if len(text) > MOST:
        text = f"{text[:MOST]}… ({len(text)} characters in all)"
    if text.isascii() and text.isprintable():
        return text
    text = _UNFIT.sub(_spelled, text)
    return text if lines else _WHITE.sub(_spelled, text)


def _spelled(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]
