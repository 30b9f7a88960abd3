"""Traces over machines: what each has recorded, put together. What a machine says of itself is believed of that machine only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from remit.errors import Broken
from remit.machines._names import missing
from remit.vat import Promise, Ref

__all__ = ["merged", "recalled", "watched"]

WORDS: Final = 300
"""Characters of a text in a machine's record."""
MOST: Final = 1000
"""Steps of one machine."""
_TEXTS: Final = ("trace", "id", "vat", "kind", "method", "from", "to", "result", "error")
_FAILURE: Final = ("id", "vat", "where", "kind", "message")


async def watched(
    hobs: Mapping[str, Ref[Any]], here: Ref[Any] | None, trace: str | None, seconds: float
) -> dict[str, Any]:
    """Have machines, and with `here` the boss's own network, follow a trace: see `Boss.watch`. In a turn of the boss."""
    asked = {name: hob.watch(trace, seconds) for name, hob in hobs.items()}
    if here is not None:
        await here.watch(trace, seconds)
    answers, absent = await _answers(asked)
    return {"watching": [*(["boss"] if here is not None else []), *answers], "missing": absent}


async def recalled(hobs: Mapping[str, Ref[Any]], here: Ref[Any], what: str, names: Mapping[str, str]) -> dict[str, Any]:
    """What machines and boss have recorded: see `Boss.recall`. In a turn of the boss."""
    found = await _recalled(hobs, here, what, names)
    if what and not found["steps"] and not found["failures"]:
        raise missing("trace or error", what, found["recent"])
    whole = sorted({step["trace"] for step in found["steps"]})
    if found["failures"] and whole and not whole[0].startswith(what):
        # machines that do not know the error know its trace
        found["steps"] = (await _recalled(hobs, here, whole[0], names))["steps"]
    return found


async def _recalled(
    hobs: Mapping[str, Ref[Any]], here: Ref[Any], what: str, names: Mapping[str, str]
) -> dict[str, Any]:
    asked = {name: hob.recall(what) for name, hob in hobs.items()}
    own = await here.recall(what)
    answers, absent = await _answers(asked)
    return {**merged({"boss": own, **answers}, names), "missing": absent}


async def _answers(asked: Mapping[str, Promise[Any]]) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What machines have answered, and which of them have not."""
    answers: dict[str, Any] = {}
    absent: list[dict[str, str]] = []
    for name, promise in asked.items():
        try:
            answers[name] = await promise
        except Broken as error:
            absent.append({"machine": name, "error": str(error)})
    return answers, absent


def merged(answers: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """{"steps": oldest first, each with its `machine`, "failures": [...], "recent": ids}. `names`: machines by their designators."""
    steps: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    recent: list[str] = []
    for machine, answer in answers.items():
        if not isinstance(answer, dict):
            continue
        found = answer.get("steps")
        said = found[-MOST:] if isinstance(found, list) else []
        steps += [_step(machine, step, names) for step in said if isinstance(step, dict)]
        failure = answer.get("failure")
        if isinstance(failure, dict):
            failures.append({"machine": machine, "at": _number(failure.get("at"))} | _texts(failure, _FAILURE))
        known = answer.get("recent")
        recent += [each[:WORDS] for each in (known if isinstance(known, list) else [])[:200] if isinstance(each, str)]
    steps.sort(key=lambda step: (_count(step["id"]), step["machine"]))
    return {"steps": steps, "failures": failures, "recent": list(dict.fromkeys(recent))}


def _step(machine: str, step: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    cause = step.get("cause")
    made: dict[str, Any] = {"machine": machine} | _texts(step, _TEXTS)
    made["cause"] = cause[:WORDS] if isinstance(cause, str) else None
    turn = step.get("turn")
    made["turn"] = turn if type(turn) is int and 0 <= turn < 1 << 62 else 0
    made["at"], made["took"] = _number(step.get("at")), _number(step.get("took"))
    for way in ("from", "to"):
        made[way] = names.get(made[way], made[way][:8])
    return made


def _texts(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: _printable(entry.get(name)) for name in names}


def _printable(text: Any) -> str:
    shown = text[:WORDS] if isinstance(text, str) else ""
    return shown if shown.isprintable() else ascii(shown)[1:-1]


def _number(value: Any) -> float:
    return float(value) if type(value) in (int, float) and math.isfinite(value) else 0.0


def _count(id: str) -> int:
    """The count in a step's id: those of an effect are higher than those of its cause."""
    digits = id.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0
