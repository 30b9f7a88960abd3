"""What servers are like: layers of settings, each with where it is from, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from remit.ensemble.supervisor import SECTIONS, SETTINGS, Tables, check_tables, effective, ours
from remit.ensemble.supervisor._command import process_of
from remit.ensemble.supervisor._effective import plain
from remit.ensemble.supervisor._places import Places
from remit.errors import BadArgument, Missing, RemitError, StoreCorrupt

FILE = (
    "config.toml",
    {
        "defaults": {"log-level": "info", "environment": {"A": "1", "B": "1"}},
        "roles": {
            "web": {"module": "shop.web", "restart": "on-error", "environment": {"B": "2"}},
            "job": {"program": "worker"},
        },
        "servers": {"web1": {"role": "web", "arguments": ["80"]}, "w-1": {"nice": 5}},
        "workers": {"w": {"role": "job", "nice": 1, "number": 2}},
    },
)


def test_a_setting_of_a_server_goes_before_its_role_s_and_that_before_the_defaults() -> None:
    """base <- role <- server, and each value says where it is from."""
    found = effective([FILE], "web1")
    assert plain(found)["module"] == "shop.web" and plain(found)["log-level"] == "info"
    assert found["restart"] == ("on-error", "config.toml [roles.web]")
    assert found["arguments"] == (["80"], "config.toml [servers.web1]")
    assert found["environment"] == ({"A": "1", "B": "2"}, "config.toml [defaults], config.toml [roles.web]")


def test_a_worker_has_the_settings_of_its_role_its_group_and_its_own() -> None:
    """The order is defaults, role, group, the worker's own table, the start."""
    assert effective([FILE], "w-0", group="w")["nice"] == (1, "config.toml [workers.w]")
    assert effective([FILE], "w-1", group="w")["nice"] == (5, "config.toml [servers.w-1]")
    assert effective([FILE], "w-1", group="w", own={"nice": 9})["nice"] == (9, "the start")


def test_what_was_set_by_command_goes_before_the_file() -> None:
    """Later sources are stronger, table by table: a role that was updated does not override a server's own table of the file."""
    updates = ("updates", {"roles": {"web": {"restart": "never", "arguments": ["90"]}}})
    found = effective([FILE, updates], "web1")
    assert found["restart"] == ("never", "updates [roles.web]")
    assert found["arguments"] == (["80"], "config.toml [servers.web1]")


def test_a_program_takes_the_place_of_a_module() -> None:
    """What runs is one of the two: the stronger one."""
    found = effective([FILE], "web1", own={"program": "/bin/true"})
    assert "module" not in found and found["program"] == ("/bin/true", "the start")


def test_a_role_that_nobody_describes_is_named_with_the_nearest() -> None:
    """`Missing` with a suggestion; nothing to run is an error, too."""
    with pytest.raises(Missing, match="did you mean web"):
        effective([FILE], "x", role="wev")
    with pytest.raises(BadArgument, match="nothing says what server x runs"):
        effective([FILE], "x")


@pytest.mark.parametrize(
    ("section", "table", "words"),
    [
        ("roles", {"polcy": "never"}, "no setting 'polcy'"),
        ("roles", {"restrat": "never"}, "did you mean restart"),
        ("roles", {"restart": "sometimes"}, "one of always, on-error, never"),
        ("servers", {"restart-limit": [0, 5]}, "restart-limit"),
        ("roles", {"number": 3}, r"stands in \[workers"),
        ("servers", {"environment": {"A=B": "1"}}, "name of a variable"),
        ("servers", {"environment": {"A": 1}}, "neither text nor false"),
        ("servers", {"env": "../x"}, "name of an uploaded"),
        ("servers", {"program": "a/b"}, "name of an uploaded"),
        ("servers", {"needs": ["a b"]}, "ids of servers"),
        ("workers", {"number": 100_000}, "from 0 to 1000"),
        ("servers", {"authorize": ["shutdown"]}, "table of servers"),
        ("servers", {"module": "a", "program": "b"}, "one of the two"),
        ("servers", {"limits": {"nofiles": 3}}, "nofiles"),
        ("defaults", {"module": "m"}, r"stands in \[roles"),
    ],
)
def test_a_wrong_setting_is_named_before_anything_is_started(section: str, table: dict[str, Any], words: str) -> None:
    """E15: a policy under a misspelt key is refused, with what was meant; it does not quietly become another policy."""
    whole = {section: table} if section == "defaults" else {section: {"x": table}}
    with pytest.raises(BadArgument, match=words):
        check_tables(whole, "config.toml")


@pytest.mark.parametrize("policy", ["always", "on-error", "never"])
def test_the_policy_of_a_role_is_the_one_that_its_process_gets(tmp_path: Path, policy: str) -> None:
    """E15: what the role says is what is done, not always to restart."""
    file = ("f", {"roles": {"r": {"module": "m", "restart": policy}}})
    assert process_of("s", plain(effective([file], "s", "r")), Places(tmp_path / "s", tmp_path))["restart"] == policy


def test_who_is_authorised_beforehand_is_passed_to_the_server(tmp_path: Path) -> None:
    """E16: a supervised server is told who may use it from its first moment; its own table adds to its role's."""
    tables = {
        "roles": {"r": {"module": "m", "authorize": {"console": ["shutdown"]}}},
        "servers": {"s": {"role": "r", "authorize": {"web1": ["load"]}}},
    }
    made = process_of("s", plain(effective([("f", tables)], "s")), Places(tmp_path / "s", tmp_path))
    assert made["env"]["REMIT_SERVER_AUTHORIZE"] == '{"console": ["shutdown"], "web1": ["load"]}'


def test_every_setting_has_a_meaning_of_its_own() -> None:
    """E19: no two settings or flags share a key, and each stands in some section: none is accepted and then not looked at."""
    assert set().union(*SECTIONS.values()) == set(SETTINGS)
    sample = {name: object() for name in SETTINGS}
    assert all(check(sample[name]) for name, check in SETTINGS.items()), "each refuses what is nothing of its kind"


def test_a_table_is_checked_as_what_it_is(tmp_path: Path) -> None:
    """E21: a server's table is held against what servers may say, not against a role's or a whole configuration."""
    tables = Tables([], tmp_path / "updates.json")
    assert tables.update("servers", "s", {"role": "r", "start": True}) == {"role": "r", "start": True}
    with pytest.raises(BadArgument, match="start"):
        tables.update("roles", "r", {"start": True})
    with pytest.raises(BadArgument):
        tables.update("servers", "s", {"roles": {"r": {}}})


def test_what_is_set_is_kept_under_the_name_that_it_was_set_for(tmp_path: Path) -> None:
    """E18: name and table are not swapped, neither in memory nor after a restart."""
    tables = Tables([], tmp_path / "updates.json")
    tables.update("servers", "web1", {"role": "web", "start": True})
    tables.update("workers", "w", {"role": "job", "number": 2})
    for each in (tables, Tables([], tmp_path / "updates.json")):
        assert each.named(each.sources(), "servers") == {"web1": {"role": "web", "start": True}}
        assert each.named(each.sources(), "workers") == {"w": {"role": "job", "number": 2}}
    assert (tmp_path / "updates.json").stat().st_mode & 0o777 == 0o600


def test_updates_are_merged_or_replace_what_was_set(tmp_path: Path) -> None:
    """Without `replace` other settings stay; with it they go; an empty one forgets the table."""
    tables = Tables([], tmp_path / "updates.json")
    tables.update("roles", "r", {"module": "m", "nice": 3})
    assert tables.update("roles", "r", {"nice": 4}) == {"module": "m", "nice": 4}
    assert tables.update("roles", "r", {"program": "p"}) == {"program": "p", "nice": 4}
    assert tables.update("roles", "r", {"module": "m"}, replace=True) == {"module": "m"}
    tables.update("roles", "r", {}, replace=True)
    assert tables.sources() == [("updates", {"roles": {}})]
    tables.update_all({"defaults": {"nice": 1}, "roles": {"a": {"module": "m"}}})
    tables.update_all({"roles": {"b": {"module": "m"}}}, replace=True)
    assert tables.sources() == [("updates", {"roles": {"b": {"module": "m"}}})]


def test_a_file_that_is_wrong_is_named_with_its_table(tmp_path: Path) -> None:
    """The message has the file and the table; what is kept and damaged is an error of its own; other sections of the file are not ours."""
    file = tmp_path / "config.toml"
    file.write_text("[registry]\nx = 1\n[roles.r]\nmodul = 'm'\n")
    with pytest.raises(BadArgument, match=r"config.toml: \[roles.r\] has no setting 'modul': did you mean module"):
        Tables([file], tmp_path / "u").sources()
    file.write_text("[role.r]\nmodule = 'm'\n")
    with pytest.raises(BadArgument, match="no section 'role': did you mean roles"):
        Tables([file], tmp_path / "u").sources()
    assert ours({"registry": {}, "heartbeat": 3, "roles": {}}) == {"roles": {}}
    (tmp_path / "u").write_text("{")
    (tmp_path / "u").chmod(0o600)
    with pytest.raises(StoreCorrupt, match="u cannot be read"):
        Tables([], tmp_path / "u")


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "../x", "a@b", "a@/../x", "-a", "a" * 90, "a@/" + "b" * 200, 3])
def test_a_name_that_could_lead_elsewhere_is_no_id(id: Any, tmp_path: Path) -> None:
    """E23: ids become names of logs and directories; none has a way out of them."""
    with pytest.raises(RemitError):
        Tables([], tmp_path / "u").update("servers", id, {})


def test_what_a_module_s_process_is_like(tmp_path: Path) -> None:
    """The command is that of `remit server run`, with the role first among the roles, and what is in braces filled in."""
    settings = {
        "module": "shop.web",
        "role": "web",
        "roles": ["front"],
        "arguments": ["{name}:{number}"],
        "listen": ["tcp:0"],
        "log-level": "info",
    }
    made = process_of("w-3@/eu", settings, Places(tmp_path / "s", tmp_path / "home"), 3)
    words = ["--log", "INFO", "--role", "web", "--role", "front", "--listen", "tcp:0", "w-3@/eu", "shop.web", "w-3:3"]
    assert made["argv"][4:] == words
    assert made["env"]["REMIT_ENSEMBLE"] == str(tmp_path / "home") and made["env"]["REMIT_SERVER_ROLES"] == "web front"
    with pytest.raises(BadArgument, match="there are: domain"):
        process_of("s", {"module": "m", "arguments": ["{port}"]}, Places(tmp_path / "s", tmp_path))
