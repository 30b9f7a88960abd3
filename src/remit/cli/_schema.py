"""`remit schema`: Preserves schemas on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from remit.cli._exit import FAILED
from remit.cli._main import Suggesting
from remit.cli._show import document, tell
from remit.errors import BadArgument, Truncated
from remit.values import preserves
from remit.values.preserves import schema as schemas

__all__ = ["schema"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(cls=Suggesting)
def schema() -> None:
    """Compile and use Preserves schemas."""


@schema.command("compile")
@click.argument("file", metavar="FILE.prs", type=_FILE)
@click.option(
    "--python", "form", flag_value="python", default="python", help="Python source with typed classes [default]."
)
@click.option("--binary", "form", flag_value="binary", help="The compiled form, which other implementations load.")
@click.option("--text", "form", flag_value="text", help="The compiled form as Preserves text.")
@click.option("--prs", "form", flag_value="prs", help="The schema again, laid out anew.")
@click.option(
    "--local", is_flag=True, help="Python: decoding does not give the classes, so labels may be used elsewhere."
)
@click.option("--bundle", is_flag=True, help="Compiled forms: with the modules that it refers to, as a bundle.")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
def compile_command(file: Path, form: str, local: bool, bundle: bool, output: Path | None) -> None:
    """Check a schema and write it in another form.

    Other modules that it refers to, and files that it includes, are looked for beside it. A file with the ending .prb is
    read as the compiled form.
    """
    found = _load(file)
    if form == "python":
        made = schemas.python_source(found, known=not local).encode()
    elif form == "prs":
        made = schemas.prs_source(found).encode()
    else:
        value = schemas.bundle_value(found.bundle) if bundle else schemas.schema_value(found)
        made = preserves.canonical(value) if form == "binary" else (preserves.text(value, indent=2) + "\n").encode()
    if output is not None:
        output.write_bytes(made)
    else:
        document(made)


@schema.command("check")
@click.argument("file", metavar="FILE.prs", type=_FILE)
@click.argument("definition", required=False)
@click.argument("values", metavar="VALUES", type=click.File("rb"), required=False)
@click.option("--exact", is_flag=True, help="Refuse what no pattern names in records and sequences.")
def check_command(file: Path, definition: str | None, values: Any, exact: bool) -> int:
    """Check a schema; or the VALUES of a file ('-' for standard input), in either syntax, against a DEFINITION of it.

    Each value that does not fit is explained. The exit code is 1 if there was one.
    """
    found = _load(file)
    if definition is None:
        tell(f"{file}: {len(found)} definitions: {', '.join(found)}")
        return 0
    wanted = found[definition]
    if values is None:
        raise click.UsageError(
            f"which values are to be checked? Name a file, or '-': remit schema check {file} {definition} -"
        )
    misfits = 0
    for number, value in enumerate(_values(values.read()), 1):
        try:
            wanted.parse(value, exact=exact)
        except BadArgument as error:
            misfits += 1
            tell(f"value {number}: {error.message}", lines=True)
    return FAILED if misfits else 0


@schema.command("of")
@click.argument("names", metavar="MODULE[:CLASS]…", nargs=-1, required=True)
@click.option("--name", default="schema", show_default=True, help="The name of the schema's module.")
def of_command(names: tuple[str, ...], name: str) -> None:
    """Write the schema of @record classes: all of a Python module that can be imported here, or those that are named."""
    sys.path.insert(0, "")  # as `python -m` does: modules of this directory can be named
    classes = [cls for each in names for cls in _classes(each)]
    document(schemas.prs_source(schemas.of(*classes, name=name)))


def _load(file: Path) -> schemas.Schema:
    """The schema of a file; a compiled one if its name says so."""
    if file.suffix == ".prb":
        bundle = schemas.from_value(preserves.decode(file.read_bytes()), name=file.stem)
        return bundle.get(file.stem) or next(iter(bundle.values()))
    there = file.parent

    def module(name: str) -> str:
        return (there / f"{name.replace('.', '/')}.prs").read_text(encoding="utf-8")

    def include(name: str) -> str:
        return (there / name).read_text(encoding="utf-8")

    try:
        return schemas.load(file.read_text(encoding="utf-8"), name=file.stem, modules=module, include=include)
    except OSError as error:
        raise click.FileError(
            str(error.filename), f"{file} needs it, and it cannot be read: {error.strerror}"
        ) from None


def _values(data: bytes) -> list[Any]:
    """The values of a file in either syntax."""
    if data.lstrip()[:1] < b"\x80":
        return preserves.parse_all(data.decode())
    reader = preserves.Reader()
    found = reader.feed(data)
    if reader.pending:
        raise Truncated("the values end inside the last one", len(data))
    return found


def _classes(name: str) -> list[type]:
    """The `@record` classes of a module, or the one that is named behind a colon."""
    module, colon, wanted = name.partition(":")
    try:
        there = importlib.import_module(module)
    except ImportError as error:
        raise click.BadParameter(f"{module} cannot be imported: {error}", param_hint="MODULE") from None
    if colon:
        cls = getattr(there, wanted, None)
        if cls is None:
            raise click.BadParameter(f"{module} has no {wanted}", param_hint="CLASS")
        return [cls]
    return [
        each
        for each in vars(there).values()
        if isinstance(each, type) and each.__module__ == there.__name__ and hasattr(each, "__record_label__")
    ]
