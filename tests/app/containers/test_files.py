"""What is written for docker-compose, Swarm and Kubernetes: who gets which secret, who reaches whom, and what stays from build to build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from remit.app import App, AppGraph, CliCommand, Store, Worker, compute
from remit.app.hosting._contained import unpack
from remit.app.targets import Place, find_target
from remit.app.targets.containers import _target as module
from remit.app.targets.containers._image import write_image
from remit.app.targets.containers._subnets import pool_of, subnets
from remit.errors import BadArgument, Missing, StoreCorrupt
from remit.values import SturdyRef


class Reader(Worker):
    db: Store[str]

    async def run(self) -> None: ...


class Show(CliCommand):
    db: Store[str]

    async def run(self) -> None: ...


def shop(*readers: str, command: bool = True) -> AppGraph:
    app = App("shop")
    db: Store[str] = Store(app / "db")
    for name in readers:
        Reader(app / name, db=db.read_only())
    if command:
        Show(app / "show", db=db)
    return compute(app)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are not what these tests are about."""
    monkeypatch.setattr(module, "write_image", lambda *_: "0123")


def built(name: str, graph: AppGraph, directory: Path, **options: str) -> list[dict[str, Any]]:
    """The documents of the file that a target writes."""
    target = find_target(name)(Place(directory / "app.py", directory / "state", options=options))
    assert target.check(graph) == []
    path = target.build(graph, directory / "build")[0]
    return list(yaml.safe_load_all(path.read_text()))


def names(graph: AppGraph) -> dict[str, str]:
    return {node.id.removeprefix("shop/"): node.name for node in graph.nodes}


def test_each_component_gets_its_own_secrets_and_no_others(tmp_path: Path) -> None:
    """A service has its own secret and one for each edge that it holds; no secret stands in the file itself, and nobody else on the host can read one (A23)."""
    graph = shop("a", "b")
    [file] = built("compose", graph, tmp_path)
    name = names(graph)
    got = {
        id: sorted((each["source"], each["target"]) for each in file["services"][name[id]]["secrets"])
        for id in ("a", "b", "db")
    }
    assert got == {
        "a": [(name["a"], "persona"), (f"{name['a']}.db", "edge.db")],
        "b": [(name["b"], "persona"), (f"{name['b']}.db", "edge.db")],
        "db": [(name["db"], "persona")],
    }
    text = (tmp_path / "build" / "docker-compose.yml").read_text()
    assert "ocapn:" not in text and "PRIVATE KEY" not in text
    for directory in ("build", "build/secrets", "build/personas"):
        assert (tmp_path / directory).stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "build" / ".gitignore").read_text().splitlines()[-1] == "*"


def test_a_holders_reference_is_good_for_its_key_only(tmp_path: Path) -> None:
    """What a container unpacks is its key and what it holds; the provider has a grant for that very key, with the digest of the number alone."""
    graph = shop("a", command=False)
    built("compose", graph, tmp_path)
    name, secrets = names(graph), tmp_path / "build" / "secrets"
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(secrets / name["a"], mine / "persona")
    shutil.copy(secrets / f"{name['a']}.db", mine / "edge.db")
    path = unpack(mine, tmp_path / "home")
    held = SturdyRef.parse((path / "edges" / "db.ref").read_text().strip())
    assert held.locator.hints == {"tls": f"{name['db']}:4433"}
    [grant] = [
        json.loads(text) for file, text in json.loads((secrets / name["db"]).read_text()).items() if "grants" in file
    ]
    assert grant["edge"].startswith("shop/a/") and held.swiss.hex() not in json.dumps(grant)
    assert (path / "key.pem").stat().st_mode & 0o777 == 0o600
    (mine / "persona").chmod(0o600)
    (mine / "persona").write_text('{"../x": "y"}')
    with pytest.raises(StoreCorrupt, match=r"'\.\./x'"):
        unpack(mine, tmp_path / "other")
    with pytest.raises(Missing, match="runs in a container"):
        unpack(tmp_path, tmp_path / "third")


def test_only_the_ends_of_an_edge_meet(tmp_path: Path) -> None:
    """Each edge has an internal network of its own, with a small subnet, that its two ends are on; who holds nothing and is held by nobody has none; no port is published (A6, A25)."""
    graph = shop("a", "b", command=False)
    [file] = built("compose", graph, tmp_path, subnets="10.99.0.0/24")
    name = names(graph)
    on = {
        network: {id for id in name if network in file["services"][name[id]]["networks"]}
        for network in file["networks"]
    }
    assert sorted(map(sorted, on.values())) == [["a", "db"], ["b", "db"]]
    assert all(each["internal"] for each in file["networks"].values())
    found = [each["ipam"]["config"][0]["subnet"] for each in file["networks"].values()]
    assert sorted(found) == ["10.99.0.0/29", "10.99.0.8/29"]
    assert all("ports" not in each for each in file["services"].values())
    [alone] = built("compose", shop(command=False), tmp_path)
    assert alone["services"][name["db"]]["network_mode"] == "none" and "networks" not in alone


def test_containers_can_do_little(tmp_path: Path) -> None:
    """No root, no capabilities, nothing written but in memory and in a store's volume, no new privileges, bounded in processes."""
    graph = shop("a")
    [file] = built("compose", graph, tmp_path)
    for service in file["services"].values():
        assert service["user"] == "10001:10001" and service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"] and service["pids_limit"]
    assert [id for id, name in names(graph).items() if "volumes" in file["services"][name]] == ["db"]


def test_building_again_changes_nothing_and_keys_stay(tmp_path: Path) -> None:
    """The same program gives the same files to the byte; another component leaves the keys and subnets of the others; a removed one takes its secrets with it, and the provider's grant."""

    def all_files() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in (tmp_path / "build").rglob("*") if path.is_file()}

    built("compose", shop("a"), tmp_path)
    first = all_files()
    built("compose", shop("a"), tmp_path)
    assert all_files() == first
    graph = shop("a", "b")
    built("compose", graph, tmp_path)
    name, now = names(graph), all_files()
    stays = [path for path in first if path.endswith((".pem", ".ref"))]
    assert stays and all(now[path] == first[path] for path in stays)
    known = json.loads(first[str(tmp_path / "build" / "subnets.json")])
    assert known.items() <= json.loads(now[str(tmp_path / "build" / "subnets.json")]).items()
    built("compose", shop("b"), tmp_path)
    left = all_files()
    assert not [path for path in left if name["a"] in path]
    assert len(json.loads(left[str(tmp_path / "build" / "secrets" / name["db"])])) == len(
        json.loads(first[str(tmp_path / "build" / "secrets" / name["db"])])
    )


def test_a_component_that_has_moved_keeps_its_name_its_key_and_its_volume(tmp_path: Path) -> None:
    """With `moved` nothing is made anew, also in later builds, and not for another component that takes the old id; a name is never given twice."""

    def program(*stores: str, moved: bool) -> AppGraph:
        app = App("shop")
        if moved:
            app.moved("db", "values/db")
        for id in stores:
            Store(app / id) if "/" not in id else Store(app / "values" / "db")
        return compute(app)

    def volumes(graph: AppGraph) -> set[str]:
        [file] = built("compose", graph, tmp_path)
        return set(file["volumes"])

    def keys() -> dict[str, bytes]:
        return {path.parent.name: path.read_bytes() for path in (tmp_path / "build" / "personas").glob("*/key.pem")}

    first = volumes(program("db", moved=False))
    kept = keys()
    assert volumes(program("values/db", moved=True)) == first and keys() == kept
    both = volumes(program("values/db", "db", moved=True))
    assert first < both and len(both) == 2
    assert volumes(program("values/db", "db", moved=True)) == both and kept.items() <= keys().items()


def test_each_application_is_a_project_of_its_own(tmp_path: Path) -> None:
    """The project's name is the application's, wherever it was built: what one takes down is not another's."""
    built("compose", shop("a"), tmp_path)
    assert (tmp_path / "build" / ".env").read_text().startswith("COMPOSE_PROJECT_NAME=shop-")


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed (tools/servers)")
def test_docker_compose_takes_the_file(tmp_path: Path) -> None:
    """docker-compose reads it without a word; a command has a script, and is started by nothing else (A20)."""
    graph = shop("a")
    [file] = built("compose", graph, tmp_path)
    (tmp_path / "build" / "image").mkdir()
    path = tmp_path / "build" / "docker-compose.yml"
    done = subprocess.run(
        ["docker-compose", "-f", path, "config", "-q"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert file["services"][names(graph)["show"]]["profiles"] == ["commands"]
    script = tmp_path / "build" / "bin" / "show"
    assert os.access(script, os.X_OK) and names(graph)["show"] in script.read_text()


def test_a_stack_has_services_by_address_and_secrets_by_content(tmp_path: Path) -> None:
    """Services of a swarm are found by their tasks' addresses; a secret's name changes with its content; commands are not in it."""
    graph = shop("a")
    [file] = built("swarm", graph, tmp_path)
    name = names(graph)
    assert sorted(file["services"]) == sorted([name["a"], name["db"]])
    assert all(each["deploy"]["endpoint_mode"] == "dnsrr" for each in file["services"].values())
    before = file["secrets"][name["db"]]["name"]
    [file] = built("swarm", shop("a", "b"), tmp_path)
    assert file["secrets"][name["db"]]["name"] != before and len(before) <= 64
    assert all(each["mode"] == 0o400 for service in file["services"].values() for each in service["secrets"])


def manifest_of(objects: list[dict[str, Any]], kind: str, name: str = "") -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind and name in each["metadata"]["name"]]


def test_kubernetes_takes_each_manifest(tmp_path: Path) -> None:
    """Each object fits Kubernetes' own schema, with no field that it does not know; a wrong one would not."""
    objects = built("kubernetes", shop("a", "b"), tmp_path)
    for each in objects:
        kubernetes_validate.validate(each, "1.35", strict=True)
    wrong = json.loads(json.dumps(manifest_of(objects, "StatefulSet")[0]))
    wrong["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.35", strict=True)
    assert (tmp_path / "build" / "kubernetes.yaml").stat().st_mode & 0o777 == 0o600


def test_pods_reach_only_what_they_hold(tmp_path: Path) -> None:
    """Nothing goes in or out by default; for each edge its holder may go out to its provider, which lets it in; each component has an account of its own, and no token."""
    graph = shop("a", command=False)
    objects, name = built("kubernetes", graph, tmp_path), names(graph)
    nothing = manifest_of(objects, "NetworkPolicy", "nothing-by-default")[0]["spec"]
    assert nothing == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ways = {
        (
            each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"],
            way,
            each["spec"][way][0]["to" if way == "egress" else "from"][0]["podSelector"]["matchLabels"][
                "app.kubernetes.io/name"
            ],
        )
        for each in manifest_of(objects, "NetworkPolicy")
        for way in ("egress", "ingress")
        if each["metadata"]["name"].endswith(("-in", "-out")) and way in each["spec"]
    }
    assert ways == {(name["a"], "egress", name["db"]), (name["db"], "ingress", name["a"])}
    [pod] = [each["spec"]["template"]["spec"] for each in manifest_of(objects, "Job")]
    assert pod["serviceAccountName"] == name["a"] and not pod["automountServiceAccountToken"]
    sources = [each["secret"]["name"] for each in pod["volumes"][0]["projected"]["sources"]]
    assert sources == [f"{name['a']}.db", name["a"]]
    held = b64decode(manifest_of(objects, "Secret", f"{name['a']}.db")[0]["data"]["value"]).decode()
    assert SturdyRef.parse(held.strip()).locator.hints == {"tls": f"{name['db']}:4433"}


def test_what_a_target_cannot_have_is_said_before_anything_is_made(tmp_path: Path) -> None:
    """A component of an unknown kind, a command that others hold, an option that it does not have, and a pool that is too small."""

    class Odd(Store[str]):
        kind = "odd"

    app = App("shop")
    Odd(app / "odd")
    show = Show(app / "show", db=Store(app / "db"))

    class User(Worker):
        show: Show

        async def run(self) -> None: ...

    User(app / "user", show=show)
    for name in ("compose", "swarm", "kubernetes"):
        target = find_target(name)(Place(tmp_path / "app.py", tmp_path, options={"bass": "x"}))
        problems = "\n".join(map(str, target.check(compute(app))))
        assert "shop/odd: " in problems and "shop/user: holds the command" in problems and "--set bass" in problems
    with pytest.raises(BadArgument, match="no room for 3 networks"):
        subnets(pool_of("shop", "10.0.0.0/28"), "abc", {})
    with pytest.raises(BadArgument, match="subnets is a network"):
        pool_of("shop", "10.0.0.1/8")
    with pytest.raises(BadArgument, match="too small"):
        pool_of("shop", "10.0.0.0/30")


def test_an_image_has_the_program_and_no_private_files(tmp_path: Path) -> None:
    """What is beside the program goes into the image, readable for the container's user; but not hidden files, what only its owner may read, or what .dockerignore names."""
    there = tmp_path / "program"
    there.mkdir(mode=0o700)
    for name, mode in (
        ("app.py", 0o600),
        ("words.txt", 0o644),
        ("owner.url", 0o600),
        (".env", 0o644),
        ("big.bin", 0o644),
    ):
        (there / name).write_text("# nothing")
        (there / name).chmod(mode)
    (there / ".dockerignore").write_text("big.*\n")
    (tmp_path / "build").mkdir()
    first = write_image("shop", there / "app.py", tmp_path / "build", "python:3", [])
    app = tmp_path / "build" / "image" / "app"
    assert sorted(path.name for path in app.iterdir()) == ["app.py", "words.txt"]
    assert [path.stat().st_mode & 0o777 for path in (app, app / "app.py")] == [0o755, 0o644]
    assert write_image("shop", there / "app.py", tmp_path / "build", "python:3", []) == first
    (there / "words.txt").write_text("others")
    assert write_image("shop", there / "app.py", tmp_path / "build", "python:3", []) != first
