"""A boss as a process, its machines, and the commands that a person gives them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from remit.machines._process_table import Process
from tests.cli.kit import PATIENCE, Done, command, environment, process
from tests.house.source import TOP

CONFIG = f"""
[boss]
state = "state"

[providers.process.agent]
classes = ["customers"]
path = ["{TOP / "examples"}"]
"""


class Stage:
    """A home with a remit.toml; `tidy` ends, by their pids, whatever was started there."""

    def __init__(self, home: Path, config: str = CONFIG) -> None:
        self.home = home
        self.state = home / "state"
        self.boss: subprocess.Popen[str] | None = None
        (home / "remit.toml").write_text(config)

    def start_boss(self, *words: str, program: list[str] | None = None) -> None:
        """Start it, and wait until it answers. `program`: another `remit` than this checkout's."""
        with (self.home / "boss.log").open("a") as log:
            self.boss = subprocess.Popen(
                [*program, "boss", "run", *words] if program else command("boss", "run", *words),
                env=environment(self.home),
                cwd=self.home,
                stdout=log,
                stderr=log,
                text=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        done = self.remit("boss", "wait")
        assert done.code == 0, done.err + self.log()

    def stop_boss(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        assert self.boss is not None
        self.boss.send_signal(number)
        return self.boss.wait(PATIENCE)

    def log(self) -> str:
        """What bosses have said."""
        return (self.home / "boss.log").read_text()

    def remit(self, *words: str, **more: str) -> Done:
        """A command as a process of its own."""
        return process(self.home, *words, **more)

    def read(self, *words: str) -> Any:
        """What a command prints with `--json`."""
        done = self.remit(*words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    def directory(self, name: str) -> Path:
        """A machine's state directory."""
        (found,) = (self.state / "machines").glob(f"{name}-*")
        return found

    def agent(self, name: str) -> Process:
        """A machine's process."""
        found = Process.parse((self.directory(name) / "process").read_text())
        assert found is not None
        return found

    def kill_agent(self, name: str) -> None:
        """Without a chance to say anything."""
        agent = self.agent(name)
        agent.send(signal.SIGKILL)
        assert agent.wait(PATIENCE)

    def tidy(self) -> None:
        """End every process."""
        if self.boss is not None and self.boss.poll() is None:
            self.boss.kill()
            self.boss.wait(PATIENCE)
        for file in (self.state / "machines").glob("*/process"):
            agent = Process.parse(file.read_text())
            if agent is not None and agent.pid != os.getpid():
                agent.send(signal.SIGKILL)
                agent.wait(PATIENCE)


def until(look: Callable[[], Any]) -> Any:
    """Look until there is something; fail at the deadline."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come about in time")
