"""`remit.toml`: every key, every mistake, and where it is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from remit.cli._config import Config, load_config
from remit.cli._exit import USAGE, BadConfig

FULL = """
[boss]
state = "here"
listen = "0.0.0.0:4433"
published = "boss.example.org"
start = false

[providers.process]
root = "fleet"

[providers.spare]
kind = "process"

[providers.spare.agent]
classes = ["customers"]
path = ["code", "/opt/code"]
listen = "10.0.0.7:0"
published = "spare.example.org"
"""


def written(place: Path, text: str, name: str = "remit.toml") -> Path:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(home: Path, text: str) -> str:
    """What is said of a wrong file; always with its path, and as wrong usage."""
    path = written(home, text)
    with pytest.raises(BadConfig) as caught:
        load_config(None)
    assert str(path) in caught.value.message
    assert caught.value.exit_code == USAGE
    return caught.value.message


def test_without_a_file_every_key_has_its_default(home: Path) -> None:
    """State goes to the user's state directory, any free port of this host is listened on, the provider is `process`."""
    config = load_config(None)
    assert config.boss.directory() == home / ".local" / "state" / "remit" / "boss"
    assert (config.boss.listen, config.boss.published, config.boss.start) == ("127.0.0.1:0", "", True)
    assert config.providers == {"process": {}}


def test_the_state_home_moves_the_default_state(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """$XDG_STATE_HOME is where programs keep state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "elsewhere"))
    assert load_config(None).boss.directory() == home / "elsewhere" / "remit" / "boss"


def test_every_key_is_taken(home: Path) -> None:
    """What the file says is what the boss gets."""
    written(home, FULL)
    config = load_config(None)
    assert config.boss.listen == "0.0.0.0:4433"
    assert config.boss.published == "boss.example.org"
    assert config.boss.start is False
    assert config.providers["process"] == {"root": str(home / "fleet")}
    agent = config.providers["spare"]["agent"]
    assert config.providers["spare"]["kind"] == "process"
    assert (agent["classes"], agent["listen"], agent["published"]) == (["customers"], "10.0.0.7:0", "spare.example.org")


def test_paths_are_relative_to_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is run."""
    path = written(home / "project", FULL)
    (home / "deep").mkdir()
    monkeypatch.chdir(home / "deep")
    config = load_config(str(path))
    assert config.boss.directory() == home / "project" / "here"
    assert config.providers["process"]["root"] == str(home / "project" / "fleet")
    assert config.providers["spare"]["agent"]["path"] == [str(home / "project" / "code"), "/opt/code"]


def test_a_file_of_credentials_is_beside_the_file(home: Path) -> None:
    """As all that it names."""
    written(home / "project", "[providers.cloud]\nkind = 'libcloud'\ncredentials = '@aws.toml'\n")
    table = load_config("project/remit.toml").providers["cloud"]
    assert table["credentials"] == f"@{home}/project/aws.toml"


def test_a_relative_name_of_the_file_gives_absolute_paths(home: Path) -> None:
    """The boss and its machines stand elsewhere."""
    written(home / "project", FULL)
    assert load_config("project/remit.toml").boss.directory() == home / "project" / "here"


def test_home_is_known_in_paths(home: Path) -> None:
    """`~` is the user's home."""
    written(home / "project", '[boss]\nstate = "~/kept"\n')
    assert load_config("project/remit.toml").boss.directory() == home / "kept"


def test_the_first_place_with_a_file_counts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, then $REMIT_CONFIG, then here or above, then the user's configuration directory."""
    project = home / "project"
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")

    def listens(config: Config) -> str:
        return config.boss.listen

    def file(path: Path, port: int) -> Path:
        return written(path.parent, f'[boss]\nlisten = "127.0.0.1:{port}"\n', path.name)

    file(home / ".config" / "remit" / "remit.toml", 1)
    assert listens(load_config(None)) == "127.0.0.1:1"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "conf"))
    file(home / "conf" / "remit" / "remit.toml", 2)
    assert listens(load_config(None)) == "127.0.0.1:2"
    file(project / "remit.toml", 3)
    assert listens(load_config(None)) == "127.0.0.1:3"
    file(project / "deep" / "remit.toml", 4)
    assert listens(load_config(None)) == "127.0.0.1:4"
    monkeypatch.setenv("REMIT_CONFIG", str(file(home / "named.toml", 5)))
    assert listens(load_config(None)) == "127.0.0.1:5"
    assert listens(load_config(str(file(home / "given.toml", 6)))) == "127.0.0.1:6"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('[boss]\nlisen = "x"', "unknown field `lisen` - at `$.boss` (did you mean `listen`?)"),
        ('[bos]\nlisten = "x"', "unknown field `bos` (did you mean `boss`?)"),
        (
            "[boss]\nzzz = 1",
            "unknown field `zzz` - at `$.boss` (there are: state, listen, published, websocket, websocket_url, metrics, connections, alarm_webhook, alarm_command, start)",
        ),
        (
            '[providers.process.agent]\nclases = ["x"]',
            "unknown field `clases` - at `$.providers.process.agent` (did you mean `classes`?)",
        ),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest(home: Path, text: str, hint: str) -> None:
    """A key that is misspelt is not passed over."""
    assert hint in refused(home, text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[boss]\nlisten = 4433", "Expected `str | array`, got `int` - at `$.boss.listen`"),
        ('[boss]\nstart = "yes"', "Expected `bool`, got `str` - at `$.boss.start`"),
        ('boss = "x"', "Expected `object`, got `str` - at `$.boss`"),
        ('providers = ["process"]', "Expected `object`, got `array` - at `$.providers`"),
        ("[providers.process]\nkind = 3", "Expected `str`, got `int` - at `$.providers.process.kind`"),
        (
            '[providers.process.agent]\nclasses = "notes"',
            "Expected `array`, got `str` - at `$.providers.process.agent.classes`",
        ),
    ],
)
def test_a_wrong_type_is_said_with_its_place(home: Path, text: str, hint: str) -> None:
    """Which key, what was expected and what was found."""
    assert hint in refused(home, text)


def test_what_is_not_toml_is_said_with_its_line(home: Path) -> None:
    """The parser's own words, which have the line."""
    assert "is not TOML: " in (said := refused(home, "[boss]\nlisten = \n")) and "line 2" in said


def test_what_is_not_text_is_refused(home: Path) -> None:
    """A file that is no text is no configuration."""
    (home / "remit.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfig, match="not UTF-8"):
        load_config(None)


def test_a_file_that_cannot_be_read_is_named(home: Path) -> None:
    """One that is named and not there is not the same as none."""
    with pytest.raises(BadConfig, match=r"cannot read .*nothing\.toml: No such file or directory"):
        load_config(str(home / "nothing.toml"))
    (home / "directory.toml").mkdir()
    with pytest.raises(BadConfig, match=r"cannot read .*directory\.toml: Is a directory"):
        load_config(str(home / "directory.toml"))


def test_the_manuals_sample_has_every_key(home: Path) -> None:
    """docs/machines.md shows a file with all keys, and it is one that is taken."""
    from remit.cli._config import AgentSection, BossSection, ProviderSection
    from tests.house.source import TOP

    text = (TOP / "docs" / "machines.md").read_text()
    sample = text.partition("```toml\n")[2].partition("```")[0]
    config = load_config(str(written(home, sample)))
    assert all(f"\n{key} = " in sample for key in (*BossSection.__struct_fields__, *AgentSection.__struct_fields__))
    assert set(config.providers["process"]) == set(ProviderSection.__struct_fields__)


@pytest.mark.parametrize("above", [False, True])
def test_a_file_of_another_user_that_was_found_is_not_read(
    home: Path, monkeypatch: pytest.MonkeyPatch, above: bool
) -> None:
    """Whoever wrote it would choose the boss and what runs: here or in a directory above it has to be named to be used."""
    path = written(home, "[boss]\nstate = 'theirs'\n")
    inner = home / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner if above else home)
    assert load_config(None).boss.state == str(home / "theirs")
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    if path.stat().st_uid:
        with pytest.raises(BadConfig, match="belongs to user .* name it: remit --config"):
            load_config(None)
    else:
        load_config(None)  # root's own files are trusted by everybody
    assert load_config(str(path)).boss.state == str(home / "theirs")


def test_a_file_that_everybody_can_write_is_not_read(home: Path) -> None:
    """The same holds for one that anybody may have changed."""
    path = written(home, "")
    path.chmod(0o646)
    with pytest.raises(BadConfig, match="can be written by every user"):
        load_config(None)
    assert load_config(str(path)) is not None


@pytest.mark.needs_root
def test_root_reads_nobody_elses_file(home: Path) -> None:
    """A `remit.toml` left in a directory where root happens to stand."""
    import os

    path = written(home, "[boss]\nstart = false\n")
    os.chown(path, 12345, 12345)
    with pytest.raises(BadConfig, match="belongs to user 12345, and this process runs as user 0"):
        load_config(None)
