"""`remit admin …`, as a person types it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click import termui

from remit.ensemble import Server
from remit.ensemble.admin import AdminKey, admin_public
from remit.net import designator_of
from remit.vat import actor
from tests.ensemble.commands import Ensemble, ensemble
from tests.ensemble.stewards import WORDS


@actor(kind="test.vault")
class Vault:
    """A part of an application."""

    def look(self) -> str:
        return "gold"


def with_vault(server: Server) -> None:
    server.part("vault", server.vat.spawn(Vault), sensitive=True)
    server.part("window", server.vat.spawn(Vault))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REMIT_ENSEMBLE", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path / "home"


def listed(place: Ensemble, *words: str, **more: Any) -> list[tuple[str, str, str]]:
    code, out, said = place.command("admin", "list", *words, "--json", **more)
    assert code == 0, said
    return [(each["server"], each["grantee"], each["part"]) for each in json.loads(out)]


# --- cookie -----------------------------------------------------------------------------------------------


def test_a_cookie_is_made_once_and_says_where_it_goes(home: Path, capsys: Any) -> None:
    """E12: private from the beginning, and not overwritten without --force."""
    place = Ensemble(home, capsys)
    code, _, said = place.command("admin", "cookie")
    assert (code, (home / "cookie").stat().st_mode & 0o777) == (0, 0o600)
    assert "ssh HOST" in said
    assert "umask 077" in said
    first = (home / "cookie").read_bytes()
    assert first.decode().strip() not in said
    code, _, said = place.command("admin", "cookie")
    assert code == 1
    assert "--force" in said
    assert (home / "cookie").read_bytes() == first
    assert place.command("admin", "cookie", "--force")[0] == 0
    assert (home / "cookie").read_bytes() != first


def test_a_new_cookie_ends_the_old_one_while_the_registry_runs(home: Path, capsys: Any) -> None:
    """Servers that are there stay; who comes with the old cookie is refused, and told what to do."""
    with ensemble(home, capsys, "front") as place:
        old = (home / "cookie").read_bytes()
        assert place.command("admin", "cookie")[0] == 1
        assert place.command("admin", "cookie", "--force")[0] == 0
        code, out, _ = place.command("server", "list", "--json")
        assert {each["id"] for each in json.loads(out)} == {"front@/", "registry@/"}
        other = home.parent / "other"
        other.mkdir(mode=0o700)
        (other / "cookie").write_bytes(old)
        (other / "cookie").chmod(0o600)
        code, _, said = place.command("server", "list", "--home", str(other))
        assert code == 4
        assert "Refused" in said


# --- key and passphrase -----------------------------------------------------------------------------------


def test_a_key_is_made_under_a_passphrase_from_a_descriptor(home: Path, capsys: Any) -> None:
    """Once; `--view` shows its public half."""
    place = Ensemble(home, capsys)
    assert place.command("admin", "key", "--view")[0] == 1
    code, out, said = place.command("admin", "key", passphrase=WORDS)
    public = admin_public(home)
    assert code == 0
    assert public is not None
    assert out.strip() == designator_of(public)
    assert WORDS not in out + said
    assert place.command("admin", "key", "--view")[1].strip() == out.strip()
    code, _, said = place.command("admin", "key", passphrase="another passphrase")
    assert code == 1
    assert "--force" in said
    assert admin_public(home) == public
    assert place.command("admin", "key", "--force", passphrase="another passphrase")[0] == 0
    assert admin_public(home) != public


@pytest.mark.parametrize("words", [("--passphrase", WORDS), (f"--passphrase={WORDS}",)])
def test_a_passphrase_on_the_command_line_is_refused(home: Path, capsys: Any, words: tuple[str, ...]) -> None:
    """E10: gerbil's tool gives passphrases to openssl as arguments, where every user sees them."""
    place = Ensemble(home, capsys)
    code, out, said = place.command("admin", "key", *words)
    assert code == 2
    assert "--passphrase-fd" in said
    assert WORDS not in out + said
    assert admin_public(home) is None


def test_a_passphrase_is_not_taken_from_the_environment(
    home: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is an empty one, or a descriptor that is not open, taken for one."""
    monkeypatch.setenv("REMIT_PASSPHRASE", WORDS)
    place = Ensemble(home, capsys)
    code, _, said = place.command("admin", "key")
    assert code == 2
    assert "nobody can be asked" in said
    assert place.command("admin", "key", passphrase="")[0] == 2
    code, _, said = place.command("admin", "key", "--passphrase-fd", "983")
    assert code == 2
    assert "no open descriptor" in said
    code, _, said = place.command("admin", "key", passphrase="short")
    assert code == 1
    assert "8 characters" in said
    assert admin_public(home) is None


def test_a_new_passphrase_is_typed_twice_at_a_terminal(
    home: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden; and asked for again where the two differ."""
    typed = [WORDS, "something else", WORDS, WORDS]
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(termui, "hidden_prompt_func", lambda _: typed.pop(0))
    monkeypatch.setattr(termui, "visible_prompt_func", lambda _: pytest.fail("it was shown"))
    code, out, said = Ensemble(home, capsys).command("admin", "key")
    assert (code, typed) == (0, [])
    assert WORDS not in out + said
    assert AdminKey.open(home, WORDS)


# --- grants -----------------------------------------------------------------------------------------------


def test_parts_are_granted_listed_and_retracted(home: Path, capsys: Any) -> None:
    """By ids; the grant is to a key, and says until when."""
    with ensemble(home, capsys, "till", "front", setup=with_vault) as place:
        key = place.key("front")
        code, _, said = place.command("admin", "authorize", "till", "front", "vault", "--until", "2h")
        assert code == 0
        assert key in said
        assert place.command("admin", "authorize", "till", "front", "window")[0] == 0
        assert listed(place) == [("till@/", "front@/", "vault"), ("till@/", "front@/", "window")]
        assert listed(place, "front") == []
        _, out, _ = place.command("admin", "list", "till")
        assert "GRANTEE" in out
        assert "vault" in out
        assert place.command("admin", "retract", "till", "front", "vault")[0] == 0
        assert listed(place, "till") == [("till", "front@/", "window")]
        assert place.command("admin", "retract", "till", key)[0] == 0
        assert listed(place) == []
        _, out, _ = place.command("admin", "audit", "till", "--json")
        assert [(each["who"], each["part"], each["what"].split()[0]) for each in json.loads(out)] == [
            ("local", "admin", "authorize"),
            ("local", "admin", "authorize"),
            ("local", "admin", "retract"),
            ("local", "admin", "retract"),
        ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("authorize", "till", "nobody", "vault"), "nobody"),
        (("authorize", "nobody", "front", "vault"), "nobody"),
        (("authorize", "till", "front", "vualt"), "it has: "),
        (("authorize", "till", "front", "../vault"), "named by letters"),
        (("authorize", "till", "front", "vault", "--until", "yesterday"), "no time"),
        (("authorize", "till", "front"), "PART"),
        (("retract", "till", "front"), "no grant"),
    ],
)
def test_what_makes_no_sense_is_said(home: Path, capsys: Any, words: tuple[str, ...], said: str) -> None:
    """And nothing is granted."""
    with ensemble(home, capsys, "till", "front", setup=with_vault) as place:
        code, _, err = place.command("admin", *words)
        assert code in (1, 2)
        assert said in err
        assert listed(place) == []


def test_with_a_key_its_passphrase_is_needed(home: Path, capsys: Any) -> None:
    """For one server and for all; the wrong one opens nothing."""
    with ensemble(home, capsys, "till", "front", setup=with_vault) as place:
        assert place.command("admin", "key", passphrase=WORDS)[0] == 0
        grant = ("admin", "authorize", "till", "front", "vault")
        code, _, said = place.command(*grant)
        assert code == 2
        assert "--passphrase-fd" in said
        code, _, said = place.command(*grant, passphrase="not the words")
        assert code == 4
        assert "not the passphrase" in said
        assert place.command(*grant, passphrase=WORDS)[0] == 0
        assert listed(place, passphrase=WORDS) == [("till@/", "front@/", "vault")]
        _, out, _ = place.command("admin", "audit", "till", "--json", passphrase=WORDS)
        uses = [(each["who"].split(" ")[0], each["part"]) for each in json.loads(out)]
        assert ("admin,", "admin") in uses
        (home / "admin.key").chmod(0o644)
        code, _, said = place.command(*grant, passphrase=WORDS)
        assert code == 1
        assert "chmod 600" in said


def test_each_command_that_needs_a_sensitive_part_unlocks_it(
    home: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluating, working inside and ending: without the passphrase none of them, with it each; what is not sensitive needs none."""
    with ensemble(home, capsys, "till") as place:
        assert place.command("admin", "key", passphrase=WORDS)[0] == 0
        for words in (("eval", "till", "6*7"), ("repl", "till"), ("shutdown", "till")):
            monkeypatch.setattr(sys, "stdin", io.StringIO("6*7\n"))
            code, out, said = place.command("server", *words)
            assert (code, out) == (2, "")
            assert "--passphrase-fd" in said
        assert place.command("server", "actors", "till")[0] == 0
        assert place.command("server", "ping", "till")[0] == 0
        assert place.command("server", "eval", "till", "6*7", passphrase=WORDS)[:2] == (0, "42\n")
        monkeypatch.setattr(sys, "stdin", io.StringIO("6*7\n"))
        assert place.command("server", "repl", "till", passphrase=WORDS)[:2] == (0, "42\n")
        _, out, _ = place.command("admin", "audit", "till", "--json", passphrase=WORDS)
        uses = [(each["part"], each["what"].split()[0]) for each in json.loads(out)]
        assert uses[:4] == [("unlock", "eval"), ("eval", "6*7"), ("unlock", "eval"), ("eval", "6*7")]
        assert place.command("server", "shutdown", "till", passphrase=WORDS)[0] == 0


def test_orders_to_the_registry_need_the_passphrase_where_there_is_a_key(home: Path, capsys: Any) -> None:
    """Another cookie, expelling, releasing: without it nothing is changed."""
    with ensemble(home, capsys, "till") as place:
        before = (home / "cookie").read_bytes()
        assert place.command("admin", "key", passphrase=WORDS)[0] == 0
        orders = (("cookie", "--force"), ("expel", "till"), ("release", "till"), ("pardon", "till"), ("expelled",))
        for words in orders:
            assert place.command("admin", *words)[0] == 2
            assert place.command("admin", *words, passphrase="not the words")[0] == 4
        assert (home / "cookie").read_bytes() == before
        assert place.command("server", "ping", "till")[0] == 0
        assert place.command("admin", "cookie", "--force", passphrase=WORDS)[0] == 0
        assert (home / "cookie").read_bytes() != before
