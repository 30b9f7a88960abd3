"""systemd, as what keeps an agent running on a host: of the system, or of one user."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from remit.errors import ProviderError

__all__ = ["Manager", "unit_text"]

_PATIENCE: Final = 60.0  # seconds for one order; a stop waits for the agent's services
_UNIT: Final = """\
[Unit]
Description=Remit agent of machine {name}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart="{state}/current/bin/remit-agent" --state "{state}"
{python}WorkingDirectory={state}
StandardOutput=append:{state}/agent.log
StandardError=inherit
UMask=0077
Restart=always
RestartSec=3
# The agent ends its services by itself, or leaves them to the next one.
KillMode=process
TimeoutStopSec=30

[Install]
WantedBy={target}
"""


def unit_text(name: str, state: Path, python: str, target: str) -> str:
    """The unit of an agent. The specifiers of systemd.unit(5) are escaped in what is ours."""
    where = str(state).replace("%", "%%")
    environment = f'Environment="REMIT_PYTHON={python.replace("%", "%%")}"\n' if python else ""
    return _UNIT.format(name=name, state=where, python=environment, target=target)


class Manager:
    """One service manager. `scope` is "system" or "user"."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    @classmethod
    def find(cls) -> Manager | None:
        """The one that keeps our agents running here, if there is one: a user's only where it goes on without a login."""
        if not os.path.isdir("/run/systemd/system") or shutil.which("systemctl") is None:  # sd_booted(3)
            return None
        if os.geteuid() == 0:
            return cls("system")
        made = cls("user")
        return made if made._lingers() and made._ask("show-environment").returncode == 0 else None

    @property
    def target(self) -> str:
        """What the unit is started with."""
        return "multi-user.target" if self.scope == "system" else "default.target"

    @property
    def directory(self) -> Path:
        """Where its units are, as far as they are the administrator's or user's own (systemd.unit(5), "Unit File Load Path")."""
        if self.scope == "system":
            return Path("/etc/systemd/system")
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        return Path(config) / "systemd" / "user"

    def start(self, unit: str, text: str) -> None:
        """Have this unit there, enabled and started; one that runs as it should is left alone."""
        path = self.directory / unit
        try:
            if not path.exists() or path.read_text() != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{unit}.new")
                draft.write_text(text)
                draft.replace(path)
                self._order("daemon-reload")
        except OSError as error:
            raise ProviderError(f"the unit {path} cannot be written: {error.strerror}") from None
        self._order("enable", "--quiet", unit)
        self._order("start", unit)

    def restart(self, unit: str) -> None:
        """End the agent and start it again."""
        self._order("restart", unit)

    def stop(self, unit: str) -> None:
        """End it and remove it; one that is not there is no error."""
        path = self.directory / unit
        if not path.exists():
            return
        self._order("stop", unit)
        self._ask("disable", "--quiet", unit)
        path.unlink(missing_ok=True)
        self._order("daemon-reload")
        self._ask("reset-failed", unit)

    def main_pid(self, unit: str) -> int:
        """The agent's process, 0 while there is none."""
        said = self._ask("show", "--property=MainPID", "--value", unit).stdout.strip()
        return int(said) if said.isdigit() else 0

    def _lingers(self) -> bool:
        if shutil.which("loginctl") is None:
            return False
        words = ["loginctl", "show-user", str(os.geteuid()), "--property=Linger", "--value"]
        return _run(words).stdout.strip() == "yes"

    def _order(self, *words: str) -> None:
        done = self._ask(*words)
        if done.returncode != 0:
            why = (done.stderr or done.stdout).strip().splitlines()
            raise ProviderError(f"systemctl {' '.join(words)} failed: {why[-1][:200] if why else done.returncode}")

    def _ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = dict(os.environ)
        if self.scope == "user":
            env.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
        return _run(["systemctl", *(["--user"] if self.scope == "user" else []), *words], env)


def _run(words: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, env=env, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProviderError(f"{words[0]} did not answer: {type(error).__name__}") from None
