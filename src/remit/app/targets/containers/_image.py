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

from remit.app.targets._code import snapshot
from remit.machines import parcel

__all__ = ["BASE", "USER", "write_image"]

BASE: Final = f"python:{sys.version_info[0]}.{sys.version_info[1]}-slim"
"""What the image is built on, if nothing else is said: any image does that has the Python which the parcel's extension modules are for."""
USER: Final = 10001
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
    with TemporaryDirectory() as place:
        made = parcel(Path(place) / "parcels", extras=extras)
        digest, copy = snapshot(program, Path(place) / "code")
        _copied(made.path, context / "remit")
        _copied(copy.parent, context / "app")
    (context / "Dockerfile").write_text(DOCKERFILE.format(app=app, base=base, user=USER))
    (context / "data").mkdir(exist_ok=True)
    (context / "data" / ".keep").touch()
    return hashlib.sha256(f"{base}\n{made.digest}\n{digest}\n".encode()).hexdigest()[:16]


def _copied(source: Path, target: Path) -> None:
    """A copy that every user of a container can read, whatever mode it had here."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
