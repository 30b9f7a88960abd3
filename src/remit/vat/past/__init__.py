"""Time travel: the recent turns of a vat, and what its objects were. Imported by who wants it, and nothing of it costs who does not."""

from remit.vat.past._ring import Past, PastTurn
from remit.vat.past._state import changes_of, fields_at, told_turn

__all__ = ["Past", "PastTurn", "changes_of", "fields_at", "told_turn"]
