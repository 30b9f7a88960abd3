"""The provider `libcloud`: what a cloud is told, whose machines are whose, and that no secret is anywhere else. The contract's tests run a cloud of ours; here EC2 answers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libcloud", reason="Apache Libcloud is not installed")

from remit.errors import ProviderError
from remit.machines.libcloud._driver import Ways, driver_class, said_by, ways_of
from remit.machines.libcloud._options import cloud_machine, cloud_options
from remit.machines.libcloud._provider import LibcloudProvider, labels_of
from tests.machines.ec2_answers import Ec2, ec2

SECRET = "c3VwZXJzZWNyZXQ"
USER_DATA = {"version": 1, "machine": "db", "id": "db-1", "introduction": f"ocapn://x.remit/s/{SECRET}", "agent": {}}
KEY, TOKEN = "AKIDEXAMPLE", "bPxRfiCYEXAMPLEKEY"


@pytest.fixture
def account() -> Iterator[Ec2]:
    with ec2() as made:
        yield made


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "aws.toml"
    path.touch(mode=0o600)
    path.write_text(f'key = "{KEY}"\nsecret = "{TOKEN}"\n')
    return path


def table(account: Ec2, keys: Path, **more: Any) -> dict[str, Any]:
    connection = {"host": "127.0.0.1", "port": account.port, "secure": False}
    return {
        "driver": "ec2",
        "region": "eu-west-1",
        "credentials": f"@{keys}",
        "connection": connection,
        "size": "t3.micro",
        "image": "ami-0a1b",
        "install": "python3 -m venv /opt/remit",
        **more,
    }


def provider(account: Ec2, keys: Path, owner: str = "boss", **more: Any) -> LibcloudProvider:
    return LibcloudProvider(owner, table(account, keys, **more))


def test_ec2_is_told_who_the_machine_is(account: Ec2, keys: Path) -> None:
    """Size, image, labels, the configuration's own arguments, and a cloud-config as user data, of at most 16 KiB."""
    made = provider(
        account, keys, arguments={"ex_keyname": "ops", "ex_metadata": {"team": "a"}, "ex_subnet": "subnet-1"}
    )
    asyncio.run(made.create("db-1", "db", USER_DATA, {}))
    (one,) = account.instances.values()
    asked = one["asked"]
    assert (asked["InstanceType"], asked["ImageId"], asked["KeyName"]) == ("t3.micro", "ami-0a1b", "ops")
    assert asked["SubnetId"] == "subnet-1"
    labels = {"remit-machine": "db-1", "remit-name": "db", "remit-owner": "boss", "remit-provider": "libcloud"}
    assert one["tags"] == {"Name": "remit-db-1-boss", "team": "a", **labels}
    document = b64decode(asked["UserData"])
    assert document.startswith(b"#cloud-config\n")
    assert SECRET.encode() in document
    assert b"python3 -m venv /opt/remit" in document
    assert len(document) <= 16 << 10
    assert SECRET not in str({name: value for name, value in asked.items() if name != "UserData"})


def test_a_request_whose_answer_was_lost_makes_one_instance(account: Ec2, keys: Path) -> None:
    """Also where EC2 does not list the first one yet: the client token is the machine's."""
    made = provider(account, keys)
    asyncio.run(made.create("db-1", "db", USER_DATA, {}))
    shown, account.DescribeInstances = account.DescribeInstances, lambda asked: "<reservationSet/>"  # type: ignore[method-assign]
    asyncio.run(provider(account, keys).create("db-1", "db", USER_DATA, {}))
    account.DescribeInstances = shown  # type: ignore[method-assign]
    assert len(account.instances) == 1
    asyncio.run(made.create("db-1", "db", USER_DATA, {}))
    assert [asked["Action"] for asked in account.asked].count("RunInstances") == 2


def test_the_life_of_an_instance(account: Ec2, keys: Path) -> None:
    """What EC2 says of it is what is seen: running, stopped, started again, and gone while it is still shutting down."""

    async def work() -> None:
        made = provider(account, keys)
        await made.create("db-1", "db", USER_DATA, {})
        seen = await made.observe("db-1")
        assert (seen.name, seen.state, seen.detail) == ("db", "running", "ec2 i-0000, pending, 10.0.0.7")
        account.instances["i-0000"]["state"] = "stopped"
        assert (await made.observe("db-1")).state == "made"
        await made.start("db-1", b"")
        assert [each.id for each in await made.list()] == ["db-1"]
        await made.destroy("db-1")
        assert account.instances["i-0000"]["state"] == "shutting-down"
        assert (await made.observe("db-1")).state == "absent"
        assert await made.list() == []
        await made.destroy("db-1")

    asyncio.run(work())


def test_an_instance_that_is_not_listed_yet_is_there(account: Ec2, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cloud shows what it has made after a while only: such a machine is seen, not made again, and destroyed in earnest. After a minute the cloud is believed."""
    monkeypatch.setattr(account, "DescribeInstances", lambda asked: "<reservationSet/>")
    clock = [0.0]
    made = LibcloudProvider("boss", table(account, keys), clock=lambda: clock[0])

    async def work() -> None:
        await made.create("db-1", "db", USER_DATA, {})
        assert (await made.observe("db-1")).state == "running"
        await made.create("db-1", "db", USER_DATA, {})
        await made.start("db-1", b"")
        assert [asked["Action"] for asked in account.asked].count("RunInstances") == 1
        await made.destroy("db-1")
        assert account.instances["i-0000"]["state"] == "shutting-down"
        assert (await made.observe("db-1")).state == "absent"
        await made.create("db-2", "db", USER_DATA, {})
        clock[0] += 61
        assert (await made.observe("db-2")).state == "absent"

    asyncio.run(work())


def test_instances_of_others_are_left_alone(account: Ec2, keys: Path) -> None:
    """Of another boss, of another provider of this boss, and without labels."""

    async def work() -> None:
        await provider(account, keys, "other").create("db-1", "db", USER_DATA, {})
        account.instances["i-9"] = {"state": "running", "tags": {"Name": "theirs"}, "token": ""}
        for made in (provider(account, keys), LibcloudProvider("other", table(account, keys), provider="second")):
            assert await made.list() == []
            with pytest.raises(ProviderError, match="belongs to another boss"):
                await made.destroy("db-1")
        assert {each["state"] for each in account.instances.values()} == {"pending", "running"}

    asyncio.run(work())


def test_what_ec2_refuses_is_told_in_its_words(account: Ec2, keys: Path) -> None:
    """With the machine, and without anything that was sent."""
    account.fault = ("InstanceLimitExceeded", "You have requested more vCPU capacity than your current limit")
    with pytest.raises(ProviderError, match=r"machine db, at ec2: .*InstanceLimitExceeded") as caught:
        asyncio.run(provider(account, keys).create("db-1", "db", USER_DATA, {}))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("fault", [f"no such key {KEY}", f"signed with {TOKEN}", f"bad UserData {SECRET}", "user data"])
def test_an_answer_that_quotes_a_secret_is_not_repeated(account: Ec2, keys: Path, fault: str) -> None:
    """A cloud may quote the request in its error."""
    account.fault = ("InvalidParameterValue", fault)
    with pytest.raises(ProviderError, match="machine db, at ec2") as caught:
        asyncio.run(provider(account, keys).create("db-1", "db", USER_DATA, {}))
    assert fault not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_cloud_that_cannot_be_reached_says_so_without_the_request(account: Ec2, keys: Path) -> None:
    """The words of HTTP's clients hold the whole URL, and with it the user data."""
    made = table(account, keys)
    made["connection"] = {"host": "127.0.0.1", "port": 9, "secure": False}
    with pytest.raises(ProviderError) as caught:
        asyncio.run(LibcloudProvider("boss", made).create("db-1", "db", USER_DATA, {}))
    assert str(caught.value) == "machine db, at ec2: ConnectionError"


def test_no_secret_is_logged_or_shown(account: Ec2, keys: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Even by whoever asks for all logs of all libraries; nor do the provider and what it keeps show one."""
    with caplog.at_level(logging.DEBUG):
        made = provider(account, keys)
        asyncio.run(made.create("db-1", "db", USER_DATA, {}))
        asyncio.run(made.observe("db-1"))
    user_data = next(iter(account.instances.values()))["asked"]["UserData"]
    shown = caplog.text + repr(made) + repr(vars(made)) + str(asyncio.run(made.list()))
    for secret in (SECRET, KEY, TOKEN, user_data, user_data[100:140]):
        assert secret not in shown


def test_libclouds_own_log_of_everything_is_refused(account: Ec2, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It writes whole requests into a file."""
    monkeypatch.setenv("LIBCLOUD_DEBUG", "/tmp/x")
    with pytest.raises(ProviderError, match="unset it"):
        asyncio.run(provider(account, keys).list())


def test_credentials_are_read_at_each_call(account: Ec2, keys: Path) -> None:
    """New ones count from the next call on; a file that others can read, or that is gone, is refused with what to do."""
    made = provider(account, keys)
    asyncio.run(made.list())
    keys.write_text(f'key = "SECOND"\nsecret = "{TOKEN}"\n')
    asyncio.run(made.list())
    assert (
        account.asked[-1]["X-Amz-Credential"].startswith("SECOND/") if "X-Amz-Credential" in account.asked[-1] else True
    )
    keys.chmod(0o644)
    with pytest.raises(ProviderError, match="credentials cannot be read") as caught:
        asyncio.run(made.list())
    assert TOKEN not in str(caught.value)
    keys.chmod(0o600)
    keys.write_text(f"{TOKEN} is no TOML")
    with pytest.raises(ProviderError, match="does not hold credentials") as caught:
        asyncio.run(made.list())
    assert TOKEN not in str(caught.value)


def test_credentials_may_be_in_the_environment(account: Ec2, keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of its variables; one that is not set is named."""
    names = {"key": "TEST_CLOUD_KEY", "secret": "TEST_CLOUD_SECRET"}
    made = LibcloudProvider("boss", {**table(account, keys), "credentials": names})
    monkeypatch.setenv("TEST_CLOUD_KEY", KEY)
    with pytest.raises(ProviderError, match="TEST_CLOUD_SECRET is not set"):
        asyncio.run(made.list())
    monkeypatch.setenv("TEST_CLOUD_SECRET", TOKEN)
    assert asyncio.run(made.list()) == []


@pytest.mark.parametrize("wrong", [TOKEN, {"key": "has spaces in it"}, {"key": 3}, "@"])
def test_a_secret_in_the_table_is_refused_and_not_repeated(account: Ec2, keys: Path, wrong: Any) -> None:
    """Whoever writes one there hears where it belongs."""
    with pytest.raises(ProviderError, match="does not belong into") as caught:
        LibcloudProvider("boss", {**table(account, keys), "credentials": wrong})
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"drivr": "ec2"}, "no option drivr: did you mean driver"),
        ({"driver": ""}, "which cloud"),
        ({"driver": "ec3"}, "no driver ec3: did you mean ec2"),
        ({"driver": "tests.machines.cloud_driver:Nothing"}, "cannot be loaded"),
        ({"size": "t3.mikro"}, "no size t3.mikro: did you mean"),
        ({"size": ""}, "which size"),
        ({"location": "eu-west-1z"}, "no location eu-west-1z: "),
        ({"arguments": {"ex_keynam": "x"}}, "no argument ex_keynam: did you mean ex_keyname"),
        ({"install": ""}, "nothing says how the agent comes"),
        ({"present": True}, "cannot both be"),
        ({"install": "", "parcel": "https://x/y.tar.gz"}, "sha256="),
        ({"user": "x"}, "remit or root"),
        ({"region": "moon"}, "Invalid region"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(
    account: Ec2, keys: Path, more: dict[str, Any], said: str
) -> None:
    """The nearest name, or the form; and no instance is made."""
    with pytest.raises(ProviderError, match=re.escape(said)):
        asyncio.run(provider(account, keys, **more).create("db-1", "db", USER_DATA, {}))
    assert account.instances == {}


def test_what_is_the_accounts_is_no_option_of_one_machine(account: Ec2, keys: Path) -> None:
    """Whoever may ask for machines does not choose whose account pays, or what is run with."""
    _, defaults = cloud_options(table(account, keys))
    for name in ("credentials", "driver", "region", "connection", "arguments"):
        with pytest.raises(ProviderError, match="no option of one machine"):
            cloud_machine({name: "x"}, defaults)
    assert cloud_machine({"size": "m5.large"}, defaults).size == "m5.large"


def test_an_agent_that_could_not_reach_its_boss_is_not_sent(account: Ec2, keys: Path) -> None:
    """A boss on loopback is of no use to a cloud's machines: nothing is made, and what to set is said."""
    from remit.net import NodeKey
    from remit.values import Locator, SturdyRef

    told = SturdyRef(Locator("remit", NodeKey.generate().designator, {"tls": "127.0.0.1:4000"}), b"x" * 32).uri()
    with pytest.raises(ProviderError, match="listens on this host's loopback"):
        asyncio.run(provider(account, keys).create("db-1", "db", {**USER_DATA, "introduction": told}, {}))
    assert account.instances == {}


@pytest.mark.parametrize(
    ("name", "user_data", "labels", "listed"),
    [
        ("ec2", "ex_userdata", "ex_metadata", False),
        ("openstack", "ex_userdata", "ex_metadata", False),
        ("digitalocean", "ex_user_data", "ex_create_attr.tags", True),
        ("linode", "ex_userdata", "ex_tags", True),
        ("gce", "ex_metadata.user-data", "ex_metadata", False),
        ("vultr", "ex_userdata", "", False),
        ("cloudscale", "ex_create_attr.user_data", "", False),
    ],
)
def test_drivers_take_user_data_and_labels_in_their_own_ways(
    name: str, user_data: str, labels: str, listed: bool
) -> None:
    """Read from their signatures, so that a new one needs no change here."""
    made = driver_class(name)
    if name == "openstack":  # the class of its newest version; it would ask for a token
        from libcloud.compute.drivers.openstack import OpenStack_2_NodeDriver as made
    driver = object.__new__(made) if name in ("gce", "openstack") else made("key")
    ways = ways_of(driver)
    assert (ways.user_data, ways.labels, ways.listed) == (user_data, labels, listed)


def test_a_driver_without_user_data_is_refused() -> None:
    """No machine could enrol by it."""
    from libcloud.compute.drivers.dummy import DummyNodeDriver

    with pytest.raises(ProviderError, match="takes no user data"):
        ways_of(DummyNodeDriver("1"))


def test_what_only_takes_base64_gets_that() -> None:
    """Outscale's API does; others are given text by their drivers, which encode it themselves."""
    ways = Ways("ex_user_data", "", False, (), encoded=True)
    assert ways.call("text", {"remit-machine": "a"}, {}) == {"ex_user_data": "dGV4dA=="}
    driver = object.__new__(driver_class("outscale"))
    assert ways_of(driver).encoded


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (json.JSONDecodeError("x", "the body", 0), "JSONDecodeError"),
        (OSError("https://cloud/?UserData=x"), "OSError"),
        (ValueError("the introduction"), "ValueError"),
        (ValueError("x" * 399 + "secret"), "ValueError"),
        (ValueError("no such size"), "ValueError: no such size"),
    ],
)
def test_only_what_a_cloud_answers_is_repeated(error: Exception, said: str) -> None:
    """Errors of other libraries may hold requests; and no secret is cut in two."""
    assert said_by(error, ["secret"]) == said


def test_labels_are_read_in_all_the_forms_that_drivers_give_them() -> None:
    """Pairs, lists of pairs, and texts."""

    class Node:
        def __init__(self, **extra: Any) -> None:
            self.extra = extra

    assert labels_of(Node(tags={"remit-machine": "a"})) == {"remit-machine": "a"}
    assert labels_of(Node(tags=["x", "remit-machine:a"])) == {"x": "", "remit-machine": "a"}
    assert labels_of(Node(metadata={"items": [{"key": "remit-machine", "value": "a"}]})) == {"remit-machine": "a"}
    assert labels_of(Node(tags=None, metadata={"other": "b"})) == {}


def test_listed_labels_stand_beside_those_of_the_configuration() -> None:
    """Nothing of either is lost."""
    ways = Ways("ex_user_data", "ex_create_attr.tags", True, ())
    made = ways.call("text", {"remit-machine": "a"}, {"ex_create_attr": {"ipv6": True, "tags": ["web"]}})
    assert made == {"ex_user_data": "text", "ex_create_attr": {"ipv6": True, "tags": ["web", "remit-machine:a"]}}
