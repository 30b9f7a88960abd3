"""What a machine of `terraform` is, as Terraform's JSON: `main.tf.json` and the variables beside it. Pure.

    resource     its type, such as aws_instance                                                  [none]
    attributes   its attributes, a table. In its texts {id}, {name}, {owner} and what `values` names are replaced, and {user_data} or {user_data_base64}
                 becomes a reference to the sensitive variable that holds the user data
    values       more that can be replaced, and chosen for one machine: values = { size = "t3.micro" }, --option size=t3.large
    blocks       more of the file: terraform, provider, data, output, …
    apply        whether the boss runs Terraform itself                                          [false]
    command      as what: terraform, tofu, or a list of words                                    [terraform]
    and how the agent comes to the machine: install, parcel, present, command_of_agent, user (`_far.py`)

Only `values` and how the agent comes are options of one machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from remit.errors import ProviderError
from remit.machines._far import FAR_OPTIONS, FarOptions
from remit.machines._names import near

__all__ = ["VARIABLE", "Chosen", "Template", "chosen_of", "main_file", "template_of"]

VARIABLE: Final = "remit_user_data"
_TYPE: Final = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)
_OURS: Final = ("id", "name", "owner", "user_data", "user_data_base64")
_AGENT: Final = "command_of_agent"  # what `_far.py` calls `command`


class Template(NamedTuple):
    """That of all machines of one provider."""

    resource: str = ""
    attributes: Mapping[str, Any] = {}
    blocks: Mapping[str, Any] = {}
    apply: bool = False
    command: tuple[str, ...] = ("terraform",)


class Chosen(NamedTuple):
    """One machine's."""

    values: Mapping[str, Any] = {}
    far: FarOptions = FarOptions()


def template_of(table: Mapping[str, Any]) -> tuple[Template, Chosen]:
    """What the provider's table says. Raises `ProviderError` with the nearest name, or the form."""
    known = (*_READ, "values", *_far_names())
    read: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise ProviderError(f"a terraform provider has no option {name}: {near(name, known)}")
        if name in _READ:
            read[name] = _read(name, value, _READ[name])
    made = Template(**read)
    if not made.resource or not made.attributes:
        raise ProviderError('what is a machine? Set resource = "aws_instance", or the like, and its attributes')
    if not any(_holds(value) for value in made.attributes.values()):
        raise ProviderError(
            "no attribute has {user_data} or {user_data_base64}: a machine would never hear of its boss"
        )
    values = _read("values", table.get("values", {}), _values)
    rest = {name: value for name, value in table.items() if name in _far_names()}
    return made, chosen_of(rest, Chosen(values))


def chosen_of(given: Mapping[str, Any], defaults: Chosen) -> Chosen:
    """The options of one machine."""
    known = (*defaults.values, *_far_names())
    values, far = dict(defaults.values), {}
    for name, value in given.items():
        if name in (*_READ, "values"):
            raise ProviderError(
                f"{name} is for all machines of a provider, and stands in its table in remit.toml: it is no option of one machine"
            )
        if name not in known:
            raise ProviderError(f"this terraform provider has no option {name}: {near(name, known)}")
        if name in defaults.values:
            values[name] = _read(name, value, _scalar)
        else:
            own = "command" if name == _AGENT else name
            far[own] = _read(name, value, FAR_OPTIONS[own])
    return Chosen(values, defaults.far._replace(**far))


def main_file(id: str, name: str, owner: str, template: Template, values: Mapping[str, Any]) -> dict[str, Any]:
    """`main.tf.json` of one machine. There is no secret in it."""
    placed: dict[str, Any] = {**values, "id": id, "name": name, "owner": owner}
    body = {key: _filled(value, placed) for key, value in template.attributes.items()}
    holding = [key for key, value in template.attributes.items() if _holds(value) and key != "provisioner"]
    if holding:  # its introduction is used when it is changed: that must not make the machine anew
        lifecycle = dict(body.get("lifecycle", {}))
        ignored = lifecycle.get("ignore_changes", [])
        if ignored != "all":
            lifecycle["ignore_changes"] = [*ignored, *(key for key in holding if key not in ignored)]
        body["lifecycle"] = lifecycle
    own = {
        "//": f"machine {name} of Remit: written anew when the machine is asked for, until it is made",
        "variable": {VARIABLE: {"type": "string", "sensitive": True, "description": "the machine's user data"}},
        "resource": {template.resource: {"machine": body}},
    }
    return _merged(own, template.blocks, "")


def _filled(value: Any, placed: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(each, placed) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, placed) for each in value]
    if not isinstance(value, str):
        return value

    def instead(found: re.Match[str]) -> str:
        name = found[1]
        if name == "user_data":
            return f"${{var.{VARIABLE}}}"
        if name == "user_data_base64":
            return f"${{base64encode(var.{VARIABLE})}}"
        return _literal(placed[name]) if name in placed else found[0]

    return re.sub(r"(?<![$%])\{([a-z][a-z0-9_]*)\}", instead, value)


def _literal(value: Any) -> str:
    """A text that Terraform takes as it is: whoever asks for a machine must not have it read files of this host."""
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text.replace("${", "$${").replace("%{", "%%{")


def _holds(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_holds(each) for each in value.values())
    if isinstance(value, list):
        return any(_holds(each) for each in value)
    return isinstance(value, str) and ("{user_data}" in value or "{user_data_base64}" in value)


def _merged(own: Mapping[str, Any], more: Mapping[str, Any], where: str) -> dict[str, Any]:
    made = dict(own)
    for key, value in more.items():
        if key not in made:
            made[key] = value
        elif isinstance(made[key], Mapping) and isinstance(value, Mapping):
            made[key] = _merged(made[key], value, f"{where}{key}.")
        else:
            raise ProviderError(f"blocks.{where}{key} is the provider's own: give yours another name")
    return made


def _far_names() -> tuple[str, ...]:
    return tuple(_AGENT if name == "command" else name for name in FAR_OPTIONS)


def _read(name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    try:
        return read(value)
    except (ValueError, TypeError) as error:
        raise ProviderError(f"the option {name}={str(value)[:80]} cannot be used: {error}") from None


def _resource(value: Any) -> str:
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise ValueError("a type of resource is such as aws_instance")
    return value


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("it is a table")
    return dict(value)


def _values(value: Any) -> Mapping[str, Any]:
    for name, each in _table(value).items():
        if not _NAME.fullmatch(name) or name in (*_OURS, *_READ, *_far_names(), "values"):
            raise ValueError(f"{name} cannot be one's own value: choose another name, of small letters, digits and _")
        _scalar(each)
    return dict(value)


def _scalar(value: Any) -> Any:
    if not isinstance(value, str | int | float | bool):
        raise TypeError("it is a text, a number, true or false")
    return value


def _command(value: Any) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    if not words or not all(isinstance(each, str) and each for each in words):
        raise ValueError("it is a program, or a list of words")
    return words


_READ: Final[dict[str, Callable[[Any], Any]]] = {
    "resource": _resource,
    "attributes": _table,
    "blocks": _table,
    "apply": FAR_OPTIONS["present"],
    "command": _command,
}
