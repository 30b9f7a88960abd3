"""What a machine's agent is told: user data from its provider at first, then what it has written down itself.

    user-data      from the provider, with the introduction: {"version": 1, "machine", "id", "introduction", "agent": {…}}
    machine.json   the agent's own, once it has enrolled: the same without the introduction

`agent` has `classes` (modules), `path` (directories in which to find them), `listen` (host:port), `published` (the host that others
are told), `facing` (an address of the side where others are: without `published`, a machine that listens on all addresses tells the one it has
on the way there), `services` (the directory of the files that describe its services), `users` (where bindings for programs of other users are laid
out), `hooks` (whether the boss may name commands and templates) and `tether` (a process, as `pid start boot`, with which the agent ends).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from remit.durable import read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing
from remit.values import SturdyRef

__all__ = ["AgentSection", "UserData", "drop_introduction", "read_user_data"]


class AgentSection(msgspec.Struct, kw_only=True):
    """What the agent itself is told; unknown fields are for later versions."""

    classes: list[str] = []
    path: list[str] = []
    listen: str = "127.0.0.1:0"
    published: str = ""
    facing: str = ""
    tether: str = ""
    services: str = ""
    users: str = "/run/remit"
    hooks: bool = False


class UserData(msgspec.Struct, kw_only=True):
    """The whole of it. `introduction` is a secret and in no repr; it is "" once it has been used."""

    version: int
    machine: str
    id: str
    introduction: str = ""
    agent: AgentSection = msgspec.field(default_factory=AgentSection)

    def __repr__(self) -> str:
        return f"<user data of machine {self.machine}>"

    def invitation(self) -> SturdyRef:
        """The introduction as a sturdyref."""
        return SturdyRef.parse(self.introduction)


def read_user_data(directory: Path) -> UserData:
    """What is there of the two files; `machine.json` counts where both are. Raises `Missing` where none is."""
    for name in ("machine.json", "user-data"):
        try:
            text = read_secret_file(directory / name)
        except Missing:
            continue
        try:
            return msgspec.json.decode(text, type=UserData)
        except UnicodeDecodeError:
            raise BadArgument(
                f"{directory / name} is not what a provider leaves there (it is not UTF-8 text)"
            ) from None
        except msgspec.DecodeError as error:
            place = str(error).rpartition(" - at ")[2]
            raise BadArgument(f"{directory / name} is not what a provider leaves there ({place})") from None
    raise Missing(f"{directory} holds neither user-data nor machine.json: only a provider makes machines")


def drop_introduction(directory: Path, data: UserData) -> None:
    """The introduction is used: write down the rest, then delete it. May be done again after a crash in between."""
    rest: dict[str, Any] = msgspec.to_builtins(data)
    rest["introduction"] = ""
    write_secret_file(directory / "machine.json", json.dumps(rest).encode(), replace=True)
    (directory / "user-data").unlink(missing_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
