"""What the image of an application is made of: a base with Python, Remit as a parcel, and the program. One image for all components; which one a container is, its secrets say.

DIRECTORY/image/
    Dockerfile
    remit/          a parcel: Remit and what it needs
    app/            the program
    data/           empty: the owner of what volumes begin with
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from remit.machines import parcel

__all__ = ["BASE", "USER", "write_image"]

BASE: Final = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
"""What the image is built on, if nothing else is said: any image does that has the Python which the parcel's extension modules are for."""
USER: Final = 10001
_IGNORED: Final = (
    "__pycache__",
    ".git",
    ".venv",
    "build",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    "node_modules",
    "*.pyc",
    ".remit*",
)

DOCKERFILE: Final = """\
# Made by remit build. One image for all components of {app}.
FROM {base}
COPY remit /opt/remit
COPY app /opt/app
COPY --chown={user}:{user} data /data
ENV PYTHONUNBUFFERED=1
USER {user}:{user}
ENTRYPOINT ["/opt/remit/bin/remit-python", "-P", "-m", "remit.app", "contained"]
"""


def write_image(app: str, program: Path, directory: Path, base: str, extras: list[str]) -> str:
    """Write the build context; a tag that names its content."""
    context = directory / "image"
    context.mkdir(exist_ok=True)
    with TemporaryDirectory() as store:
        made = parcel(store, extras=extras)
        _copied(made.path, context / "remit")
    (context / "Dockerfile").write_text(DOCKERFILE.format(app=app, base=base, user=USER))
    _copied(program.parent, context / "app", ignored=_ignored(program.parent))
    (context / "data").mkdir(exist_ok=True)
    (context / "data" / ".keep").touch()
    total = hashlib.sha256(f"{base}\n{made.digest}\n".encode())
    for path in sorted((context / "app").rglob("*")):
        if path.is_file():
            total.update(f"{path.relative_to(context)}\n".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def _copied(source: Path, target: Path, ignored: tuple[str, ...] = ("__pycache__",)) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*ignored), symlinks=False)


def _ignored(directory: Path) -> tuple[str, ...]:
    """What never belongs into an image, and what `.dockerignore` beside the program names: a pattern of names in each line."""
    try:
        lines = (directory / ".dockerignore").read_text().splitlines()
    except FileNotFoundError:
        lines = []
    return (
        *_IGNORED,
        *(line.strip().rstrip("/") for line in lines if line.strip() and not line.startswith(("#", "!"))),
    )
