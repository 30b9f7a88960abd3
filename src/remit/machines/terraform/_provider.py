"""The `terraform` provider: it writes down a machine for those who provision with Terraform or OpenTofu, and takes it into use when it enrols.

    ROOT/<machine id>/              0700; label.json: see `_room.py`
        main.tf.json                the machine, a root module of its own (`_files.py`)
        remit.auto.tfvars.json      0600: the sensitive variable with the user data; emptied when the machine has enrolled
        terraform.tfstate, …        Terraform's own
        applied                     there once our own run of it has come through
        terraform.log               0600: what our own runs of it have said
    ROOT/.gone/<machine id>/        of a machine whose state is kept elsewhere, so that what is left of it can be destroyed

Terraform is run only where the table says `apply = true`. Its state, and the plans that it is told to save, hold the user data in clear, sensitive or not.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import Missing, ProviderError, StoreError
from remit.machines._far import far_document
from remit.machines._provider import Observed
from remit.machines._room import MachineRoom
from remit.machines.terraform._files import VARIABLE, chosen_of, main_file, template_of

__all__ = ["TerraformProvider"]

MAIN: Final = "main.tf.json"
VARIABLES: Final = "remit.auto.tfvars.json"
APPLIED: Final = "applied"
LOG: Final = "terraform.log"
EMPTY: Final = "#cloud-config\n{}\n"
LIMIT: Final = 16 << 10  # bytes of user data
_WAIT: Final = "-lock-timeout=120s"  # for a run that an earlier process of the boss has begun


class TerraformProvider:
    """Writes machines down under `root` (made 0700 if missing). Owned by the boss's process; what it has started goes on without it.

    `owner` labels the machines: the boss's designator. `table` is what remit.toml says (`_files.py`).
    """

    def __init__(self, root: str | os.PathLike[str], owner: str, table: Mapping[str, Any]) -> None:
        self._room = MachineRoom(root, owner)
        self._owner = owner
        self.template, self.defaults = template_of(table)
        self._asked: set[str] = set()  # ids of machines that the boss had no word of when it asked for them last

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. Without `apply` it is "made" until somebody applies it, and comes when it enrols."""
        self._asked.add(id)
        chosen = chosen_of(options, self.defaults)
        async with self._room.lock(id):
            document = await asyncio.to_thread(far_document, user_data, chosen.far, what=f"machine {name}", limit=LIMIT)
            try:
                directory = self._room.prepare(id, name)
                if not _is_applied(directory):
                    main = main_file(id, name, self._owner, self.template, chosen.values)
                    write_secret_file(directory / MAIN, json.dumps(main, indent=2).encode() + b"\n", replace=True)
                    _tell(directory, document.decode())
            except (StoreError, OSError) as error:
                raise ProviderError(f"machine {name}: it could not be written down: {error}") from None
            await self._applied(directory)

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`. Terraform starts nothing that it has made; the introduction of a machine that has enrolled is taken out of its variables."""
        async with self._room.lock(id):
            directory = self._room.find(id)
            if not (directory / VARIABLES).exists():
                raise ProviderError(f"machine {id} is half made: create it again")
            await self._applied(directory)
            if id in self._asked:  # the boss had asked for it just before: it is pending
                self._asked.discard(id)
            else:
                _tell(directory, EMPTY)

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`. Without `apply` it is refused while Terraform's state has the machine."""
        async with self._room.lock(id):
            self._asked.discard(id)
            directory = self._room.path(id)
            if not directory.exists():
                return
            self._room.check_owner(directory)
            if self.template.apply and (directory / MAIN).exists() and _may_be_there(directory):
                await self._run(directory, "destroy", "-auto-approve", _WAIT)
            elif _state(directory) is True:
                raise ProviderError(
                    f"machine {id} is there still: run {self._command(directory, 'destroy')}, then destroy it here again"
                )
            elif _elsewhere(directory):
                _tell(directory, EMPTY)
                gone = open_state_dir(self._room.root / ".gone")
                await asyncio.to_thread(os.replace, directory, gone / id)
                return
            await asyncio.to_thread(shutil.rmtree, directory)

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        return self._room.looks(self._look)

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`. What Terraform's state has is called running: how it is, only its cloud could say."""
        return self._look(self._room.path(id))

    # --- one machine ------------------------------------------------------------------------------------

    def _look(self, directory: Path) -> Observed:
        id, name = directory.name, self._room.name_of(directory)
        if name is None:
            return Observed(id)
        if _is_applied(directory):
            return Observed(id, name, "running", f"made by Terraform, as the state in {directory} says")
        if _elsewhere(directory):
            return Observed(
                id, name, "made", f"the state of {directory} is kept elsewhere: terraform show says how it is"
            )
        if not (directory / VARIABLES).exists():
            return Observed(id, name, "made", "half made: create it again")
        return Observed(
            id,
            name,
            "made",
            f"written down; run: {self._command(directory, 'init')} && {self._command(directory, 'apply')}",
        )

    def _command(self, directory: Path, verb: str) -> str:
        program, *more = self.template.command
        return shlex.join([program, f"-chdir={directory}", *more, verb])

    async def _applied(self, directory: Path) -> None:
        if not self.template.apply or _is_applied(directory):
            return
        await self._run(directory, "init")
        await self._run(directory, "apply", "-auto-approve", _WAIT)
        write_secret_file(directory / APPLIED, b"", replace=True)

    async def _run(self, directory: Path, verb: str, *more: str) -> None:
        """One run of Terraform, in a session of its own: a boss that is killed does not end it half way. Raises what it says."""
        words = [*self.template.command, verb, "-input=false", "-no-color", *more]
        code = await asyncio.to_thread(_process, directory, words)
        if code:
            raise ProviderError(f"{self._command(directory, verb)} ended with status {code}: {_why(directory)}")


def _process(directory: Path, words: Sequence[str]) -> int:
    """Its status. Whoever asks for a log of everything (TF_LOG) would get the user data: not from here."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TF_LOG")}
    environment |= {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    descriptor = os.open(directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        return subprocess.run(
            words,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            umask=0o077,
            check=False,
        ).returncode
    except OSError as error:
        raise ProviderError(f"{words[0]} cannot be run: {error.strerror}; is it installed?") from None
    finally:
        os.close(descriptor)


def _tell(directory: Path, document: str) -> None:
    write_secret_file(directory / VARIABLES, json.dumps({VARIABLE: document}).encode(), replace=True)


def _why(directory: Path) -> str:
    """The last error that it has told, unless that might quote the user data."""
    lines = (directory / LOG).read_text(errors="replace").splitlines()
    found = [line.strip(" │╷╵") for line in lines if "Error" in line]
    said = found[-1][:300] if found else ""
    if not said or "ocapn://" in said or "cloud-config" in said:
        said = "it said nothing that can be shown"
    return f"{said}; see {directory / LOG}"


def _state(directory: Path) -> bool | None:
    """Whether Terraform's state here has resources; None where there is none here."""
    try:
        told = json.loads(read_secret_file(directory / "terraform.tfstate"))
        return bool(told["resources"])
    except Missing:
        return None
    except (ValueError, KeyError, TypeError, StoreError):
        return True  # it cannot be read, so it is nothing to be thrown away


def _elsewhere(directory: Path) -> bool:
    """Whether the state is kept elsewhere, as a backend was set up by `init`."""
    return (directory / ".terraform/terraform.tfstate").exists()


def _is_applied(directory: Path) -> bool:
    return bool(_state(directory)) or (_state(directory) is None and (directory / APPLIED).exists())


def _may_be_there(directory: Path) -> bool:
    return _state(directory) is not False and (
        _state(directory) is True or _elsewhere(directory) or (directory / LOG).exists()
    )
