"""Reading a program: its file is run, watched, and gives the application that it makes."""

from __future__ import annotations

import linecache
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from remit.app._app import App, collected
from remit.app._epoch import STARTUP, in_epoch
from remit.app._watching import watched
from remit.errors import BadArgument, Missing, RemitError

__all__ = ["load_program"]


def load_program(path: str | Path) -> App:
    """The application of a program's file. Its directory is where it imports from.

    Raises `Missing` where there is no such file, `BadArgument` where the file makes no application, or several, and `Misuse` where its start-up does what may differ (`_watching.py`).
    What else it raises is told with file and line.
    """
    path = Path(path).absolute()
    if not path.is_file():
        raise Missing(f"there is no program {path}")
    name = (
        path.stem if path.stem.isidentifier() and path.stem not in sys.modules else f"remit_program_{len(sys.modules)}"
    )
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadArgument(f"{path} is no Python program: its name ends in .py")
    module = module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    sys.modules[name] = module
    try:
        with collected() as made, in_epoch(STARTUP), watched(str(path.parent)):
            spec.loader.exec_module(module)
    except Exception as error:
        sys.modules.pop(name, None)
        raise _placed(error, path) from error
    if not made:
        raise BadArgument(f"{path} makes no application: write app = App('name'), and components with ids of it")
    if len(made) > 1:
        raise BadArgument(
            f"{path} makes {len(made)} applications ({', '.join(app.name for app in made)}): a program makes one"
        )
    made[0].path = path
    return made[0]


def _placed(error: Exception, path: Path) -> Exception:
    """The error with the program's line that it came from."""
    if isinstance(error, SyntaxError):
        return BadArgument(f"{error.filename}:{error.lineno}: {error.msg}")
    trace, place = error.__traceback__, ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.startswith(str(path.parent)):
            place = f"{name}:{trace.tb_lineno}: {linecache.getline(name, trace.tb_lineno).strip()}"
        trace = trace.tb_next
    if isinstance(error, RemitError):
        if place and "start-up, at" not in str(error):
            error.add_note(f"at {place}")
        return error
    return BadArgument(f"the start-up of {path} failed at {place or path}: {type(error).__name__}: {error}")
