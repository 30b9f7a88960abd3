"""`remit.toml`: where state is, where the boss listens, which providers there are. docs/machines.md describes it.

    [boss]
    state = "~/.local/state/remit/boss"     # directory, made 0700
    listen = "127.0.0.1:4433"               # host:port, or a list of them; port 0 takes any free one
    published = "boss.example.org"          # the host that others are told, where `listen` is all addresses
    websocket = "127.0.0.1:8080"            # host:port, where it is to be reached over WebSockets, too
    websocket_url = "wss://example.org/boss"  # what others are told of it: the web server in front of it
    metrics = "127.0.0.1:9464"              # where Prometheus asks for its metrics
    connections = 1000                      # nodes that may be connected at once, machines above all
    alarm_webhook = "@webhook"              # a URL that is told of alarms, or a private file with it
    alarm_command = ["notify-admin"]        # a program that is told of them on standard input
    start = true                            # start machines when the boss starts

    [providers.process]                     # the provider's name; `kind` is "process" where the name says so
    kind = "process"
    root = "machines"                       # where the machines' state directories are

    [providers.process.agent]               # what the agents of its machines are told, unless `machine create` says otherwise
    classes = ["customers"]                 # modules of the classes that they may keep objects of
    path = ["examples"]                     # where these are found
    listen = "127.0.0.1:0"
    published = "machines.example.org"
    services = "services.d"                 # the directory of the files that describe their services

What else there is, `[plan]`, `[machines]`, `[policies]` and `[[moved]]`, is for `remit plan` and `remit up`: `_declared.py` reads it. `[ensemble]` is for
`remit server`: `home`, and the roles and servers that go along with its orders.

Paths are relative to the file. Looked for in this order: `--config`, `$REMIT_CONFIG`, `remit.toml` here or in a directory above,
`$XDG_CONFIG_HOME/remit/remit.toml`. One that is found here or above must be the user's own or root's, and not writable by everybody.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from remit.cli._exit import BadConfig

__all__ = ["BossSection", "Config", "Source", "beside", "load_config", "read_config", "state_home"]


def state_home() -> Path:
    """Where state goes by default: `$XDG_STATE_HOME/remit`."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "remit"


class BossSection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[boss]`."""

    state: str = ""
    listen: str | list[str] = "127.0.0.1:0"
    published: str = ""
    websocket: str = ""
    websocket_url: str = ""
    metrics: str = ""
    connections: int = 1000
    alarm_webhook: str = ""
    alarm_command: list[str] = msgspec.field(default_factory=list)
    start: bool = True

    def directory(self) -> Path:
        """The boss's state directory."""
        return Path(self.state).expanduser() if self.state else state_home() / "boss"


class AgentSection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[providers.NAME.agent]`: only what is given gets to the agents."""

    classes: list[str] | msgspec.UnsetType = msgspec.UNSET
    path: list[str] | msgspec.UnsetType = msgspec.UNSET
    listen: str | msgspec.UnsetType = msgspec.UNSET
    published: str | msgspec.UnsetType = msgspec.UNSET
    facing: str | msgspec.UnsetType = msgspec.UNSET
    services: str | msgspec.UnsetType = msgspec.UNSET
    users: str | msgspec.UnsetType = msgspec.UNSET
    hooks: bool | msgspec.UnsetType = msgspec.UNSET


class ProviderSection(msgspec.Struct, kw_only=True):
    """`[providers.NAME]`, as far as all kinds have it in common; each kind knows the rest."""

    kind: str = ""
    root: str = ""
    agent: AgentSection = msgspec.field(default_factory=AgentSection)


class PlanSection(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[plan]`: whose declarations these are, and where it is kept what was applied."""

    project: str = ""
    state: str = ""
    provider: str = "process"

    def default_provider(self) -> str:
        """Who makes the machines that do not name anybody: `$REMIT_PROVIDER` says otherwise."""
        return os.environ.get("REMIT_PROVIDER") or self.provider


class Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The whole file; every part has a default."""

    boss: BossSection = msgspec.field(default_factory=BossSection)
    providers: dict[str, dict[str, Any]] = msgspec.field(default_factory=lambda: {"process": {}})
    plan: PlanSection = msgspec.field(default_factory=PlanSection)
    machines: dict[str, dict[str, Any]] = {}
    policies: dict[str, dict[str, Any]] = {}
    moved: list[dict[str, Any]] = []
    ensemble: dict[str, Any] = {}


class Source(NamedTuple):
    """A configuration, where it was read, and its text; None and "" where there is no file."""

    config: Config
    path: Path | None
    text: str


def load_config(given: str | None) -> Config:
    """The configuration in force. A file that cannot be read says where and what is wrong."""
    return read_config(given).config


def read_config(given: str | None) -> Source:
    """The configuration in force, and its file."""
    path = _find(given)
    if path is None:
        return Source(Config(), None, "")
    try:
        text = path.read_text()
        config = msgspec.convert(tomllib.loads(text), Config)
        for name, table in config.providers.items():
            _check_provider(name, table, path.parent.absolute())
        if config.boss.state:
            config.boss.state = beside(path.parent, config.boss.state)
        if config.boss.alarm_webhook.startswith("@"):
            config.boss.alarm_webhook = f"@{beside(path.parent, config.boss.alarm_webhook[1:])}"
    except OSError as error:
        raise BadConfig(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"cannot read {path}: it is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{path} is not TOML: {error}") from None
    except msgspec.ValidationError as error:
        raise BadConfig(f"{path}: {error}{_did_you_mean(str(error))}") from None
    return Source(config, path, text)


def _check_provider(name: str, table: dict[str, Any], here: Path) -> None:
    """Check what all kinds of provider have in common, and make paths absolute."""
    try:
        checked = msgspec.convert(table, ProviderSection)
    except msgspec.ValidationError as error:
        raise msgspec.ValidationError(str(error).replace("`$", f"`$.providers.{name}")) from None
    if checked.root:
        table["root"] = beside(here, checked.root)
    credentials = table.get("credentials")
    if isinstance(credentials, str) and credentials.startswith("@"):
        table["credentials"] = f"@{beside(here, credentials[1:])}"
    if checked.agent.path:
        table["agent"]["path"] = [beside(here, each) for each in checked.agent.path]
    if checked.agent.services:
        table["agent"]["services"] = beside(here, checked.agent.services)


def beside(directory: Path, path: str) -> str:
    """What a file says of paths is relative to that file."""
    try:
        return str(directory.absolute() / Path(path).expanduser())
    except RuntimeError:  # pathlib's word for a user that there is not
        raise msgspec.ValidationError(
            f"{path!r} is in the home directory of a user whom this machine does not know"
        ) from None


def _find(given: str | None) -> Path | None:
    named = given or os.environ.get("REMIT_CONFIG")
    if named:
        return Path(named).expanduser()
    here = Path.cwd()
    for directory in (here, *here.parents):
        if (directory / "remit.toml").is_file():
            return _trusted(directory / "remit.toml")
    user = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "remit" / "remit.toml"
    return user if user.is_file() else None


def _trusted(path: Path) -> Path:
    """A file that was found and not named: whoever wrote it decides which boss and which programs are run."""
    status = path.stat()
    if status.st_uid not in (os.geteuid(), 0):
        why = f"belongs to user {status.st_uid}, and this process runs as user {os.geteuid()}"
    elif status.st_mode & 0o002:
        why = "can be written by every user of this machine"
    else:
        return path
    raise BadConfig(f"{path} {why}: it was not read. If you trust it, name it: remit --config '{path}' …")


def _did_you_mean(message: str) -> str:
    """The nearest known field to the unknown one that the message names."""
    _, found, rest = message.partition("unknown field `")
    section: type[msgspec.Struct] = AgentSection if ".agent`" in rest else BossSection
    fields = PlanSection.__struct_fields__ if "$.plan`" in rest else section.__struct_fields__
    known = fields if " at `$" in rest else Config.__struct_fields__
    near = difflib.get_close_matches(rest.partition("`")[0], known, 1) if found else []
    if near:
        return f" (did you mean `{near[0]}`?)"
    return f" (there are: {', '.join(known)})" if found else ""
