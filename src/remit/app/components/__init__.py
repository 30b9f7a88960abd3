"""The kinds of components, a module each."""

from remit.app.components._api import ApiServer, endpoint
from remit.app.components._command import CliCommand, run_words
from remit.app.components._guest import Guest
from remit.app.components._job import Job
from remit.app.components._queue import Queue
from remit.app.components._queued import Failed, Size, Taken
from remit.app.components._store import Store
from remit.app.components._worker import Worker

__all__ = [
    "ApiServer",
    "CliCommand",
    "Failed",
    "Guest",
    "Job",
    "Queue",
    "Size",
    "Store",
    "Taken",
    "Worker",
    "endpoint",
    "run_words",
]
