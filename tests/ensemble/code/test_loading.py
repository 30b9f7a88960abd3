"""Loading into a process that runs: executed or everything as it was; versions, and the way back."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.code import Manifest, signed
from remit.ensemble.code._finder import FINDER
from remit.ensemble.code._shelf import KEPT
from remit.errors import BadArgument, Broken, LimitExceeded, Missing, Refused, StoreCorrupt, StoreError
from remit.net import NodeKey
from tests.ensemble.code.kit import KEY, Sender, Server, write


def test_what_the_server_lacks_is_sent_and_executed(sender: Sender, server: Server) -> None:
    """With data beside it, in the module's own directory; once it is there nothing is sent and nothing is done."""
    write(
        sender.top,
        {
            "shop/__init__.py": "",
            "shop/handlers.py": "from pathlib import Path\nfrom shop import prices\nWORD = (Path(__file__).parent / 'word.txt').read_text() + prices.UNIT\n",
            "shop/prices.py": "UNIT = ' euros'\n",
            "shop/word.txt": "five",
        },
    )
    bundle = sender.bundle("shop.handlers")
    assert len(server.code.offer(bundle.manifest)) == 4
    loaded = server.take(bundle)
    assert (loaded.already, loaded.executed) == (False, ["shop", "shop.handlers", "shop.prices"])
    assert sys.modules["shop.handlers"].WORD == "five euros"  # type: ignore[attr-defined]
    first = sys.modules["shop.handlers"]
    assert server.code.offer(bundle.manifest) == []
    again = server.take(bundle)
    assert (again.already, again.digest, again.executed) == (True, bundle.digest.hex(), [])
    assert sys.modules["shop.handlers"] is first
    assert server.take(bundle, force=True).executed == ["shop.handlers"] and sys.modules["shop.handlers"] is not first


def test_only_what_has_changed_is_sent_and_executed(sender: Sender, server: Server) -> None:
    """A loaded module that imports what has changed is executed anew with it, so that nothing goes on with the older one."""
    sender.write(handler="import middle, other\n", middle="from deep import N\n", deep="N = 1\n", other="")
    server.take(sender.bundle("handler"))
    other = sys.modules["other"]
    sender.write(deep="N = 2\n")
    bundle = sender.bundle("handler")
    assert len(server.code.offer(bundle.manifest)) == 1
    assert server.take(bundle).executed == ["deep", "handler", "middle"]
    assert sys.modules["middle"].N == 2 and sys.modules["other"] is other  # type: ignore[attr-defined]


def test_data_that_has_changed_comes_with_what_reads_it(sender: Sender, server: Server) -> None:
    """A package whose data is another is another package; a module finds data beside it, whether its package is taken or not."""
    reads = "from pathlib import Path\nTEXT = (Path(__file__).parent / 'word.txt').read_text()\n"
    write(sender.top, {"shop/__init__.py": reads, "shop/job.py": reads, "shop/word.txt": "one"})
    server.take(sender.bundle("shop.job"))
    write(sender.top, {"shop/job.py": f"{reads}N = 2\n"})
    assert server.take(sender.bundle("shop.job")).executed == ["shop.job"]
    assert sys.modules["shop.job"].TEXT == "one"  # type: ignore[attr-defined]
    write(sender.top, {"shop/word.txt": "two"})
    assert server.take(sender.bundle("shop.job")).executed == ["shop", "shop.job"]
    assert (sys.modules["shop"].TEXT, sys.modules["shop.job"].TEXT) == ("two", "two")  # type: ignore[attr-defined]


def test_modules_of_the_program_itself_are_left_and_named(sender: Sender, server: Server, tmp_path: Path) -> None:
    """What the server imported by itself may hold what it lives on; loading it by its own name replaces it."""
    write(tmp_path / "program", {"ours.py": "STATE = []\n", "same.py": "x = 1\n"})
    sys.path.insert(0, str(tmp_path / "program"))
    ours = importlib.import_module("ours")
    importlib.import_module("same")
    sender.write(handler="import ours, same\nours.STATE.append(1)\n", ours="STATE = None\n", same="x = 1\n")
    loaded = server.take(sender.bundle("handler"))
    assert (loaded.executed, loaded.differ) == (["handler"], ["ours"]) and ours.STATE == [1]
    assert server.take(sender.bundle("ours")).executed == ["ours"]
    assert sys.modules["ours"].STATE is None  # type: ignore[attr-defined]
    assert sys.modules["handler"].ours is ours  # type: ignore[attr-defined]


def test_who_still_uses_what_was_replaced_is_named(sender: Sender, server: Server) -> None:
    """Modules of other bundles are not executed without being asked for; they are said to be stale."""
    sender.write(one="import shared\n", two="import shared\n", shared="N = 1\n")
    server.take(sender.bundle("one"))
    server.take(sender.bundle("two"))
    sender.write(shared="N = 2\n")
    assert server.take(sender.bundle("two")).stale == ["one"]


def test_modules_of_a_package_that_were_not_sent_are_still_found(
    sender: Sender, server: Server, tmp_path: Path
) -> None:
    """A package of which a newer form was loaded has the server's other modules, too, and directories without __init__ are packages."""
    write(tmp_path / "program", {"shop/__init__.py": "", "shop/stock.py": "N = 7\n"})
    sys.path.insert(0, str(tmp_path / "program"))
    write(
        sender.top,
        {"shop/__init__.py": "NEW = 1\n", "shop/job.py": "from shop import stock\n", "bare/sub/job.py": "N = 3\n"},
    )
    server.take(sender.bundle("shop.job", present=["shop.stock"]))
    assert sys.modules["shop.job"].stock.N == 7  # type: ignore[attr-defined]
    server.take(sender.bundle("bare.sub.job"))
    assert importlib.import_module("bare.sub.job").N == 3


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (
            "x = 2\nraise RuntimeError('not today')\n",
            "LoadFailed",
            "raised RuntimeError: not today (handler.py, line 2)",
        ),
        ("import deep\nimport nowhere_at_all\n", "Missing", "needs nowhere_at_all, which this server lacks"),
        (
            "import importlib\nimportlib.import_module('nowhere' + '_at_all')\n",
            "LoadFailed",
            "No module named 'nowhere_at_all'",
        ),
        ("raise SystemExit(3)\n", "LoadFailed", "raised SystemExit: 3"),
        ("import deep\ndeep.N = 1 / 0\n", "LoadFailed", "ZeroDivisionError"),
        ("import wave\nimport deep\nfrom deep import nothing\n", "LoadFailed", "cannot import name 'nothing'"),
    ],
)
def test_a_load_that_fails_leaves_the_old_code_running(
    sender: Sender, server: Server, text: str, kind: str, words: str
) -> None:
    """sys.modules, how modules are found, and the versions are as they were; what was there goes on."""
    write(sender.top, {"shop/__init__.py": ""})
    sender.write(handler="import deep\nx = 1\n", deep="N = 1\n")
    server.take(sender.bundle("handler"))
    before = {name: sys.modules[name] for name in ("handler", "deep")}
    versions = server.code.versions()
    sender.write(handler=text, deep="N = 2\nimport fresh, shop.new\n", fresh="")
    write(sender.top, {"shop/new.py": ""})
    with pytest.raises(Broken) as caught:
        server.take(sender.bundle("handler"))
    assert caught.value.kind == kind and words in caught.value.message
    assert {name: sys.modules[name] for name in before} == before
    assert not {"fresh", "shop", "shop.new"} & set(sys.modules)
    assert sys.modules["handler"].deep.N == 1  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        importlib.import_module("fresh")
    assert server.code.versions() == versions
    sender.write(handler="import deep\nx = 3\n")
    assert server.take(sender.bundle("handler")).executed[0] == "deep" and sys.modules["handler"].x == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    ["while True:\n    pass\n", "while True:\n    try:\n        len(str(1))\n    except Exception:\n        pass\n"],
)
def test_a_load_that_never_ends_is_ended(sender: Sender, tmp_path: Path, text: str) -> None:
    """It would be the end of the server, which does nothing else meanwhile."""
    server = Server(tmp_path / "server", limit=0.1)
    sender.write(endless=text, fine="x = 1\n")
    with pytest.raises(Broken, match="endless raised Endless: it did not come to an end in time"):
        server.take(sender.bundle("endless"))
    assert "endless" not in sys.modules and server.code.versions() == []
    assert server.take(sender.bundle("fine")).executed == ["fine"]


def test_attributes_of_packages_are_put_back(sender: Sender, server: Server) -> None:
    """`package.module` is the old module again where the newer one failed."""
    write(sender.top, {"shop/__init__.py": "", "shop/job.py": "N = 1\n"})
    server.take(sender.bundle("shop.job"))
    write(sender.top, {"shop/job.py": "N = 2\nraise ValueError\n"})
    with pytest.raises(Broken):
        server.take(sender.bundle("shop.job"))
    assert sys.modules["shop"].job.N == 1  # type: ignore[attr-defined]


def test_a_syntax_error_is_found_before_anything_is_executed(server: Server) -> None:
    """A sender of ours finds it first; another one's bundle is compiled as a whole before a line of it runs."""
    sources = {"a.py": b"raise RuntimeError('executed')\n", "b.py": b"\ndef f(:\n"}
    manifest, _ = _made("a", sources)
    for digest in server.code.offer(manifest):
        server.code.put([[digest, next(data for data in sources.values() if _sha(data) == digest), 0]])
    with pytest.raises(BadArgument, match=r"b.py, line 2: .*nothing was changed"):
        server.code.load(manifest)
    assert "a" not in sys.modules


def _sha(data: bytes) -> bytes:
    from hashlib import sha256

    return sha256(data).digest()


def _made(module: str, sources: dict[str, bytes], key: NodeKey = KEY) -> tuple[Manifest, bytes]:
    """A manifest that somebody has written by hand, and the digest of its first file."""
    files = [[path, _sha(data), len(data), False] for path, data in sorted(sources.items())]
    return signed(Manifest(module, files, {}, []), key.public, key.sign), files[0][1]


def test_a_manifest_that_lies_about_a_digest_is_refused(server: Server) -> None:
    """What is put is what was offered, piece by piece, or it is not taken; and nothing is loaded without it."""
    manifest, digest = _made("m", {"m.py": b"x = 1\n"})
    with pytest.raises(BadArgument, match="offer the manifest first"):
        server.code.put([[digest, b"x = 1\n", 0]])
    assert server.code.offer(manifest) == [digest]
    with pytest.raises(BadArgument, match="has another digest"):
        server.code.put([[digest, b"x = 2\n", 0]])
    with pytest.raises(BadArgument, match="a file of 6 bytes"):
        server.code.put([[digest, b"x = 10\n", 0]])
    with pytest.raises(BadArgument, match="a file of 6 bytes of which 0 have come"):
        server.code.put([[digest, b"1\n", 4]])
    with pytest.raises(Missing, match="was not put"):
        server.code.load(manifest)
    server.code.put([[digest, b"x =", 0]])
    server.code.put([[digest, b" 1\n", 3]])
    assert server.code.load(manifest).executed == ["m"]


def test_a_bundle_that_is_too_large_or_leads_out_is_refused_by_the_server(server: Server) -> None:
    """Whoever made it: bounds and paths are looked at before anything is taken."""
    big = signed(Manifest("m", [["m.py", bytes(32), 1 << 40, False]], {}, []), KEY.public, KEY.sign)
    out = signed(
        Manifest("m", [["../../m.py", bytes(32), 1, False], ["m.py", bytes(32), 1, False]], {}, []),
        KEY.public,
        KEY.sign,
    )
    for manifest, error in ((big, LimitExceeded), (out, BadArgument), ("m", BadArgument)):
        with pytest.raises(error):
            server.code.offer(manifest)  # type: ignore[arg-type]
        with pytest.raises(error):
            server.code.load(manifest)  # type: ignore[arg-type]


def test_only_chosen_signers_are_taken_where_there_are_any(sender: Sender, tmp_path: Path) -> None:
    """E28: Another key's bundle is refused, with the key."""
    server = Server(tmp_path / "server", signers=lambda: [KEY.public])
    sender.write(handler="x = 1\n")
    other = NodeKey.generate()
    with pytest.raises(Refused, match=other.designator):
        server.take(Sender(sender.top, other).bundle("handler"))
    assert server.take(sender.bundle("handler")).executed == ["handler"]


def test_versions_are_kept_and_gone_back_to(sender: Sender, server: Server) -> None:
    """E28: One step back, or to a digest; who loaded it, who signed it and when is known of each; at most so many are kept."""
    digests = []
    for number in range(KEPT + 2):
        sender.write(handler=f"import deep\nN = {number}\n", deep=f"N = {number}\n")
        digests.append(server.take(sender.bundle("handler"), who=f"user {number}").digest)
    versions = server.code.versions("handler")
    assert [each.digest for each in versions] == digests[2:] and [each.running for each in versions] == [False] * (
        KEPT - 1
    ) + [True]
    assert (versions[-1].who, versions[-1].signer, versions[-1].when) == (
        f"user {KEPT + 1}",
        KEY.designator,
        1000.0 + KEPT + 1,
    )
    handler = lambda: (sys.modules["handler"].N, sys.modules["handler"].deep.N)  # type: ignore[attr-defined]  # noqa: E731
    server.code.rollback("handler")
    assert handler() == (KEPT, KEPT)
    server.code.rollback("handler")
    assert handler() == (KEPT - 1, KEPT - 1)
    server.code.rollback("handler", digests[-1][:8])
    assert handler() == (KEPT + 1, KEPT + 1)
    server.code.rollback("handler", digests[2])
    with pytest.raises(Missing, match=f"no version of handler before the one that runs; there are: {digests[2][:12]}"):
        server.code.rollback("handler")
    with pytest.raises(Missing, match="whose digest begins with 00zz"):
        server.code.rollback("handler", "00zz")
    trees = {path.stem for path in (server.directory / "code" / "trees").glob("*.manifest")}
    assert trees == set(digests[2:])
    assert len(list((server.directory / "code" / "blobs").iterdir())) == 2 * KEPT


def test_what_was_loaded_is_loaded_again_when_the_server_starts(sender: Sender, server: Server) -> None:
    """In the order in which it was; what fails then is named, and does not keep the others from being loaded. Forgotten is forgotten."""
    sender.write(
        one="x = 1\n", two="import sys\nif 'forbidden' in sys.modules: raise RuntimeError('no')\n", three="x = 3\n"
    )
    for name in ("two", "three", "one"):
        server.take(sender.bundle(name))
    server.take(sender.bundle("two"), force=True)
    server.code.forget("three")
    for name in ("one", "two", "three"):
        del sys.modules[name]
    assert (
        Server(server.directory).code.restore() == []
        and {"one", "two"} <= set(sys.modules)
        and "three" not in sys.modules
    )
    for name in ("one", "two"):
        del sys.modules[name]
    sys.modules["forbidden"] = sys
    again = Server(server.directory)
    assert again.code.restore() == ["two"] and "one" in sys.modules
    assert again.take(sender.bundle("one")).already


def test_what_the_program_had_of_its_own_is_its_own_again_when_the_server_starts(
    sender: Sender, server: Server, tmp_path: Path
) -> None:
    """Though the bundle has it, too: the program may have been renewed since."""
    write(tmp_path / "program", {"ours.py": "N = 'own'\n"})
    sys.path.insert(0, str(tmp_path / "program"))
    importlib.import_module("ours")
    sender.write(handler="import ours, helper\n", ours="N = 'brought'\n", helper="")
    assert server.take(sender.bundle("handler")).executed == ["handler", "helper"]
    for name in ("handler", "helper", "ours"):
        del sys.modules[name]
    FINDER.places = {}
    assert Server(server.directory).code.restore() == []
    assert sys.modules["handler"].ours.N == "own"  # type: ignore[attr-defined]
    assert FINDER.places.keys() == {"handler", "helper"}


def test_code_that_takes_the_process_with_it_is_not_loaded_again(sender: Sender, server: Server) -> None:
    """A server would never start again otherwise; loading another version, or the same by force, makes it good."""
    sender.write(deadly="x = 1\n")
    server.take(sender.bundle("deadly"))
    del sys.modules["deadly"]
    (server.directory / "code" / "trying").write_text("deadly")  # as a process that ended in the middle leaves it
    for _ in range(2):
        again = Server(server.directory)
        assert again.code.restore() == ["deadly"] and "deadly" not in sys.modules
    assert "the process ended" in again.code.versions("deadly")[0].skipped
    again.take(sender.bundle("deadly"), force=True)
    del sys.modules["deadly"]
    assert Server(server.directory).code.restore() == [] and "deadly" in sys.modules


def test_damage_in_the_directory_is_found(sender: Sender, server: Server) -> None:
    """A blob with other bytes is wanted again, a tree is mended, and a list of versions that is none says what to do."""
    sender.write(handler="x = 1\n")
    bundle = sender.bundle("handler")
    server.take(bundle)
    code = server.directory / "code"
    tree = code / "trees" / bundle.digest.hex() / "handler.py"
    tree.unlink()
    tree.write_text("x = 666\n")
    server.take(bundle, force=True)
    assert sys.modules["handler"].x == 1 and tree.read_text() == "x = 1\n"  # type: ignore[attr-defined]
    next((code / "blobs").iterdir()).write_bytes(b"x = 3\n")
    with pytest.raises(Missing, match="damaged"):
        server.take(bundle, force=True)
    assert server.take(bundle, force=True).executed == ["handler"]
    (code / "versions.json").write_text('{"format": 1, "modules": {"handler": 3}}')
    with pytest.raises(StoreCorrupt, match="move it away"):
        Server(server.directory)


def test_a_library_is_loaded_from_the_servers_own_path(server: Server, tmp_path: Path) -> None:
    """E20: Once, or anew by force; an unknown one is answered with the nearest; one that raises leaves the old one."""
    write(tmp_path / "program", {"plugin.py": "N = 1\n"})
    sys.path.insert(0, str(tmp_path / "program"))
    manifest = Manifest("plugin", [], {}, [])
    assert server.code.load(manifest, library=True).executed == ["plugin"]
    assert server.code.load(manifest, library=True).already
    write(tmp_path / "program", {"plugin.py": "N = 2222\n"})
    assert (
        server.code.load(manifest, force=True, library=True).executed == ["plugin"] and sys.modules["plugin"].N == 2222
    )  # type: ignore[attr-defined]
    write(tmp_path / "program", {"plugin.py": "N = 33333\nraise KeyError('x')\n"})
    with pytest.raises(Broken, match="plugin raised KeyError"):
        server.code.load(manifest, force=True, library=True)
    assert sys.modules["plugin"].N == 2222  # type: ignore[attr-defined]
    with pytest.raises(Missing, match=r"no module plugins on this server's path; did you mean plugin\?"):
        server.code.load(Manifest("plugins", [], {}, []), library=True)
    del sys.modules["plugin"]
    write(tmp_path / "program", {"plugin.py": "N = 4\n"})
    assert Server(server.directory).code.restore() == [] and sys.modules["plugin"].N == 4  # type: ignore[attr-defined]


def test_a_brought_module_can_give_way_to_the_servers_own(sender: Sender, server: Server, tmp_path: Path) -> None:
    """Forced, as a library; and a rollback leads back to what was brought."""
    write(tmp_path / "program", {"plugin.py": "N = 'own'\n"})
    sys.path.insert(0, str(tmp_path / "program"))
    sender.write(plugin="N = 'brought'\n")
    server.take(sender.bundle("plugin"))
    server.code.load(Manifest("plugin", [], {}, []), force=True, library=True)
    assert sys.modules["plugin"].N == "own"  # type: ignore[attr-defined]
    server.code.rollback("plugin")
    assert sys.modules["plugin"].N == "brought"  # type: ignore[attr-defined]


COUNTER = """
from remit.vat import actor

@actor(kind="loading.counter", version={version})
class Counter:
    count: int = 0
    {field}

    def add(self):
        self.count += {step}
        return self.count

    @staticmethod
    def _upgrade(version, fields):
        {upgrade}

    {more}
"""


def counter(version: int, step: int, upgrade: str = "return fields", field: str = "", more: str = "") -> str:
    return COUNTER.format(version=version, step=step, upgrade=upgrade, field=field, more=more)


def test_living_objects_are_brought_over_with_their_state(sender: Sender, server: Server) -> None:
    """References stay valid; what an upgrade raises leaves code, objects and versions as they were; a rollback needs a `_downgrade`."""
    sender.write(counting=counter(1, 1))
    server.take(sender.bundle("counting"))
    ref = server.vat.spawn(sys.modules["counting"].Counter)  # type: ignore[attr-defined]
    ask = lambda: _outcome(server, ref.add())  # noqa: E731
    assert ask() == 1
    sender.write(counting=counter(2, 10, "raise ValueError(fields['count'])"))
    with pytest.raises(StoreError, match=r"_upgrade failed: ValueError\(1\)"):
        server.take(sender.bundle("counting"))
    assert ask() == 2 and len(server.code.versions()) == 1
    old = sys.modules["counting"]
    sender.write(counting=counter(2, 10, "return {'count': fields['count'] * 100}"))
    assert server.take(sender.bundle("counting")).upgraded == {"loading.counter": 1}
    assert ask() == 210 and sys.modules["counting"] is not old
    with pytest.raises(StoreError, match="no _downgrade"):
        server.code.rollback("counting")
    down = "@staticmethod\n    def _downgrade(version, fields):\n        return {'count': fields['count'] // 100}"
    sender.write(counting=counter(2, 20, more=down))
    server.take(sender.bundle("counting"))
    assert ask() == 230
    assert server.code.rollback("counting", server.code.versions()[0].digest).upgraded == {"loading.counter": 1}
    assert ask() == 3
    sender.write(counting="")
    assert server.take(sender.bundle("counting")).kept == {"loading.counter": 1}
    assert ask() == 4
    sender.write(counting=counter(3, 100))
    server.take(sender.bundle("counting"))


def _outcome(server: Server, promise: Any) -> Any:
    from remit.vat import resolved

    server.vat.run()
    return resolved(promise)


def test_a_full_disk_costs_the_load_and_nothing_else(
    sender: Sender, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the version cannot be noted, the old code goes on."""
    from remit.ensemble.code import _shelf
    from remit.errors import StoreFull

    sender.write(handler="x = 1\n")
    server.take(sender.bundle("handler"))
    sender.write(handler="x = 2\n")

    def full(*_args: object, **_how: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(_shelf, "write_secret_file", full)
    with pytest.raises(StoreFull):
        server.take(sender.bundle("handler"))
    monkeypatch.undo()
    assert sys.modules["handler"].x == 1  # type: ignore[attr-defined]
    assert (
        len(json.loads((server.directory / "code" / "versions.json").read_text())["modules"]["handler"]["versions"])
        == 1
    )
    assert [each.running for each in server.code.versions()] == [True]
