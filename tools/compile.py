"""The build hook that makes extension modules of some of the modules, with mypyc: `REMIT_COMPILE=1 pip install .`

Without that variable it does nothing and asks for nothing, and the wheel is pure Python. The modules are those that
pyproject.toml lists under this hook; their source goes into the wheel as well, unchanged. docs/decisions/010-compiled-builds.md.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SWITCH = "REMIT_COMPILE"
NEEDS = ["mypy>=2.4", "setuptools>=65"]  # mypyc is a part of mypy; setuptools runs the C compiler

# Types are checked by `make check`. Here only those of the listed modules have to come out, whatever else is installed.
CONFIGURATION = """[mypy]
mypy_path = {root}/src
plugins = {root}/src/remit/mypy_plugin.py
follow_imports = silent
ignore_missing_imports = True
"""


class CompileHook(BuildHookInterface[BuilderConfig]):
    """Adds the extension modules to the wheel, and makes it one of this interpreter and platform."""

    def dependencies(self) -> list[str]:
        """What the build needs besides hatchling: nothing, unless it compiles."""
        return NEEDS if asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, where that is asked for. Raises `SystemExit` with the reason where it cannot be done."""
        if not asked():
            return
        if version == "editable":
            raise SystemExit(f"remit: an editable install is pure Python; leave out -e, or {SWITCH}")
        missing = trouble()
        if missing:
            raise SystemExit(f"remit: {SWITCH} is set, and {missing}; install it, or unset {SWITCH} for pure Python")
        os.chdir(self.root)
        build = Path("build") / f"compiled-{sysconfig.get_config_var('SOABI')}"
        for made in compiled(self.config["modules"], build):
            build_data["force_include"][str(made.resolve())] = str(made.relative_to(build / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def asked() -> bool:
    """Whether this build is to compile."""
    return os.environ.get(SWITCH, "0") not in ("", "0")


def trouble() -> str:
    """What is missing here for compiling C, or nothing."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return f"there are no C headers of Python here (python3.{sys.version_info.minor}-dev)"
    return ""


def compiled(modules: list[str], build: Path) -> list[Path]:
    """The extension modules, below `build / "lib"`. C that is as it was is not compiled again."""
    from mypyc.build import mypycify
    from setuptools import Distribution

    build.mkdir(parents=True, exist_ok=True)
    configuration = build / "mypy.ini"
    configuration.write_text(CONFIGURATION.format(root=Path.cwd()), encoding="utf-8")
    sources = [f"src/{name.replace('.', '/')}.py" for name in modules]
    # One library for all, so that they call each other directly; the modules themselves only refer to it.
    options = [f"--config-file={configuration}", f"--cache-dir={build / 'mypy'}"]
    extensions = mypycify([*options, *sources], target_dir=str(build), group_name="remit", debug_level="0")
    command: Any = Distribution({"name": "remit", "ext_modules": extensions}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(build / "lib"), str(build / "objects")
    command.ensure_finalized()
    command.run()
    return [Path(made) for made in command.get_outputs()]


if __name__ == "__main__":
    if missing := trouble():
        print(f"remit: {missing}: no compiled build here", file=sys.stderr)
        sys.exit(3)
