"""Services: processes and objects that start in the right order, stop when what they need is gone, and say why they are not up.

Start with `_warden.py` (processes), `_model.py` (what depends on what) and `_manager.py` (who acts on it).
"""

from remit.services._process_config import ProcessConfig, process_config
from remit.services._processes import Processes

__all__ = ["ProcessConfig", "Processes", "process_config"]
