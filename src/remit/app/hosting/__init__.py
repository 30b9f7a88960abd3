"""Personas in processes of their own, wherever: a directory for each says who it is, what it holds, and who holds it.

`_manifest.py` has the directory, as whoever deploys writes it; `_process.py` is the process. Targets write directories and have processes started.
"""

from remit.app.hosting._command import run_command
from remit.app.hosting._contained import HOME, PERSONA, SECRETS, run_contained
from remit.app.hosting._manifest import Directory, Manifest, read_manifest
from remit.app.hosting._process import run_persona

__all__ = [
    "HOME",
    "PERSONA",
    "SECRETS",
    "Directory",
    "Manifest",
    "read_manifest",
    "run_command",
    "run_contained",
    "run_persona",
]
