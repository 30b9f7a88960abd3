"""`remit.toml`: where state is, where the boss listens, which providers there are.

    [boss]
    state = "~/.local/state/remit/boss"     # directory, made 0700
    listen = "127.0.0.1:4433"               # host:port; port 0 takes any free one
    published = "boss.example.org"          # the host that others are told, where `listen` is all addresses
    start = true                            # start machines when the boss starts

    [providers.process]                     # the provider's name; `kind` is "process" where the name says so
    kind = "process"

Looked for in this order: `--config`, `$REMIT_CONFIG`, `remit.toml` here or in a directory above, `$XDG_CONFIG_HOME/remit/remit.toml`.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

import click
import msgspec

__all__ = ["BossSection", "Config", "load_config", "state_home"]


def state_home() -> Path:
    """Where state goes by default: `$XDG_STATE_HOME/remit`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "remit"


class BossSection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[boss]`."""

    state: str = ""
    listen: str = "127.0.0.1:0"
    published: str = ""
    start: bool = True

    def directory(self) -> Path:
        """The boss's state directory."""
        return Path(self.state).expanduser() if self.state else state_home() / "boss"


class Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file; every part has a default."""

    boss: BossSection = msgspec.field(default_factory=BossSection)
    providers: dict[str, dict[str, Any]] = msgspec.field(default_factory=lambda: {"process": {}})
    path: str = ""


def load_config(given: str | None) -> Config:
    """The configuration in force. A file that cannot be read says where and what is wrong."""
    path = _find(given)
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text())
        config = msgspec.convert(table, Config)
    except (OSError, UnicodeDecodeError) as error:
        raise click.ClickException(f"cannot read {path}: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise click.ClickException(f"{path} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise click.ClickException(f"{path}: {error}{_did_you_mean(str(error))}") from None
    config.path = str(path)
    if config.boss.state and not os.path.isabs(os.path.expanduser(config.boss.state)):
        config.boss.state = str(path.parent / config.boss.state)  # what a file says is relative to that file
    return config


def _find(given: str | None) -> Path | None:
    named = given or os.environ.get("REMIT_CONFIG")
    if named:
        return Path(named).expanduser()
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "remit.toml").is_file():
            return directory / "remit.toml"
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "remit" / "remit.toml"
    return user if user.is_file() else None


def _did_you_mean(message: str) -> str:
    """The nearest known field to the unknown one that the message names."""
    _, found, rest = message.partition("unknown field `")
    known = ["boss", "providers", *BossSection.__struct_fields__]
    near = difflib.get_close_matches(rest.partition("`")[0], known, 1) if found else []
    return f" (did you mean `{near[0]}`?)" if near else ""
