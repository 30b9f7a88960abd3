"""The tree of errors: what can be caught together, and what survives being sent."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from remit import errors
from remit.errors import Broken, DecodeError, RemitError, Revoked

CLASSES = [getattr(errors, name) for name in errors.__all__]
BROKEN = [cls for cls in CLASSES if issubclass(cls, Broken)]


def tree() -> dict[str, str]:
    """Each class and the one it hangs under, as drawn in the module's docstring."""
    parents, path = {}, {-4: ""}
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"(    [ │├└─]*)([A-Z]\w+)(?:  |$)", line):
            depth = len(match[1])
            parents[match[2]] = path[depth - 4] if depth > 4 else "Exception"
            path[depth] = match[2]
    return parents


def test_the_drawn_tree_is_the_tree() -> None:
    """The docstring shows every error class under its real parent, and no other."""
    assert tree() == {cls.__name__: cls.__bases__[0].__name__ for cls in CLASSES}


@pytest.mark.parametrize("cls", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_value_comes_back_as_the_same_class(cls: type[Broken]) -> None:
    """`parse` undoes `text`: class, message and id are kept."""
    sent = cls("the table is gone: [db]", id="a1-7")
    back = Broken.parse(sent.text())
    assert type(back) is cls
    assert back == sent
    assert type(Broken.parse(cls("x").text())) is cls


def test_a_foreign_kind_is_carried_and_selects_no_class() -> None:
    """A peer's own kind stays a string: it never becomes a class of ours that is not a `Broken`."""
    back = Broken.parse("StoreFull: no room [-]")
    assert (type(back), back.kind, back.message, back.id) == (Broken, "StoreFull", "no room", "")


def test_a_text_of_no_known_form_is_kept_whole() -> None:
    """What another implementation sends as an error is the message of a plain `Broken`."""
    back = Broken.parse("oh no")
    assert (back.kind, back.message) == ("Broken", "oh no")


def test_a_users_subclass_is_not_selected_by_a_peers_text() -> None:
    """Only Remit's own classes are found by kind."""

    class Mine(Broken):
        pass

    assert Mine("x").kind == "Broken"
    assert type(Broken.parse("Mine: x [-]")) is Broken


def test_a_copy_has_no_traceback_cause_or_notes() -> None:
    """What crosses to another vat leaves this side's details behind."""
    try:
        raise Revoked("by its owner", id="7") from ValueError("secret")
    except Revoked as error:
        error.add_note("secret")
        copy = error.copy()
    assert copy == Revoked("by its owner", id="7")
    assert copy.__traceback__ is None
    assert copy.__cause__ is None
    assert not hasattr(copy, "__notes__")


def test_a_decode_error_says_where() -> None:
    """The offset is in the text and can be read."""
    error = DecodeError("not a digit", 12)
    assert error.offset == 12
    assert "at byte 12" in str(error)


def test_every_error_has_the_one_root() -> None:
    """`except RemitError` catches whatever Remit raises of its own."""
    assert all(issubclass(cls, RemitError) for cls in CLASSES)
    assert Path(errors.__file__).name == "errors.py"
