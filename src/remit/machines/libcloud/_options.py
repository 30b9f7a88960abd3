"""What a machine of `libcloud` is made with: what the table of remit.toml says for all machines of a provider, and `--option` for one.

    size, image     what the cloud calls them: t3.micro, ami-0123…                   [none]
    location        a part of the region; without it the cloud's choice              [none]
    and how the agent comes to the machine: install, parcel, present, command, user (`_far.py`)

Only the table: `driver` (Libcloud's name of the cloud, such as ec2, or module:Class for one's own), `region`, `credentials` ("@FILE" for a private TOML file, or a
table that has the name of an environment variable for each), `connection` (more that the driver is made with: host, project, …), `arguments` (more that machines are
made with: ex_keyname, …). They say whose account is used for what.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from remit.errors import ProviderError
from remit.machines._far import FAR_OPTIONS, FarOptions
from remit.machines._names import near

__all__ = ["Cloud", "CloudMachine", "cloud_machine", "cloud_options"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)


class Cloud(NamedTuple):
    """That of all machines of one provider. `credentials`: "@FILE", or names of environment variables; never a secret itself."""

    driver: str = ""
    region: str = ""
    credentials: str | Mapping[str, str] = {}
    connection: Mapping[str, Any] = {}
    arguments: Mapping[str, Any] = {}


class CloudMachine(NamedTuple):
    """One machine's."""

    size: str = ""
    image: str = ""
    location: str = ""
    far: FarOptions = FarOptions()


def cloud_machine(given: Mapping[str, Any], defaults: CloudMachine) -> CloudMachine:
    """The options of one machine. Raises `ProviderError` with the nearest name for an unknown one, and with the form for a wrong value."""
    known = (*_OWN, *FAR_OPTIONS)
    read = {name: _read(name, value, known) for name, value in given.items()}
    far = defaults.far._replace(**{name: value for name, value in read.items() if name in FAR_OPTIONS})
    return defaults._replace(far=far, **{name: value for name, value in read.items() if name in _OWN})


def cloud_options(table: Mapping[str, Any]) -> tuple[Cloud, CloudMachine]:
    """What the provider's table says: of the cloud, and the defaults of each machine."""
    known = (*Cloud._fields, *_OWN, *FAR_OPTIONS)
    own = {name: _read(name, value, known) for name, value in table.items() if name not in (*_OWN, *FAR_OPTIONS)}
    if not own.get("driver"):
        raise ProviderError(
            "which cloud? Set driver = to what Libcloud calls it, such as ec2, openstack or digitalocean"
        )
    rest = {name: value for name, value in table.items() if name not in own}
    return Cloud(**own), cloud_machine(rest, CloudMachine())


def _read(name: str, value: Any, known: tuple[str, ...]) -> Any:
    if name not in known:
        if name in Cloud._fields:
            raise ProviderError(
                f"{name} is for all machines of a provider, and stands in its table in remit.toml: it is no option of one machine"
            )
        raise ProviderError(f"a libcloud provider has no option {name}: {near(name, known)}")
    try:
        return {**_OWN, **_TABLE, **FAR_OPTIONS}[name](value)
    except (ValueError, TypeError) as error:
        shown = "" if name == "credentials" else f"={str(value)[:80]}"
        raise ProviderError(f"the option {name}{shown} cannot be used: {error}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError("it is a text")
    return value


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("it is a table")
    return dict(value)


def _credentials(value: Any) -> str | Mapping[str, str]:
    """Where they are. What may be a secret itself is refused, and not repeated."""
    if isinstance(value, str):
        if value.startswith("@") and len(value) > 1:
            return value
    elif isinstance(value, Mapping) and all(
        isinstance(each, str) and _VARIABLE.fullmatch(each) for each in value.values()
    ):
        return dict(value)
    raise ValueError(
        '"@FILE" names a private file with key = "…" and secret = "…"; {key = "AWS_ACCESS_KEY_ID", …} names variables of the environment. '
        "A secret itself does not belong into remit.toml"
    )


_OWN: Final[dict[str, Callable[[Any], Any]]] = {"size": _text, "image": _text, "location": _text}
_TABLE: Final[dict[str, Callable[[Any], Any]]] = {
    "driver": _text,
    "region": _text,
    "credentials": _credentials,
    "connection": _table,
    "arguments": _table,
}
