"""Supervision: servers and groups of workers by role, uploads with versions, programs that are run; on top of `remit.services`.

Start with `_supervisor.py`; `_settings.py` and `_effective.py` say what a server is like, `_command.py` which process that is. `_part.py` is what operators hold.
"""

from remit.ensemble.supervisor._desk import Desk
from remit.ensemble.supervisor._effective import effective
from remit.ensemble.supervisor._follow import Follower, tail
from remit.ensemble.supervisor._open import supervision
from remit.ensemble.supervisor._part import Exec, Following
from remit.ensemble.supervisor._sending import archive_of, upload
from remit.ensemble.supervisor._serving import SUPERVISOR, run_supervisor, supervising
from remit.ensemble.supervisor._settings import SECTIONS, SETTINGS, check_tables
from remit.ensemble.supervisor._supervisor import Supervisor
from remit.ensemble.supervisor._tables import Tables, ours
from remit.ensemble.supervisor._uploads import LARGEST, PIECE, Uploads
from remit.ensemble.supervisor._versions import Versions

__all__ = [
    "LARGEST",
    "PIECE",
    "SECTIONS",
    "SETTINGS",
    "SUPERVISOR",
    "Desk",
    "Exec",
    "Follower",
    "Following",
    "Supervisor",
    "Tables",
    "Uploads",
    "Versions",
    "archive_of",
    "check_tables",
    "effective",
    "ours",
    "run_supervisor",
    "supervising",
    "supervision",
    "tail",
    "upload",
]
