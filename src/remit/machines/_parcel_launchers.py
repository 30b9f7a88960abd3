"""The programs of a parcel: small shell scripts that find the Python which can run it."""

from __future__ import annotations

from typing import Final

__all__ = ["launchers", "needs"]

_MODULES: Final = {"remit-agent": "remit.machines", "remit": "remit.cli"}
_PYTHON: Final = """\
#!/bin/sh
# Run Python with this parcel's modules: the first one here that can. REMIT_PYTHON=/path/to/python3 names another.
here=$(cd -P -- "$(dirname -- "$0")/.." && pwd -P) || exit 1
fits='import sys, sysconfig, ssl, sqlite3
sys.exit(sys.version_info < (3, 11) or "@SUFFIX@" not in ("", sysconfig.get_config_var("EXT_SUFFIX")))'
python=
for each in "$REMIT_PYTHON" @NAMES@; do
    if [ -n "$each" ] && "$each" -I -S -c "$fits" >/dev/null 2>&1; then python=$each; fi
    [ -z "$python$REMIT_PYTHON" ] || break
done
if [ -n "$python" ]; then
    PYTHONPATH=$here/lib REMIT_PARCEL=$here
    export PYTHONPATH REMIT_PARCEL
    unset PYTHONHOME
    exec "$python" -P "$@"
fi
echo "remit: no Python here can run this parcel: it needs @NEEDS@, with the modules ssl and sqlite3." >&2
echo "remit: looked for: ${REMIT_PYTHON:-@NAMES@}; install it, or name another one: REMIT_PYTHON=/path/to/python3" >&2
exit 127
"""
_SUPERVISE: Final = """\
#!/bin/sh
# Keep a machine's agent running, where no service manager does: remit-supervise DIRECTORY. SIGTERM ends both; SIGHUP begins anew, out of DIRECTORY/current.
state=$1 child= over= again= pause=1
trap 'over=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM INT
trap 'again=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' HUP
while :; do
    begun=$(date +%s)
    "$state/current/bin/remit-agent" --state "$state" &
    child=$!
    [ -z "$over$again" ] || kill -TERM "$child" 2>/dev/null
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    child=
    [ -z "$over" ] || exit 0
    [ -z "$again" ] || exec "$state/current/bin/remit-supervise" "$state"
    if [ $(($(date +%s) - begun)) -ge 60 ]; then pause=1; elif [ "$pause" -lt 30 ]; then pause=$((pause * 2)); fi
    echo "the agent has ended; it is started again in $pause s" >&2
    sleep "$pause" &
    child=$!
    wait "$child"
    child=
    [ -z "$over" ] || exit 0
done
"""
_MODULE: Final = """\
#!/bin/sh
exec "$(dirname -- "$0")/remit-python" -m @MODULE@ "$@"
"""


def launchers(suffix: str) -> dict[str, str]:
    """Their texts by name. `suffix`: that of the parcel's extension modules, such as `.cpython-311-x86_64-linux-gnu.so`; "" where any Python will do."""
    version = _version(suffix)
    names = [f"python{version}"] if version else []
    names += [
        "python3",
        *(f"{place}/{name}" for place in ("/usr/local/bin", "/usr/bin") for name in [*names, "python3"]),
    ]
    text = _PYTHON.replace("@SUFFIX@", suffix).replace("@NAMES@", " ".join(names)).replace("@NEEDS@", needs(suffix))
    made = {"remit-python": text, "remit-supervise": _SUPERVISE}
    return made | {name: _MODULE.replace("@MODULE@", each) for name, each in _MODULES.items()}


def needs(suffix: str) -> str:
    """Which Python that is, in words."""
    version = _version(suffix)
    return f"Python {version} ({suffix.strip('.').removesuffix('.so')})" if version else "Python 3.11 or newer"


def _version(suffix: str) -> str:
    """`3.11` of `.cpython-311-…`, as CPython names its own; "" of anything else."""
    digits = suffix.removeprefix(".cpython-").partition("-")[0]
    return f"{digits[0]}.{digits[1:]}" if suffix.startswith(".cpython-") and digits.isdigit() else ""
