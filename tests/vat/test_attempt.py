"""Parts of a turn that may fail by themselves."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Broken
from remit.vat import Failed, Ref, Vat, actor, attempt, call, tell
from tests.vat.kit import Log, run, settle


class Told:
    """A recorder."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def failed(self, vat: Vat, error: Exception, broken: Broken, where: str) -> None:
        self.words.append(f"{error} in {where}")


@actor(kind="tests.tryer")
class Tryer:
    log: Ref[Log]
    done: list[str] = []

    def step(self, name: str, fail: bool) -> str:
        self.done.append(name)
        tell(self.log).add(name)
        call(self.log).add(f"now {name}")
        if fail:
            raise ValueError(name)
        return name

    def try_all(self, fail_after: bool) -> Any:
        first = attempt("one", self.step, "a", False)
        second = attempt(lambda: "two", self.step, "b", True)
        assert isinstance(second, Failed)
        third = attempt("three", self.step, "c", False)
        if fail_after:
            raise ValueError("after all")
        return [first, second.error, third]

    def interrupted(self) -> None:
        attempt("four", self._interrupt)

    def _interrupt(self) -> None:
        self.done.append("undone")
        raise KeyboardInterrupt


@pytest.mark.parametrize("fail_after", [False, True])
def test_what_fails_is_undone_and_told_once_and_the_turn_goes_on(fail_after: bool) -> None:
    """A part that raises has changed, called and sent nothing; the others have, if the turn ends well."""
    told = Told()
    vat = Vat(recorder=told)
    log = vat.spawn(Log)
    it = vat.spawn(Tryer, log)
    if fail_after:
        with pytest.raises(Broken, match="after all"):
            settle(it.try_all(True))
        assert list(it._at.done) == [] and list(log._at.entries) == []
    else:
        first, error, third = settle(it.try_all(False))
        assert (first, error.message, third) == ("a", "b", "c")
        run(vat)
        assert list(it._at.done) == ["a", "c"]
        assert list(log._at.entries) == ["now a", "now c", "a", "c"]
    assert told.words[:1] == ["b in two"] and len(told.words) == 1 + fail_after


def test_an_interrupt_is_no_failure_of_a_part() -> None:
    """What is no error of the program's goes through."""
    vat = Vat()
    it = vat.spawn(Tryer, vat.spawn(Log))
    tell(it).interrupted()
    with pytest.raises(KeyboardInterrupt):
        vat.run()
    assert list(it._at.done) == []
