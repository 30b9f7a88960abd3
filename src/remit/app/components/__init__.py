"""The kinds of components, a module each."""

from remit.app.components._api import ApiServer, endpoint
from remit.app.components._store import Store
from remit.app.components._worker import Worker

__all__ = ["ApiServer", "Store", "Worker", "endpoint"]
