"""Where applications run: a table of targets, a module or package each, loaded when they are used."""

from remit.app.targets._in_process import InProcess
from remit.app.targets._table import TARGETS, find_target
from remit.app.targets._target import LogLine, Place, Problem, Row, Target, TargetWorld, held_commands, unsupported

__all__ = [
    "TARGETS",
    "InProcess",
    "LogLine",
    "Place",
    "Problem",
    "Row",
    "Target",
    "TargetWorld",
    "find_target",
    "held_commands",
    "unsupported",
]
