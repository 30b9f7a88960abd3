"""The target `processes`: each component is a process of its own on this machine, supervised by `remit.services`; edges are sturdyrefs over unix sockets.

`_layout.py` says where everything is, `_world.py` writes what is deployed, `_supervisor.py` is the process that supervises, `_target.py` what commands use.
"""

from remit.app.targets.processes._supervisor import supervise
from remit.app.targets.processes._target import ProcessesTarget

__all__ = ["ProcessesTarget", "supervise"]
