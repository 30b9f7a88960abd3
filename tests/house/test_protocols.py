"""The published vocabularies in `protocols`: all of them are schemas, and those of our own records say what the classes say.

After a change of a public `@record` class:  .venv/bin/python -m tests.house.test_public
writes `protocols/remit` anew, together with the lists of public names. Look at the difference before committing it.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

import pytest

from remit.values import Tagged
from remit.values.preserves import schema
from tests.house.source import TOP
from tests.house.test_layers import ORDER

FOLDER = TOP / "protocols"
OWN = FOLDER / "remit"
COMMAND = "run `.venv/bin/python -m tests.house.test_public` and look at the difference"
HEAD = "# Made from the @record classes of {name}; `.venv/bin/python -m tests.house.test_public` makes it anew.\n"


def text_of(module: str) -> str:
    """The text of a vocabulary, by its module."""
    return (FOLDER / f"{module.replace('.', '/')}.prs").read_text(encoding="utf-8")


@cache
def vocabulary(module: str) -> schema.Schema:
    return schema.load(text_of(module), name=module, modules=text_of)


WRITTEN = sorted(path.stem for path in FOLDER.glob("*.prs"))


@cache
def written() -> set[tuple[str, int]]:
    """Labels and numbers of fields of all records in vocabularies that are written by hand."""
    plans = [plan for module in WRITTEN for plan in vocabulary(module).plans]
    return {(plan.label, len(plan.fields)) for plan in plans if plan.label is not None}


def records(package: str) -> list[type]:
    """The public `@record` classes that a package defines and that no vocabulary written by hand has."""
    there = importlib.import_module(package)
    found = [getattr(there, name) for name in sorted(there.__all__)]
    return [
        cls
        for cls in found
        if isinstance(cls, type)
        and hasattr(cls, "__record_label__")
        and cls.__module__.startswith(f"{package}.")
        and (cls.__record_label__, len(cls.__record_fields__)) not in written()
    ]


def own() -> dict[str, str]:
    """The vocabulary of each package that has records of its own, by module."""
    texts: dict[str, str] = {}
    before: dict[str, schema.Schema] = {}
    for layer in ORDER[ORDER.index("values") + 1 :]:
        name = f"remit.{layer}"
        if not (TOP / "src/remit" / layer / "__init__.py").exists():
            continue
        classes = records(name)
        if classes:
            before[name] = schema.of(*classes, name=name, using=before)
            texts[name] = HEAD.format(name=name) + schema.prs_source(before[name])
    return texts


@pytest.mark.parametrize("module", WRITTEN)
def test_each_vocabulary_is_a_schema(module: str) -> None:
    """It is read without mistake, says what it is for, and its compiled form is one that others load."""
    loaded = vocabulary(module)
    assert text_of(module).startswith(("version 1 .\n", "# "))
    bundle = schema.bundle_value(loaded.bundle)
    assert set(schema.from_value(bundle)) == set(loaded.bundle)


def test_the_metaschema_is_published_as_it_is_used() -> None:
    """`protocols/schema.prs` is the text that the compiler itself reads."""
    from remit.values.preserves.schema._meta import METASCHEMA

    assert text_of("schema") == METASCHEMA


def test_own_vocabularies_say_what_the_classes_say() -> None:
    """`protocols/remit` has a file for each package with public records, made from the classes."""
    there = {f"remit.{path.stem}": path.read_text(encoding="utf-8") for path in OWN.glob("*.prs")}
    assert there == own(), COMMAND


def test_records_of_known_labels_are_written_as_published() -> None:
    """A public class whose record is in a vocabulary written by hand parses there: `<Observe …>` is `dataspace.Observe`."""
    from remit.dataspace import Observe, bind
    from remit.services import DependsOn, ServiceState

    service = vocabulary("service")
    depends = DependsOn("web", ServiceState("db", Tagged("x", [])))
    assert service.parse("DependsOn", depends, exact=True) == depends
    patterns = vocabulary("dataspace")
    assert patterns["Pattern"].accepts(bind(), exact=True)
    assert not patterns["Observe"].accepts(Observe(bind(), 5))


def main() -> None:
    OWN.mkdir(exist_ok=True)
    texts = own()
    for path in OWN.glob("*.prs"):
        path.unlink()
    for name, text in texts.items():
        (OWN / f"{Path(name.replace('.', '/')).name}.prs").write_text(text, encoding="utf-8")
    print(f"wrote {len(texts)} vocabularies to {OWN}")
