"""Commands: what people and scripts run, on every target, and other components call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal, get_args, get_origin, get_type_hints

from remit.app._component import Component
from remit.app._interface import exposed
from remit.errors import Misuse

__all__ = ["CliCommand", "run_words"]

_PLAIN: Final = {str: "str", int: "int", float: "float", bool: "bool"}


class CliCommand(Component):
    """A command: derive from it, and write `async def run(self, name: str, *, loud: bool = False) -> int | str | None`.

        remit exec app.py greet World --loud

    Parameters are str, int, float or bool: those that can be given by place are arguments (`*words: str` takes the rest), those after `*` are options. A result that is an int is the exit code, anything else is
    printed. `name` is what it is called by, without it the last name of its id. A component that was given it calls `await self.greet.run("World", loud=True)`.
    """

    kind = "command"
    name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        run = cls.__dict__.get("run")
        if run is not None:
            if not inspect.iscoroutinefunction(run):
                raise Misuse(f"{cls.__name__}.run is no coroutine: write async def run(self, …)")
            setattr(cls, "run", exposed()(run))  # noqa: B010  # the same function, which others can call
        super().__init_subclass__(**kwargs)

    async def run(self, *args: Any, **kwargs: Any) -> int | str | None:
        """What it does."""
        raise NotImplementedError(f"{type(self).__name__} does nothing: write async def run(self, …)")

    def check(self) -> None:
        parameters(type(self))

    def spec(self) -> dict[str, Any]:
        return {
            "runs": False,
            "command": self.name or str(self.id).rpartition("/")[2],
            "parameters": parameters(type(self)),
            "help": inspect.cleandoc(vars(type(self)).get("__doc__") or ""),
        }


def parameters(cls: type[CliCommand]) -> list[dict[str, Any]]:
    """What its `run` takes, as data. Raises `Misuse` for what no command line can give."""
    run = inspect.unwrap(cls.run)
    hints = get_type_hints(run)
    found = []
    for each in list(inspect.signature(run).parameters.values())[1:]:
        if each.kind is each.VAR_KEYWORD:
            raise Misuse(f"{cls.__name__}.run takes **{each.name}: options have names; write them out")
        type_, choices = _type_of(hints.get(each.name, str))
        if type_ is None:
            raise Misuse(
                f"{cls.__name__}.run takes {each.name} of a type that no command line can give: str, int, float, bool, or Literal texts"
            )
        one: dict[str, Any] = {"name": each.name, "type": type_, "option": each.kind is each.KEYWORD_ONLY}
        if choices:
            one["choices"] = choices
        if each.kind is each.VAR_POSITIONAL:
            one["rest"] = True
        elif each.default is not each.empty:
            one["default"] = each.default
        found.append(one)
    return found


def _type_of(hint: Any) -> tuple[str | None, list[str]]:
    if get_origin(hint) is Literal and all(isinstance(each, str) for each in get_args(hint)):
        return "str", list(get_args(hint))
    alternatives = [each for each in get_args(hint) if each is not type(None)]
    if type(None) in get_args(hint) and len(alternatives) == 1:
        return _type_of(alternatives[0])
    return _PLAIN.get(hint), []


async def run_words(spec: dict[str, Any], call: Callable[..., Any], words: list[str], say: Callable[[str], Any]) -> int:
    """Run a command whose `spec` stands in the graph with the words of a command line; `call` is its `run`. The exit code: 2 where the words are wrong, which is then said."""
    import click  # the parser of our own commands, loaded when one is run

    command = click.Command(
        spec["command"],
        params=[_parameter(one) for one in spec["parameters"]],
        help=spec["help"],
        callback=lambda **given: given,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    try:
        given = command.main(words, prog_name=spec["command"], standalone_mode=False)
    except click.ClickException as error:
        say(f"Error: {error.format_message()}\nTry '{spec['command']} --help'.")
        return error.exit_code
    if not isinstance(given, dict):  # its help was asked for
        return int(given or 0)
    args: list[Any] = []
    for one in spec["parameters"]:
        if one.get("rest"):
            args.extend(given.pop(one["name"]))
        elif not one["option"]:
            args.append(given.pop(one["name"]))
    result = await call(*args, **given)
    if isinstance(result, int) and not isinstance(result, bool):
        return result
    if result is not None:
        say(str(result))
    return 0


def _parameter(one: dict[str, Any]) -> Any:
    import click

    types: dict[str, Any] = {"str": click.STRING, "int": click.INT, "float": click.FLOAT, "bool": click.BOOL}
    kind = click.Choice(one["choices"]) if "choices" in one else types[one["type"]]
    name = one["name"]
    default: dict[str, Any] = {"default": one["default"]} if "default" in one else {}
    if one.get("rest"):
        return click.Argument([name], type=kind, nargs=-1)
    if not one["option"]:
        return click.Argument([name], type=kind, required="default" not in one, **default)
    flag = f"--{name.replace('_', '-')}"
    if one["type"] == "bool":
        return click.Option([f"{flag}/--no-{flag[2:]}", name], required="default" not in one, **default)
    return click.Option([flag, name], type=kind, required="default" not in one, show_default=True, **default)
