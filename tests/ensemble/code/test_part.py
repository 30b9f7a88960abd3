"""The part `load`, by messages: what is sent, and what is written down of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.ensemble.code import Loading, Manifest, send_bundle, send_library
from remit.ensemble.code import _part as part_module
from remit.ensemble.code._manifest import checked, signed
from remit.errors import Broken, Missing, RemitError, StoreError, StoreExposed
from remit.net import NodeKey
from tests.ensemble.code.kit import KEY, Sender, Server, write


class Audit:
    """A device `audit` that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, str]] = []
        self.full = False

    def note(self, who: str, part: str, what: str) -> None:
        if self.full:
            raise Broken.of("StoreFull", "no room")
        self.lines.append((who, part, what))


def talk(server: Server, conversation: Callable[[Any, Audit], Awaitable[None]]) -> None:
    """Speak with the part, as "shop" would."""

    async def main() -> None:
        audit = Audit()
        async with server.vat as vat:
            part = vat.spawn(Loading, vat.device("code", server.code), vat.device("audit", audit), "shop")
            async with asyncio.timeout(20):
                await conversation(part, audit)

    asyncio.run(main())


def test_a_bundle_is_sent_in_pieces_and_each_load_is_written_down(
    sender: Sender, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who, what, which digest, whose signature and how; an empty file is a file, too; a load that fails was noted all the same."""
    monkeypatch.setattr(part_module, "PIECE", 10)
    write(
        sender.top,
        {"shop/__init__.py": "", "shop/job.py": "N = 'a text of more than ten bytes'\n", "shop/empty.txt": ""},
    )

    async def conversation(part: Any, audit: Audit) -> None:
        bundle = sender.bundle("shop.job")
        short = bundle.digest.hex()[:12]
        assert (await send_bundle(part, bundle)).executed == ["shop", "shop.job"]
        assert (await send_bundle(part, bundle)).already
        assert (await send_bundle(part, bundle, force=True)).executed == ["shop.job"]
        write(sender.top, {"shop/job.py": "1 / 0\n"})
        with pytest.raises(Broken, match="ZeroDivisionError"):
            await send_bundle(part, sender.bundle("shop.job"))
        with pytest.raises(Missing, match="before the one that runs"):
            await part.rollback("shop.job")
        with pytest.raises(Missing, match="did you mean"):
            await send_library(part, "jso")
        await part.forget("shop.job")
        assert await part.versions() == []
        signed = f"signed by {KEY.designator}"
        said = [what for who, name, what in audit.lines if (who, name) == ("shop", "load")]
        assert said[:3] == [
            f"load shop.job {short} {signed}",
            f"load shop.job {short} {signed}",
            f"load --force shop.job {short} {signed}",
        ]
        assert said[3].startswith("load shop.job ") and said[4:] == [
            "rollback shop.job",
            "load --library jso",
            "forget shop.job",
        ]

    talk(server, conversation)


def test_nothing_is_loaded_unrecorded(sender: Sender, server: Server) -> None:
    """Where the log takes no line, nothing is executed."""
    sender.write(handler="x = 1\n")

    async def conversation(part: Any, audit: Audit) -> None:
        audit.full = True
        with pytest.raises(Broken, match="no room"):
            await send_bundle(part, sender.bundle("handler"))
        assert "handler" not in sys.modules

    talk(server, conversation)


def test_what_is_no_manifest_is_refused(server: Server) -> None:
    """Anything may come over the wire: it is told so, and written down as that."""

    async def conversation(part: Any, audit: Audit) -> None:
        for strange in (
            None,
            7,
            "handler",
            [1],
            {"module": "x"},
            Manifest("x", [], {}, [], 7, 8),
            Manifest(7, 7, 7, 7),
        ):
            for ask in (part.offer, part.load):
                with pytest.raises(Broken):
                    await ask(strange)
        with pytest.raises(Broken):
            await part.put(["x", 7])
        assert "handler" not in sys.modules

    talk(server, conversation)


def test_two_servers_of_one_process_share_its_modules(sender: Sender, server: Server, tmp_path: Any) -> None:
    """Modules are the process's: the other server says that it is there already, and each keeps versions of its own."""
    sender.write(handler="x = 1\n")
    other = Server(tmp_path / "other")
    server.take(sender.bundle("handler"))
    assert other.take(Sender(sender.top, NodeKey.generate()).bundle("handler")).already
    assert other.code.versions() == []


def test_a_file_names_whose_code_is_taken(tmp_path: Path) -> None:
    """One designator a line; without the file there is no choice. What cannot be understood lets nobody in, rather than everybody."""
    file = tmp_path / "signers"
    assert part_module.read_signers(file) == []
    file.write_text(f"# ours\n{KEY.designator}  # the build server\n\n")
    file.chmod(0o600)
    assert part_module.read_signers(file) == [KEY.public]
    for text, words in (("", "names nobody"), ("ada\n", "is not the designator"), ("\udcff", "cannot be read")):
        file.write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(StoreError, match=words):
            part_module.read_signers(file)
    file.chmod(0o644)
    with pytest.raises(StoreExposed):
        part_module.read_signers(file)


WORDS = st.sampled_from(
    ["m", "m.py", "../m.py", "a/m.py", "", "m.n", "\0", b"", bytes(32), 0, -1, 1 << 70, True, None, 1.5]
)
VALUES = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["m", "n"]), inner, max_size=2),
    max_leaves=8,
)
RIGHT = st.just([["m.py", bytes(32), 1, False]])
FILES = RIGHT | st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS).map(list) | VALUES, max_size=4)


@given(
    st.one_of(
        VALUES,
        st.builds(
            Manifest,
            st.just("m") | WORDS,
            FILES | VALUES,
            VALUES | st.dictionaries(st.just("m"), st.lists(VALUES)),
            VALUES,
            WORDS,
            WORDS,
        ),
    ),
    st.booleans(),
)
def test_whatever_comes_as_a_manifest_is_taken_or_refused_in_our_words(value: Any, sign: bool) -> None:
    """Never an error of Python's own, signed or not."""
    if (
        sign
        and isinstance(value, Manifest)
        and isinstance(value.files, list)
        and isinstance(value.imports, dict)
        and isinstance(value.needs, list)
    ):
        value = signed(value, KEY.public, KEY.sign)
    try:
        assert checked(value) is value
    except RemitError:
        pass
