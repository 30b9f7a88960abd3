"""A driver of Apache Libcloud, made for one conversation: which class, with which credentials, and what its `create_node` takes. Needs `remit[libcloud]`.

Drivers differ in where user data and labels go. What they take is read from the signature of `create_node`; `_ENCODED` and `_ATTRIBUTES` have what that does not say.
Azure's takes some as `ex_customdata`, and fails to send it: it is not among them.
"""

from __future__ import annotations

import inspect
import logging
import os
import tomllib
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from remit.durable import read_secret_file
from remit.errors import ProviderError, RemitError
from remit.machines._names import near
from remit.machines.libcloud._options import Cloud

__all__ = ["Ways", "Word", "driver_class", "opened", "read_credentials", "said_by", "ways_of"]

_USER_DATA: Final = ("ex_userdata", "ex_user_data", "ex_cloud_init")
_ATTRIBUTES: Final = "ex_create_attr"  # a table of more attributes, at DigitalOcean and Cloudscale
_ENCODED: Final = frozenset({"OutscaleNodeDriver"})  # takes user data in Base64 only


class Word(str):  # noqa: SLOT000  # str has a __dict__ only in its subclasses, and libcloud looks at attributes only
    """A text that is also a thing of the cloud's with this id and name: drivers take subnets, networks or security groups as objects, and send but one of the two."""

    @property
    def id(self) -> str:
        """What the cloud calls it."""
        return str(self)

    name = id


class Ways(NamedTuple):
    """How `create_node` of a driver takes things. `labels`: the name of its argument, "" if there is none; `listed`: whether they are texts in place of pairs."""

    user_data: str
    labels: str
    listed: bool
    arguments: tuple[str, ...]
    encoded: bool = False

    def call(self, user_data: str, labels: Mapping[str, str], more: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments. `more` are the configuration's; its own labels are kept beside ours."""
        made: dict[str, Any] = {name: _worded(value) for name, value in more.items()}
        _put(made, self.user_data, b64encode(user_data.encode()).decode() if self.encoded else user_data)
        if self.labels and self.listed:
            _put(made, self.labels, [*(_get(made, self.labels) or []), *(f"{k}:{v}" for k, v in labels.items())])
        elif self.labels:
            _put(made, self.labels, {**(_get(made, self.labels) or {}), **labels})
        return made


def driver_class(name: str) -> Callable[..., Any]:
    """The driver of this name, or `module:Class`. Raises `ProviderError` with the nearest names."""
    try:
        from libcloud.compute.providers import DRIVERS, get_driver
    except ModuleNotFoundError:
        raise ProviderError("Apache Libcloud is not installed here: pip install 'remit[libcloud]'") from None
    module, colon, own = name.partition(":")
    try:
        if colon:
            found: Callable[..., Any] = getattr(import_module(module), own)
            return found
        if name.lower() in DRIVERS:
            return get_driver(name.lower())
    except (ImportError, AttributeError) as error:
        raise ProviderError(f"the driver {name} cannot be loaded: {type(error).__name__} ({error})") from None
    except Exception as error:  # noqa: BLE001  # libcloud's word for a cloud that has closed
        raise ProviderError(f"the driver {name}: {error}") from None
    raise ProviderError(f"Libcloud has no driver {name}: {near(name.lower(), map(str, DRIVERS))}")


def read_credentials(given: str | Mapping[str, str]) -> dict[str, str]:
    """Read anew, each time. Nothing of them is in what is raised."""
    if isinstance(given, str):
        path = Path(given[1:]).expanduser()
        try:
            found = tomllib.loads(read_secret_file(path).decode())
        except (ValueError, tomllib.TOMLDecodeError):
            raise ProviderError(f'{path} does not hold credentials: lines such as key = "…" and secret = "…"') from None
        except (RemitError, OSError) as error:
            raise ProviderError(f"the credentials cannot be read: {error}") from None
        return {name: str(value) for name, value in found.items()}
    lacking = sorted(variable for variable in given.values() if not os.environ.get(variable))
    if lacking:
        raise ProviderError(
            f"the credentials cannot be read: {', '.join(lacking)} is not set in the boss's environment"
        )
    return {name: os.environ[variable] for name, variable in given.items()}


def opened(cloud: Cloud) -> Any:
    """A driver with its credentials, for one conversation: it is let go of afterwards."""
    if os.environ.get("LIBCLOUD_DEBUG"):
        raise ProviderError(
            "LIBCLOUD_DEBUG is set: Libcloud would write user data and credentials to that file; unset it"
        )
    made = driver_class(cloud.driver)
    logging.getLogger("urllib3").setLevel(logging.INFO)  # which writes down whole URLs, and these hold user data
    told = {**({"region": cloud.region} if cloud.region else {}), **cloud.connection}
    secrets = read_credentials(cloud.credentials)
    try:
        return made(**secrets, **told)
    except Exception as error:  # noqa: BLE001  # a driver is foreign code
        names = ", ".join(sorted({*secrets, *told})) or "nothing"
        why = said_by(error, secrets.values())
        raise ProviderError(f"the driver {cloud.driver} cannot be made with {names}: {why}") from None


def ways_of(driver: Any) -> Ways:
    """How this driver is told things. Raises `ProviderError` where it takes no user data."""
    kind = type(driver).__name__
    taken = inspect.signature(driver.create_node).parameters
    attributes = f"{_ATTRIBUTES}." if _ATTRIBUTES in taken else ""
    if kind == "GCENodeDriver":  # where user data is one of the labels
        return Ways("ex_metadata.user-data", "ex_metadata", False, tuple(taken))
    user_data = next((name for name in _USER_DATA if name in taken), attributes and f"{attributes}user_data")
    if not user_data:
        raise ProviderError(f"Libcloud's driver {kind} takes no user data: no machine can be made to enrol by it")
    if "ex_metadata" in taken:
        labels, listed = "ex_metadata", False
    elif "ex_tags" in taken:
        labels, listed = "ex_tags", not isinstance(taken["ex_tags"].default, dict)
    else:
        known = getattr(driver, "EX_CREATE_ATTRIBUTES", ())
        labels, listed = (f"{attributes}tags", True) if attributes and "tags" in known else ("", False)
    return Ways(user_data, labels, listed, tuple(taken), kind in _ENCODED)


def said_by(error: BaseException, secrets: Iterable[str]) -> str:
    """What an error of libcloud's says, where that is the cloud's own answer; what might quote a request is named by its class only."""
    text = " ".join(str(error).split())
    foreign = type(error).__module__.partition(".")[0] not in ("libcloud", "builtins")
    quotes = "introduction" in text or ("user" in text.lower() and "data" in text.lower())
    if foreign or quotes or not text or isinstance(error, OSError) or any(each and each in text for each in secrets):
        return type(error).__name__
    return f"{type(error).__name__}: {text[:400]}"


def _worded(value: Any) -> Any:
    if isinstance(value, str):
        return Word(value)
    if isinstance(value, list):
        return [_worded(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _put(made: dict[str, Any], name: str, value: Any) -> None:
    outer, dot, inner = name.partition(".")
    if dot:
        made[outer] = {**(made.get(outer) or {}), inner: value}
    else:
        made[outer] = value


def _get(made: Mapping[str, Any], name: str) -> Any:
    outer, dot, inner = name.partition(".")
    return (made.get(outer) or {}).get(inner) if dot else made.get(outer)
