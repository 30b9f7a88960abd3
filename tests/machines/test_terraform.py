"""The provider `terraform`: what it writes, what it does not run, and what real Terraform makes of it, with its built-in `terraform_data`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.errors import ProviderError
from remit.machines.terraform._files import Template, chosen_of, main_file, template_of
from remit.machines.terraform._provider import TerraformProvider
from tests.machines import cloud_double
from tests.machines.stage import ROOT, Stage, until

SECRET = "c3VwZXJzZWNyZXQ"
USER_DATA = {"version": 1, "machine": "db", "id": "db-1", "introduction": f"ocapn://x.remit/s/{SECRET}", "agent": {}}
AWS = {
    "resource": "aws_instance",
    "attributes": {
        "ami": "ami-1",
        "instance_type": "{size}",
        "user_data": "{user_data}",
        "tags": {"Name": "{name}-{id}"},
    },
    "values": {"size": "t3.micro"},
    "blocks": {"provider": {"aws": {"region": "eu-west-1"}}},
    "present": True,
}
DATA = {"resource": "terraform_data", "attributes": {"triggers_replace": ["{id}", "{user_data}"]}, "present": True}
BOOT = f"PYTHONPATH={ROOT} {sys.executable} -c 'from tests.machines.terraform_boot import boot; boot()'"
needs_terraform = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="terraform is not installed: what is written is not validated"
)


def made_by(place: Path, table: dict[str, Any], owner: str = "boss") -> TerraformProvider:
    return TerraformProvider(place / "infra", owner, table)


def create(place: Path, table: dict[str, Any], **options: Any) -> Path:
    asyncio.run(made_by(place, table).create("db-1", "db", USER_DATA, options))
    return place / "infra" / "db-1"


def terraform(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}
    return subprocess.run(
        ["terraform", *words], cwd=directory, env=environment, capture_output=True, text=True, timeout=50, check=False
    )


def test_a_machine_is_a_root_module_of_its_own(tmp_path: Path) -> None:
    """With what the table says, its placeholders filled, and the user data by way of a sensitive variable."""
    directory = create(tmp_path, AWS, size="t3.large")
    main = json.loads((directory / "main.tf.json").read_text())
    assert main["resource"]["aws_instance"]["machine"] == {
        "ami": "ami-1",
        "instance_type": "t3.large",
        "user_data": "${var.remit_user_data}",
        "tags": {"Name": "db-db-1"},
        "lifecycle": {"ignore_changes": ["user_data"]},
    }
    assert main["provider"] == {"aws": {"region": "eu-west-1"}}
    assert main["variable"]["remit_user_data"]["sensitive"] is True
    document = json.loads((directory / "remit.auto.tfvars.json").read_text())["remit_user_data"]
    assert document.startswith("#cloud-config\n")
    assert SECRET in document


def test_the_introduction_is_in_one_private_file(tmp_path: Path) -> None:
    """And not in what is meant to be read, copied or kept in a repository."""
    directory = create(tmp_path, AWS)
    holding = [path for path in directory.rglob("*") if SECRET.encode() in path.read_bytes()]
    assert [path.name for path in holding] == ["remit.auto.tfvars.json"]
    assert stat.S_IMODE(holding[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_terraform_is_not_run_unless_that_is_asked_for(tmp_path: Path) -> None:
    """The machine is "made", and what to run is said."""
    create(tmp_path, {**AWS, "command": [sys.executable, "-c", "open('ran', 'w')"]})
    provider = made_by(tmp_path, AWS)
    (seen,) = asyncio.run(provider.list())
    assert (seen.state, seen.name) == ("made", "db")
    assert f"terraform -chdir={tmp_path}/infra/db-1 apply" in seen.detail
    asyncio.run(provider.start("db-1", b""))
    asyncio.run(provider.destroy("db-1"))
    assert asyncio.run(provider.list()) == []
    assert list(tmp_path.rglob("ran")) == []


def test_a_machine_that_terraform_has_made_is_not_forgotten(tmp_path: Path) -> None:
    """Its directory has the state: it goes when Terraform has destroyed the machine."""
    directory = create(tmp_path, AWS)
    (directory / "terraform.tfstate").write_text('{"version": 4, "resources": [{"type": "aws_instance"}]}')
    (directory / "terraform.tfstate").chmod(0o600)
    provider = made_by(tmp_path, AWS)
    assert asyncio.run(provider.observe("db-1")).state == "running"
    with pytest.raises(ProviderError, match=r"terraform -chdir=.*/db-1 destroy"):
        asyncio.run(provider.destroy("db-1"))
    (directory / "terraform.tfstate").write_text('{"version": 4, "resources": []}')
    asyncio.run(provider.destroy("db-1"))
    assert not directory.exists()


def test_a_state_that_is_kept_elsewhere_can_still_be_destroyed(tmp_path: Path) -> None:
    """The directory is put aside, without the user data: what is in it says what is left to destroy."""
    directory = create(tmp_path, AWS)
    (directory / ".terraform").mkdir()
    (directory / ".terraform/terraform.tfstate").write_text("{}")
    provider = made_by(tmp_path, AWS)
    assert "kept elsewhere" in asyncio.run(provider.observe("db-1")).detail
    asyncio.run(provider.destroy("db-1"))
    assert asyncio.run(provider.list()) == []
    aside = tmp_path / "infra/.gone/db-1"
    assert (aside / "main.tf.json").exists()
    assert SECRET not in (aside / "remit.auto.tfvars.json").read_text()


def test_the_introduction_goes_from_the_variables_once_it_is_used(tmp_path: Path) -> None:
    """When the boss starts a machine that it does not ask for: only one that has enrolled. One that is asked for keeps it."""
    directory = create(tmp_path, AWS)
    provider = made_by(tmp_path, AWS)

    async def asked_for_again() -> None:
        await provider.create("db-1", "db", USER_DATA, {})
        await provider.start("db-1", b"")

    async def asked_for_and_refused() -> None:
        with pytest.raises(ProviderError):
            await provider.create("db-1", "db", USER_DATA, {"sise": "x"})
        await provider.start("db-1", b"")

    asyncio.run(asked_for_again())
    asyncio.run(asked_for_and_refused())
    assert SECRET in (directory / "remit.auto.tfvars.json").read_text()
    asyncio.run(made_by(tmp_path, AWS).start("db-1", b""))
    assert json.loads((directory / "remit.auto.tfvars.json").read_text()) == {"remit_user_data": "#cloud-config\n{}\n"}


def test_whoever_asks_for_a_machine_has_terraform_read_nothing() -> None:
    """An option's value is a text in Terraform's language, and no expression."""
    template, defaults = template_of(AWS)
    chosen = chosen_of({"size": '${file("/etc/shadow")}%{ if true }'}, defaults)
    made = main_file("db-1", "db", "boss", template, chosen.values)
    assert made["resource"]["aws_instance"]["machine"]["instance_type"] == '$${file("/etc/shadow")}%%{ if true }'


def test_expressions_of_the_configuration_stay(tmp_path: Path) -> None:
    """Its braces are Terraform's, where they are no placeholder of ours."""
    template = Template("x_y", {"a": "${var.name}-{name}", "b": "{other}", "c": 3, "d": ["{user_data_base64}"]})
    made = main_file("db-1", "db", "boss", template, {})["resource"]["x_y"]["machine"]
    assert made == {
        "a": "${var.name}-db",
        "b": "{other}",
        "c": 3,
        "d": ["${base64encode(var.remit_user_data)}"],
        "lifecycle": {"ignore_changes": ["d"]},
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"resorce": "x"}, "no option resorce: did you mean resource"),
        ({"resource": "Aws Instance"}, "such as aws_instance"),
        ({"resource": ""}, "such as aws_instance"),
        ({"attributes": {"ami": "x"}}, "would never hear of its boss"),
        ({"values": {"id": "x"}}, "choose another name"),
        ({"values": {"size": ["x"]}}, "a text, a number"),
        ({"command": []}, "a program, or a list of words"),
        ({"blocks": {"variable": {"remit_user_data": {"sensitive": False}}}}, "is the provider's own"),
        ({"present": False}, "nothing says how the agent comes"),
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(tmp_path: Path, more: dict[str, Any], said: str) -> None:
    """The nearest name, or the form."""
    with pytest.raises(ProviderError, match=said):
        create(tmp_path, {**AWS, **more})


@pytest.mark.parametrize("name", ["attributes", "blocks", "apply", "command", "resource", "values"])
def test_what_is_the_accounts_is_no_option_of_one_machine(name: str) -> None:
    """Whoever may ask for machines does not choose what is run, or made."""
    with pytest.raises(ProviderError, match="no option of one machine"):
        chosen_of({name: "x"}, template_of(AWS)[1])


def test_what_terraform_says_is_told_without_the_user_data(tmp_path: Path) -> None:
    """The line of its error, with its command and log; one that quotes what it was told is left out."""
    for line, shown in (("Error: No valid credential sources", True), (f"Error: ocapn://x/s/{SECRET}", False)):
        program = tmp_path / "failing"
        program.write_text(f"#!/bin/sh\necho '{line}'\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(ProviderError, match=r"init ended with status 1: .*terraform\.log") as caught:
            create(tmp_path, {**AWS, "apply": True, "command": str(program)})
        assert (line in str(caught.value)) is shown
        assert SECRET not in str(caught.value)
    with pytest.raises(ProviderError, match="no-such-terraform cannot be run"):
        create(tmp_path, {**AWS, "apply": True, "command": "no-such-terraform"})


# --- with real Terraform ---------------------------------------------------------------------------------


@needs_terraform
def test_real_terraform_takes_what_is_written_and_shows_no_introduction(tmp_path: Path) -> None:
    """It is valid, planned, applied and destroyed; what it prints has no introduction, a change of the used one changes nothing, and the state has it, as is said."""
    directory = create(tmp_path, DATA)
    said = []
    for words in (["init"], ["validate"], ["plan"], ["apply", "-auto-approve"]):
        done = terraform(directory, *words, "-no-color")
        assert done.returncode == 0, done.stderr
        said.append(done.stdout + done.stderr)
    assert SECRET in (directory / "terraform.tfstate").read_text()
    provider = made_by(tmp_path, DATA)
    (directory / "terraform.tfstate").chmod(0o600)
    assert asyncio.run(provider.observe("db-1")).state == "running"
    asyncio.run(provider.start("db-1", b""))
    again = terraform(directory, "plan", "-no-color", "-detailed-exitcode")
    assert again.returncode == 0, again.stdout
    gone = terraform(directory, "destroy", "-auto-approve", "-no-color")
    assert gone.returncode == 0, gone.stderr
    assert SECRET not in "".join([*said, again.stdout, gone.stdout])
    asyncio.run(provider.destroy("db-1"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A boss whose provider applies `terraform_data`, which boots a machine on this host as a cloud would."""
    provisioners = [{"local-exec": {"command": BOOT}}, {"local-exec": {"when": "destroy", "command": BOOT}}]
    table = {
        "kind": "terraform",
        "root": str(tmp_path / "infra"),
        "resource": "terraform_data",
        "present": True,
        "attributes": {"triggers_replace": ["{id}", "{user_data}"], "provisioner": provisioners},
        "apply": True,
        "agent": {"listen": "127.0.0.1:0"},
    }
    made = Stage(tmp_path, {"infra": table})
    made.start_boss()
    try:
        yield made
    finally:
        made.kill_boss()
        for path in (tmp_path / "infra").glob("*/cloud"):
            cloud_double.end(path)


@needs_terraform
@pytest.mark.timeout(120)
def test_a_machine_that_real_terraform_has_made_enrols_and_goes(stage: Stage) -> None:
    """From the wish to the end, by a boss that was told to apply; the introduction is in no argument, log or status."""

    async def work() -> None:
        async with stage.admin() as boss:
            await boss.create_machine("db", "infra")
            seen = await until(lambda: active(boss))
            assert seen["provider_sees"].startswith("running")
            (directory,) = (stage.place / "infra").glob("db-*")
            document = json.loads((directory / "remit.auto.tfvars.json").read_text())["remit_user_data"]
            secret = document.partition("/s/")[2][:43]
            assert len(secret) == 43
            shown = (directory / "terraform.log").read_text() + (stage.place / "boss.log").read_text() + str(seen)
            assert secret not in shown
            await boss.start_machine("db")
            await boss.start_machine("db")
            assert secret not in (directory / "remit.auto.tfvars.json").read_text()
            await boss.destroy_machine("db")
            assert await boss.list_machines() == []
            assert list((stage.place / "infra").iterdir()) == []
            assert cloud_double.pids(stage.place / "infra") == []

    async def active(boss: Any) -> Any:
        seen = await boss.show("db")
        return seen if seen["state"] == "active" else None

    asyncio.run(work())
