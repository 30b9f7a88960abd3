"""Fuzzing: whatever bytes come, nothing but declared errors, and no memory without bound.

`make fuzz N=100000 SEED=1` runs it; docs/security.md says what was run. A *target* (`_target.py`) is a function of a *tape*
(`_tape.py`), which turns an input's bytes into choices. Two engines bring inputs: `_structured.py` (hypothesis, which shrinks
what it finds) and `_coverage.py` (atheris, which follows the branches that an input reaches). `_targets.py` lists all targets.
"""
