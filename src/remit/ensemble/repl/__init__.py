"""Evaluating code in a running server: the part `eval`, its sessions, and what they run on. Start with `_session.py`, then `_lane.py`."""

from remit.ensemble.repl._desk import Desk
from remit.ensemble.repl._part import Eval, ReplSession, make_eval
from remit.ensemble.repl._records import Attached, Evaluated

__all__ = ["Attached", "Desk", "Eval", "Evaluated", "ReplSession", "make_eval"]
