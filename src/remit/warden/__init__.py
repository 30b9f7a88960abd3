"""The warden: the parent of all processes of a machine's services, and the reader of their logs. `python -m remit.warden`.

A package of its own because it is a process of its own, and a small one: it imports nothing else of Remit but what `import remit` loads, so that
each machine pays little for it and each fork copies little. Start with `_warden.py`; `remit.services` starts it and speaks with it.
"""

from __future__ import annotations

from remit.warden._rotate import Log
from remit.warden._spawn import LIMITS

__all__ = ["LIMITS", "Log"]
