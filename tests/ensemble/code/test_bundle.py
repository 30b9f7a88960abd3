"""What is in a bundle, and what is refused."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.code import Bundle, Manifest, digest_of, signed
from remit.ensemble.code._manifest import FILE, FILES, TOTAL, checked
from remit.errors import BadArgument, LimitExceeded, Missing, Refused
from remit.net import NodeKey
from remit.values import decode, encode
from tests.ensemble.code.kit import KEY, Sender, write

SHOP = {
    "shop/__init__.py": "from shop import prices\n",
    "shop/prices.py": "import json\nfrom . import helpers\nimport remit\n\ndef late():\n    import shop.later\n",
    "shop/helpers.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere\ntry:\n    import faster\nexcept ImportError:\n    faster = None\n",
    "shop/later.py": "import tools\n",
    "shop/unused.py": "",
    "shop/words.json": "{}",
    "shop/__pycache__/prices.pyc": "x",
    "shop/.hidden": "x",
    "tools.py": "raise RuntimeError('executed')\n",
    "unrelated.py": "",
}


def paths(bundle: Bundle) -> list[str]:
    return [entry[0] for entry in bundle.manifest.files]


def test_a_module_comes_with_its_packages_imports_and_data_and_nothing_is_executed(sender: Sender) -> None:
    """Imports in functions come along, what is only for types or may be missing does not; `tools` would raise."""
    write(sender.top, SHOP)
    bundle = sender.bundle("shop.prices")
    assert paths(bundle) == [
        "shop/__init__.py",
        "shop/helpers.py",
        "shop/later.py",
        "shop/prices.py",
        "shop/words.json",
        "tools.py",
    ]
    assert bundle.manifest.needs == []
    assert bundle.manifest.imports["shop.prices"] == ["shop", "shop.helpers"]
    assert "shop" not in sys.modules
    whole = sender.bundle("shop")
    assert "shop/unused.py" in paths(whole)  # a package may import its modules by names that no source tells
    assert paths(sender.bundle("shop.prices", alone=True)) == ["shop/prices.py"]
    assert "tools.py" not in paths(sender.bundle("shop.prices", present=["tools"]))


def test_a_bundle_is_the_same_to_the_byte_wherever_it_is_made(sender: Sender, tmp_path: Path) -> None:
    """The same files in another directory, written at another time in another order."""
    write(sender.top, SHOP)
    other = Sender(tmp_path / "other")
    write(other.top, dict(reversed(SHOP.items())))
    one, two = sender.bundle("shop.prices"), other.bundle("shop.prices")
    assert encode(one.manifest) == encode(two.manifest) and one.contents == two.contents
    write(other.top, {"tools.py": "raise RuntimeError('executed, again')\n"})
    assert other.bundle("shop.prices").digest != one.digest


def test_what_a_server_has_to_have_is_named(sender: Sender) -> None:
    """A module that is nowhere here may be there; one with parts in C cannot be sent, and has to be."""
    installed = sender.top / "site-packages"
    write(
        installed,
        {
            "fast/__init__.py": "from fast import _speed\n",
            "fast/_speed.cpython-311-x86_64-linux-gnu.so": b"\x7fELF",
            "plain.py": "import fast\n",
        },
    )
    write(sender.top, {"job.py": "import fast, plain, elsewhere\n"})
    bundle = Bundle.of("job", path=[str(sender.top), str(installed)])
    assert bundle.manifest.needs == ["elsewhere", "fast"]
    assert [(path, library) for path, _, _, library in bundle.manifest.files] == [("job.py", False), ("plain.py", True)]


def test_an_unknown_module_is_answered_with_the_nearest(sender: Sender) -> None:
    """Did you mean."""
    write(sender.top, SHOP)
    with pytest.raises(Missing, match=r"there is no module shop.price here; did you mean shop.prices\?"):
        sender.bundle("shop.price")
    with pytest.raises(Missing, match=r"did you mean tools\?"):
        sender.bundle("toolz")


def test_what_is_no_python_is_told_with_its_line(sender: Sender) -> None:
    """Before anything is sent; of what it imports, too, where that is asked for (a server looks at all of it before it executes any)."""
    sender.write(handler="import broken\n", broken="x = 1\ndef f(:\n")
    with pytest.raises(BadArgument, match="broken is no Python, line 2"):
        sender.bundle("handler", thorough=True)
    with pytest.raises(BadArgument, match="broken is no Python, line 2"):
        sender.bundle("broken", alone=True)
    with pytest.raises(BadArgument, match="standard library"):
        sender.write(json="")
        sender.bundle("json")


TRICKY = [
    "def f():\n    import inner\n",
    "def f():\n    return 1\n\n\n@wrap\nclass C:\n    from inner import x\n",
    'def f():\n    """Says\nimport nothing\n    """\n\nimport inner\n',
    'def f():\n    return """\ndef g():\n    pass\n"""\n\nimport inner\n',
    "def f(\n    a,\n):\n    return [\n1, 2]\n\nimport inner\n",
    "def f(): return 1\nimport inner\ndef g(): return 2",
    "async def f():\n    pass\n# import nothing\n\nif f:\n    import inner\nelse:\n    inner = None\n",
    "x = 'import nothing'\nclass C: pass\nimport inner, inner as y; from inner import z\n",
    'def f():\n    x = \'"""\'\n    y = \'"""\'\n\nimport inner\n',
    "def f():\n    return 1 + \\\n2\n\nimport inner\n",
    "import importlib\ndef f():\n    return importlib.import_module('inner')\n",
]


@pytest.mark.parametrize("text", TRICKY)
def test_imports_are_found_wherever_they_stand(sender: Sender, text: str) -> None:
    """A glance at a source finds what reading it as a whole finds."""
    sender.write(top="import middle\n", middle=text, inner="", nothing="")
    bundle = sender.bundle("top")
    assert paths(bundle) == ["inner.py", "middle.py", "top.py"]
    assert encode(bundle.manifest) == encode(sender.bundle("top", thorough=True).manifest)


def test_links_out_of_the_tree_are_refused(sender: Sender, tmp_path: Path) -> None:
    """Of a file, of a directory, and of the package itself; one that stays inside is a file as any other."""
    write(sender.top, {"shop/__init__.py": "", "shop/a.txt": "a"})
    (sender.top / "shop" / "b.txt").symlink_to("a.txt")
    assert paths(sender.bundle("shop")) == ["shop/__init__.py", "shop/a.txt", "shop/b.txt"]
    write(tmp_path, {"secret/key": "k"})
    for link in ("shop/c.txt", "shop/data"):
        (sender.top / link).symlink_to(tmp_path / "secret" / ("key" if link.endswith("txt") else ""))
        with pytest.raises(BadArgument, match="leads out of"):
            sender.bundle("shop")
        (sender.top / link).unlink()
    shutil.move(sender.top / "shop", tmp_path / "shop")
    (sender.top / "shop").symlink_to(tmp_path / "shop")
    with pytest.raises(BadArgument, match="leads out of"):
        sender.bundle("shop")


def test_a_bundle_has_bounds(sender: Sender) -> None:
    """Of one file, and of all: a sparse file takes no room here, and is refused before it is read."""
    write(sender.top, {"shop/__init__.py": ""})
    with (sender.top / "shop" / "big.bin").open("wb") as file:
        file.truncate(FILE + 1)
    with pytest.raises(LimitExceeded, match="big.bin is no plain file of at most"):
        sender.bundle("shop")
    (sender.top / "shop" / "big.bin").unlink()
    for number in range(FILES):
        (sender.top / "shop" / f"{number}.txt").touch()
    with pytest.raises(LimitExceeded, match=f"more than {FILES} files"):
        sender.bundle("shop")


ZERO = bytes(32)
FINE = ["m.py", ZERO, 1, False]


@pytest.mark.parametrize(
    ("files", "error", "words"),
    [
        ([["../m.py", ZERO, 1, False], FINE], BadArgument, "leads out of the bundle"),
        ([["/etc/m.py", ZERO, 1, False], FINE], BadArgument, "leads out of the bundle"),
        ([["a/./m.py", ZERO, 1, False], FINE], BadArgument, "leads out of the bundle"),
        ([["a//m.py", ZERO, 1, False], FINE], BadArgument, "leads out of the bundle"),
        ([["a\\m.py", ZERO, 1, False], FINE], BadArgument, "not the path of a file"),
        ([["a\0.py", ZERO, 1, False], FINE], BadArgument, "not the path of a file"),
        ([["a" * 300, ZERO, 1, False], FINE], BadArgument, "not the path of a file"),
        ([["m.py", ZERO[1:], 1, False]], BadArgument, "no SHA-256"),
        ([["m.py", ZERO, FILE + 1, False]], LimitExceeded, "at most"),
        ([["m.py", ZERO, -1, False]], LimitExceeded, "at most"),
        ([["m.py", ZERO, True, False]], BadArgument, "a path, a digest, a size"),
        ([FINE, FINE], BadArgument, "each there once"),
        ([FINE, ["a.py", ZERO, 1, False]], BadArgument, "sorted"),
        ([["a.py", ZERO, 1, False]], BadArgument, "does not have the module m in it"),
        ([["m.py", ZERO, 1, False], ["m.py/x", ZERO, 1, False]], BadArgument, "is a file and a directory"),
        ([["a.py", ZERO, 2, False], FINE], BadArgument, "two sizes"),
        (
            [[f"a{number}", bytes([number]) * 32, FILE, False] for number in range(TOTAL // FILE)] + [FINE],
            LimitExceeded,
            "in all",
        ),
        ([[f"f{number:05}", ZERO, 1, False] for number in range(FILES + 1)], LimitExceeded, f"at most {FILES} files"),
        ("m.py", LimitExceeded, "at most"),
    ],
)
def test_a_manifest_that_is_none_is_refused(files: Any, error: type[Exception], words: str) -> None:
    """Paths that lead out, sizes and counts above the bounds, and what does not hold together, signed or not."""
    manifest = Manifest("m", files, {}, [])
    with pytest.raises(error, match=words):
        checked(signed(manifest, KEY.public, KEY.sign))


@pytest.mark.parametrize("name", ["../m", "m-n", "", "a..b", "a/b", 7, "m" * 300])
def test_names_of_modules_are_such(name: Any) -> None:
    """A name never becomes a path by accident."""
    with pytest.raises(BadArgument, match="not the name of a module"):
        checked(signed(Manifest(name, [], {}, []), KEY.public, KEY.sign))
    with pytest.raises(BadArgument, match="not the name of a module"):
        checked(signed(Manifest("m", [FINE], {}, [name]), KEY.public, KEY.sign))


def test_a_signature_is_for_all_of_it(sender: Sender) -> None:
    """E28: Unsigned, signed by another key than it says, or changed since: refused. It survives the wire."""
    sender.write(handler="x = 1\n")
    manifest = sender.bundle("handler").manifest
    assert checked(decode(encode(manifest))) == manifest
    with pytest.raises(Refused, match="not signed"):
        checked(Bundle.of("handler", path=[str(sender.top)]).manifest)
    other = NodeKey.generate()
    for changed in (
        Manifest(manifest.module, manifest.files, manifest.imports, ["os"], manifest.key, manifest.signature),
        Manifest(manifest.module, manifest.files, manifest.imports, manifest.needs, other.public, manifest.signature),
        Manifest(manifest.module, [["handler.py", ZERO, 6, False]], {}, [], manifest.key, manifest.signature),
    ):
        with pytest.raises(Refused, match="signature"):
            checked(changed)
    assert digest_of(signed(manifest, other.public, other.sign)) == digest_of(manifest)
