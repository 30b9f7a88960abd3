"""`remit schema`: files in, other forms out."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.values import same
from remit.values.preserves import decode, parse, schema
from tests.cli.kit import Invoke

CHAT = "version 1 .\n\n# Says something.\nSays = <test.cli.Says @who people.Name @what string> .\n"
PEOPLE = 'version 1 . include "common" .\nName = Word .\n'


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """A schema that refers to another one, which includes a third."""
    (tmp_path / "chat.prs").write_text(CHAT)
    (tmp_path / "people.prs").write_text(PEOPLE)
    (tmp_path / "common").write_text("version 1 . Word = string .\n")
    return tmp_path / "chat.prs"


def test_a_schema_is_compiled_to_each_form(chat: Path, tmp_path: Path, invoke: Invoke) -> None:
    """Python by default; the compiled form in both syntaxes, alone or as a bundle; the text laid out anew."""
    done = invoke("schema", "compile", str(chat))
    assert (done.code, done.err) == (0, "")
    assert '@record("test.cli.Says")\nclass Says:' in done.out and "from . import people" in done.out
    assert '@record("test.cli.Says", known=False)' in invoke("schema", "compile", "--local", str(chat)).out
    assert invoke("schema", "compile", "--prs", str(chat)).out == CHAT
    shown = invoke("schema", "compile", "--text", "--bundle", str(chat)).out
    assert list(schema.from_value(parse(shown))) == ["chat", "people"]
    out = tmp_path / "chat.prb"
    assert invoke("schema", "compile", "--binary", "--bundle", str(chat), "-o", str(out)).out == ""
    assert same(decode(out.read_bytes()), parse(shown))
    assert invoke("schema", "compile", "--prs", str(out)).out == CHAT.replace("# Says something.\n", "")


def test_values_are_checked_against_a_definition(chat: Path, tmp_path: Path, invoke: Invoke) -> None:
    """Each value that does not fit is explained, and the exit code says whether there was one."""
    values = tmp_path / "values.pr"
    values.write_text('<test.cli.Says "a" "b"> # one\n<test.cli.Says "a" 5>\n')
    done = invoke("schema", "check", str(chat), "Says", str(values))
    assert done.code == 1
    assert done.out.startswith("value 2: a record <test.cli.Says …> is no chat.Says: ")
    assert "expected a string, not 5" in done.out
    values.write_text('<test.cli.Says "a" "b" more>')
    assert invoke("schema", "check", str(chat), "Says", str(values)).code == 0
    assert invoke("schema", "check", "--exact", str(chat), "Says", str(values)).code == 1
    assert invoke("schema", "check", str(chat)).out == f"{chat}: 1 definitions: Says\n"


def test_mistakes_are_told_with_their_place(chat: Path, invoke: Invoke) -> None:
    """A schema that is none, a module that is not there, a definition that is not."""
    chat.write_text("version 1 .\nX = strin .")
    done = invoke("schema", "check", str(chat))
    assert done.code == 1
    assert "did you mean 'string'? (at line 2, column 5)" in done.err
    chat.write_text("version 1 .\nX = other.Y .")
    done = invoke("schema", "compile", str(chat))
    assert done.code == 1 and "other.prs" in done.err
    chat.write_text("version 1 .\nX = int .")
    assert "no definition Y" in invoke("schema", "check", str(chat), "Y", "-").err


def test_record_classes_become_a_schema(invoke: Invoke) -> None:
    """All of a module, or those that are named."""
    done = invoke("schema", "of", "remit.lib:Attenuation")
    assert done.code == 0
    assert "Attenuation = <remit.attenuation\n  @methods AttenuationMethods\n  @read_only bool" in done.out
    assert "Edge = <remit.edge\n  @id string" in invoke("schema", "of", "remit.graph._edge").out
    assert invoke("schema", "of", "remit.lib:Nothing").code == 2
    assert invoke("schema", "of", "remit.nowhere").code == 2
