"""The main job, with real processes: machines that enrol themselves, and a service bound from one to another.

    make demo

A boss and two machines run as processes of their own in a temporary directory. Every step says what it does and checks that it
holds; the first that does not ends the demonstration with an error. Nothing is left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parent
PATIENCE = 60.0  # seconds for anything that is waited for; a busy machine is slow


class DemoError(Exception):
    """A step did not hold."""


def say(text: str) -> None:
    """One line of the story."""
    print(text, flush=True)


def check(holds: bool, what: str) -> None:
    """A claim of the story."""
    if not holds:
        raise DemoError(f"this does not hold: {what}")
    say(f"   checked: {what}")


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """Look until there is something, or fail at the deadline."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise DemoError(f"waited {PATIENCE:.0f} s for {what}")


class Stage:
    """The temporary place where everything happens, and the processes that were started there."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.machines = place / "boss" / "machines"
        self.boss: subprocess.Popen[str] | None = None
        self.program: subprocess.Popen[str] | None = None
        self.log = (place / "boss.log").open("a")
        self.environment = {**os.environ, "REMIT_CONFIG": str(place / "remit.toml"), "PYTHONUNBUFFERED": "1"}
        self.environment.pop("REMIT_BOSS", None)
        (place / "remit.toml").write_text(
            '[boss]\nstate = "boss"\nlisten = "127.0.0.1:0"\nstart = true\n\n[providers.process]\n'
        )

    # --- the command line ------------------------------------------------------------------------------

    def remit(self, *words: str) -> str:
        """Run one command as a person would; its standard output."""
        say(f"   $ remit {' '.join(words)}")
        return self.quietly(*words)

    def quietly(self, *words: str) -> str:
        """The same without showing it."""
        command = [sys.executable, "-m", "remit.cli", *words]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        if done.returncode:
            raise DemoError(f"'remit {' '.join(words)}' failed with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def status(self) -> Any:
        """`remit status --json`."""
        return json.loads(self.quietly("status", "--json"))

    # --- the boss ------------------------------------------------------------------------------------------

    def start_boss(self) -> None:
        """Start the boss's process, and wait until it answers."""
        say("   $ remit boss run &")
        command = [sys.executable, "-m", "remit.cli", "boss", "run"]
        self.boss = subprocess.Popen(command, env=self.environment, stdout=self.log, stderr=self.log, text=True)
        wait_for("the boss", self._boss_answers)

    def _boss_answers(self) -> bool:
        assert self.boss is not None
        if self.boss.poll() is not None:
            raise DemoError(
                f"the boss ended with {self.boss.returncode}: {(self.place / 'boss.log').read_text()[-2000:]}"
            )
        command = [sys.executable, "-m", "remit.cli", "--timeout", "5", "status", "--json"]
        return (
            subprocess.run(command, env=self.environment, capture_output=True, timeout=PATIENCE, check=False).returncode
            == 0
        )

    def stop_boss(self) -> None:
        """Tell the boss to stop, as a service manager would."""
        assert self.boss is not None
        self.boss.terminate()
        self.boss.wait(PATIENCE)

    # --- machines ----------------------------------------------------------------------------------------------

    def directory(self, name: str) -> Path:
        """A machine's own state directory."""
        found = [path for path in self.machines.iterdir() if path.name.startswith(name + "-")]
        if len(found) != 1:
            raise DemoError(f"{len(found)} directories of {name} instead of one")
        return found[0]

    def agent(self, name: str) -> int:
        """The process id of a machine's agent."""
        return int((self.directory(name) / "process").read_text().split()[0])

    # --- the program ---------------------------------------------------------------------------------------------

    def start_program(self) -> None:
        """Start the program on app-machine: all it is told is where its machine's state is."""
        environment = {**self.environment, "REMIT_HOB": str(self.directory("app-machine"))}
        command = [sys.executable, str(EXAMPLES / "demo_program.py")]
        self.program = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def tell_program(self, line: str) -> str:
        """One command for the program, and its answer."""
        assert self.program is not None and self.program.stdin is not None and self.program.stdout is not None
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        answer = self.program.stdout.readline().strip()
        if not answer:
            raise DemoError(f"the program ended at {line!r}: {(self.place / 'boss.log').read_text()[-2000:]}")
        say(f"   program: {line} -> {answer}")
        return answer

    # --- the end ---------------------------------------------------------------------------------------------------

    def pids(self) -> list[int]:
        """Every process of the demonstration that runs."""
        found = [p.pid for p in (self.boss, self.program) if p is not None and p.poll() is None]
        for path in self.machines.glob("*/process"):
            pid = int(path.read_text().split()[0])
            if runs(pid, path.parent):
                found.append(pid)
        return found

    def kill_all(self) -> None:
        """End everything at once, without a chance to tidy up."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        for process in (self.boss, self.program):
            if process is not None:
                process.wait(PATIENCE)
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        pipe.close()
        wait_for("the processes to end", lambda: not self.pids())


def runs(pid: int, directory: Path) -> bool:
    """Whether this process runs, and is the agent of this directory."""
    try:
        return str(directory).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@contextmanager
def stage() -> Iterator[Stage]:
    """A stage that leaves nothing behind."""
    place = Path(tempfile.mkdtemp(prefix="remit-demo-"))
    made = Stage(place)
    try:
        yield made
    finally:
        if made.machines.exists():
            made.kill_all()
        elif made.boss is not None and made.boss.poll() is None:
            made.boss.kill()
            made.boss.wait(PATIENCE)
        made.log.close()
        shutil.rmtree(place)


class Thief(threading.Thread):
    """Copies the introduction of app-machine before its machine has used it."""

    def __init__(self, place: Stage) -> None:
        super().__init__(daemon=True)
        self.stage = place
        self.loot: str | None = None

    def run(self) -> None:
        """Look until the user data is there."""
        deadline = time.monotonic() + PATIENCE
        while self.loot is None and time.monotonic() < deadline:
            for path in self.stage.machines.glob("app-machine-*/user-data"):
                try:
                    self.loot = json.loads(path.read_text())["introduction"]
                except (OSError, ValueError):
                    continue
            time.sleep(0.001)


def enrol(place: Stage) -> Thief:
    """Steps 1 and 2."""
    say("1. A boss starts: its own process, its state in SQLite.")
    place.start_boss()
    check((place.place / "boss" / "state.db").exists(), "the boss keeps its state in boss/state.db")
    say("2. Two machines are created: each a process with its own state directory and its own key.")
    thief = Thief(place)
    thief.start()
    for name in ("db-machine", "app-machine"):
        place.remit("machine", "create", name, "--option", "classes=customers", "--option", f"path={EXAMPLES}")
    machines = place.status()["machines"]
    check([m["state"] for m in machines] == ["active", "active"], "both have enrolled themselves")
    boss = place.boss.pid if place.boss is not None else 0
    check(
        all(talks_to(place.agent(m["name"]), boss) for m in machines),
        "over tls: each has a TCP connection with the boss",
    )
    keys = {m["introduction"]["key"] for m in machines}
    check(len(keys) == 2, f"with keys of their own: {', '.join(sorted(key[:8] + '…' for key in keys))}")
    gone = not any((place.directory(m["name"]) / "user-data").exists() for m in machines)
    check(gone, "the introductions are deleted after use")
    return thief


def serve(place: Stage) -> None:
    """Steps 3 and 4."""
    say("3. A customer table on db-machine is offered as db, and bound on app-machine twice: in full, and read-only.")
    place.remit("offer", "db-machine.db", "--kind", "examples.customer-table", "--interface", "customers")
    place.remit("bind", "app-machine.db", "db-machine.db")
    place.remit("bind", "app-machine.db-view", "db-machine.db", "--read-only")
    say("4. A program on app-machine, which knows no address and no password, asks its hob for db.")
    place.start_program()
    check(place.tell_program("start").startswith("ok"), "it was given both bindings")
    check(place.tell_program("write ada ada@example.org").startswith("ok"), "it can write a customer")
    check("ada@example.org" in place.tell_program("read ada"), "and read it back")
    check("ada" in place.tell_program("look"), "it can read through the read-only binding")
    check(place.tell_program("overreach").startswith("NotAllowed"), "a write through the read-only binding is refused")


def survive(place: Stage) -> None:
    """Steps 5 and 6."""
    say("5. The boss is stopped. The program works on: its traffic runs from machine to machine.")
    place.stop_boss()
    check("ada@example.org" in place.tell_program("read ada"), "the program reads without the boss")
    check(place.tell_program("write bob bob@example.org").startswith("ok"), "and writes")
    assert place.program is not None
    check(talks_to(place.program.pid, place.agent("db-machine")), "over a TCP connection of its own with db-machine")
    say("6. Everything is ended with SIGKILL, and the boss is started again; it has its machines started.")
    ports = {name: listening(place.agent(name)) for name in ("db-machine", "app-machine")}
    place.kill_all()
    place.start_boss()
    for name in ports:
        wait_for(f"{name} to be running", lambda name=name: runs(place.agent(name), place.directory(name)))
    wait_for("the machines to say hello", lambda: all(fresh(m) for m in place.status()["machines"]))
    status = place.status()
    check([m["state"] for m in status["machines"]] == ["active", "active"], "both machines are there")
    check([e["state"] for e in status["edges"]] == ["active", "active"], "so are both bindings and their grants")
    stays = not any((place.directory(m["name"]) / "user-data").exists() for m in status["machines"])
    check(stays, "without a new introduction")
    changed = all(not listening(place.agent(name)) & old for name, old in ports.items())
    check(changed, "though all ports have changed")
    place.start_program()
    check(place.tell_program("start").startswith("ok"), "a new program gets its bindings")
    check("ada@example.org" in place.tell_program("read ada"), "and the customer is there")


def fresh(machine: dict[str, Any]) -> bool:
    """Whether a machine has said hello in the last minute."""
    return machine["seen"] is not None and time.time() - machine["seen"] < PATIENCE


def tcp(pid: int, state: str) -> list[tuple[str, str]]:
    """Local and remote port of each of a process's TCP sockets in this state."""
    inodes = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
        except OSError:
            continue
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [(row[1].split(":")[1], row[2].split(":")[1]) for row in rows if row[3] == state and row[9] in inodes]


def listening(pid: int) -> set[str]:
    """The TCP ports on which a process listens."""
    return {local for local, _ in tcp(pid, "0A")}


def talks_to(pid: int, other: int) -> bool:
    """Whether a process has a TCP connection with another one, whichever of them dialled."""
    return any(remote in listening(to) for one, to in ((pid, other), (other, pid)) for _, remote in tcp(one, "01"))


def refuse(place: Stage, thief: Thief) -> None:
    """Steps 7 and 8."""
    say("7. Somebody who has copied the introduction of app-machine presents it with another key.")
    thief.join(PATIENCE)
    check(thief.loot is not None, "a copy of the introduction was taken before it was used")
    stolen = place.place / "stolen"
    stolen.write_text(str(thief.loot))
    stolen.chmod(0o600)
    admin = place.place / "boss" / "admin.ref"  # for the address in it only
    command = [sys.executable, str(EXAMPLES / "demo_thief.py"), str(stolen), str(admin)]
    answer = subprocess.run(
        command, env=place.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    ).stdout
    say(f"   thief: {answer.strip()}")
    check(answer.startswith("Refused"), "it is refused")
    alarms = place.status()["alarms"]
    check(len(alarms) == 1 and alarms[0]["machine"] == "app-machine", "remit status shows an alarm for app-machine")
    for line in place.remit("status").splitlines():
        say(f"   | {line}")
    check("ada@example.org" in place.tell_program("read ada"), "the machine goes on working")
    say("8. The full binding is revoked, while the program holds it.")
    place.remit("revoke", "app-machine.db")
    check(place.tell_program("write eve eve@example.org").startswith("Revoked"), "the next call on the binding breaks")
    check(place.tell_program("held").startswith("Revoked"), "so does one on the customer that was got through it")
    check("ada" in place.tell_program("look"), "the read-only binding goes on working")


def main() -> int:
    """Tell the whole story."""
    started = time.monotonic()
    try:
        with stage() as place:
            thief = enrol(place)
            serve(place)
            survive(place)
            refuse(place, thief)
    except (DemoError, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    say(f"All of it holds ({time.monotonic() - started:.0f} s). Nothing is left behind.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
