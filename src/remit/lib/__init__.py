"""Ready-made objects on top of the vat."""

from remit.lib._swiss import SwissEntry, SwissNumbers

__all__ = ["SwissEntry", "SwissNumbers"]
