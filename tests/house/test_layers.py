"""Who may import whom: the one-way order of the layers, and where the outside world is touched."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import TOP, Module, modules

# Private to the project, not to a layer: what modules say to the compiler, and how packages load.
SHARED = ("_native", "_lazy")
# From the ground up: a layer may import those before it, and itself. (docs/design.md, section 2)
ORDER = [
    *(*SHARED, "errors", "values", "vat", "lib", "captp", "net", "durable", "dataspace", "warden", "services", "graph"),
    *("ledger", "credentials", "ensemble", "machines", "app", "web", "cli", "testing"),
]
# Modules beside the layers: they may import any of them, and none may import them.
BESIDE = {"", "__main__", "mypy_plugin"}

# The layers that run the same everywhere: what they know of the world comes as an argument.
PURE = {*SHARED, "errors", "values", "vat", "lib", "captp", "graph"}
WORLD = {"os", "socket", "ssl", "time", "random", "secrets", "asyncio", "subprocess", "threading"}
EVENT_LOOP = (
    "src/remit/vat/_drive.py"  # the one module of a pure layer that knows asyncio, loaded when a vat is driven by it
)

# The drivers: the only modules that touch what is outside the process by themselves, and why.
DRIVERS: dict[str, str] = {
    "src/remit/ensemble/code/_part.py": "dates versions of loaded code",
    "src/remit/net/_identity.py": "keeps a node's key in a file, drafted under a random name",
    "src/remit/net/_streams.py": "gives each hello its nonce",
    "src/remit/net/_arrival.py": "looks at an accepted socket's first byte",
    "src/remit/net/_listener.py": "takes connections off a listening socket",
    "src/remit/net/_socketfile.py": "makes the file of a unix socket",
    "src/remit/net/_once.py": "asks one question over a unix socket, and gives its hello a nonce",
    "src/remit/net/_bulks.py": "makes tickets that nobody guesses",
    "src/remit/net/_socket_end.py": "sets options of the sockets that tunnels lead to and from",
    "src/remit/net/_tls.py": "opens listening sockets",
    "src/remit/net/_websocket.py": "gives each challenge its random bytes",
    "src/remit/net/_unix.py": "opens unix sockets and reads their credentials",
    "src/remit/net/_network.py": "the device that mints swiss numbers and knows when they expire",
    "src/remit/net/_node.py": "gives the session engine its randomness and signed addresses their date",
    "src/remit/net/_log.py": "dates what it writes down",
    "src/remit/net/_trace.py": "dates what it records, and gives traces ids that nobody guesses",
    "src/remit/cli/_ca_make.py": "dates certificates and revocation lists",
    "src/remit/durable/_sealed.py": "gives each file under a passphrase its salt and nonce",
    "src/remit/machines/_process.py": "gives agents the part of our environment that they need",
    "src/remit/machines/_single_start.py": "the first steps of a program that is one file, in a process of its own",
    "src/remit/cli/_bundle.py": "collects what goes into a file beside its place, and finds the program in this directory",
    "src/remit/machines/_parcel.py": "drafts parcels under random names",
    "src/remit/machines/_systemd.py": "gives orders to systemd, on the host that an agent is brought to",
    "src/remit/machines/nspawn/_cgroup.py": "kills what is left in the control groups of machines",
    "src/remit/machines/nspawn/_provider.py": "gives machines of nspawn private files, drafted under random names",
    "src/remit/machines/images/_init.py": "the first process of machines, a program by itself",
    "src/remit/machines/images/_image.py": "runs the tools that images are made with",
    "src/remit/machines/images/_disk.py": "mounts disks while they are made",
    "src/remit/machines/qemu/_provider.py": "boots a guest to see whether one runs, and gives QEMU orders",
    "src/remit/machines/qemu/_seed_disk.py": "makes seed disks beside their place",
    "src/remit/machines/images/_build.py": "makes images beside their place",
    "src/remit/machines/images/_tree.py": "makes root file systems beside their place",
    "src/remit/machines/terraform/_provider.py": "runs Terraform, where that is asked for, with our environment: its providers find their credentials there",
    "src/remit/machines/libcloud/_driver.py": "reads credentials of clouds from the environment, where remit.toml names its variables",
    "src/remit/machines/_agent.py": "spreads machines' attempts to reach their boss over time",
    "src/remit/machines/_facing.py": "asks the kernel which address this machine has on the way to another",
    "src/remit/machines/_backup.py": "dates copies of a boss, and gives each its salt and nonce",
    "src/remit/machines/_rekeying.py": "dates successions of the boss's key, and keeps them in files",
    "src/remit/machines/_copier.py": "gives each copy of a store a name of its own",
    "src/remit/machines/nspawn/_versions.py": "asks the systemd of a machine to start its agent again",
    "src/remit/machines/_herald.py": "runs the command that is told of alarms",
    "src/remit/machines/_household.py": "makes the swiss numbers of the files by which boss and hobs are found",
    "src/remit/machines/images/_rootfs.py": "runs debootstrap and what else makes a root file system",
    "src/remit/machines/_account_desk.py": "makes the keys and tags of services with accounts",
    "src/remit/machines/_entrances.py": "listens for the programs that use tunnels",
    "src/remit/machines/_exits.py": "knows when tunnels end, and says when they were used",
    "src/remit/machines/_local_users.py": "reads the kernel's list of sockets, in which addresses are numbers",
    "src/remit/machines/_shelf.py": "gives each new directory of a credential a name of its own",
    "src/remit/machines/_reload.py": "runs what bindings say is to be run when credentials have changed",
    "src/remit/app/targets/containers/_image.py": "makes a parcel beside the image that it goes into",
    "src/remit/app/components/_queued.py": "gives whoever takes an item a token that nobody guesses",
    "src/remit/cli/_exec.py": "becomes a program, with our environment and more",
    "src/remit/machines/_program.py": "finds the hob of the machine that a program runs on",
    "src/remit/cli/_config.py": "finds remit.toml and the state directory",
    "src/remit/cli/_leave.py": "finds the machine that the command runs on",
    "src/remit/cli/_service.py": "finds the hob of the machine that the command runs on",
    "src/remit/cli/_server_way.py": "finds which ensemble a command is about",
    "src/remit/cli/_server_upload.py": "makes an archive of a directory that is uploaded, in a file without a name",
    "src/remit/cli/_show.py": "asks whether the terminal's user wants colours",
    "src/remit/cli/_space_keys.py": "gives the names of sturdyrefs fresh keys",
    "src/remit/cli/_space_server.py": "serves a dataspace: the time for grace periods, and a swiss number that nobody guesses",
    "src/remit/cli/_times.py": "says how long ago something was, and when 10m from now is",
    "src/remit/testing/_network.py": "draws delays and losses from a seeded generator",
    "src/remit/dataspace/syndicate/_ports.py": "dials sockets, and keeps TCP connections alive",
    "src/remit/dataspace/syndicate/_hub.py": "knows when capabilities expire",
    "src/remit/dataspace/syndicate/_connect.py": "spreads attempts to connect again over time",
    "src/remit/dataspace/syndicate/_noise_step.py": "gives each Noise handshake its ephemeral key",
    "src/remit/durable/_files.py": "keeps secrets in files, drafted under random names",
    "src/remit/durable/_sqlite_errors.py": "tells a full disk from a broken one by writing a file beside the store",
    "src/remit/credentials/_redis.py": "says when a connection was last used, of which Redis says how long ago that was",
    "src/remit/testing/_driver_rules.py": "compares what a service says of use with the clock",
    "src/remit/ledger/_holder.py": "says which process of which host it is, for locks",
    "src/remit/ledger/_ledger.py": "dates locks and runs, and gives locks ids that are not typed by chance",
    "src/remit/ensemble/_home.py": "finds the home of an ensemble, and where sockets go",
    "src/remit/ensemble/_look.py": "looks at the process of a server: its environment, threads and tasks",
    "src/remit/ensemble/_host.py": "tells the time to who pings a server",
    "src/remit/ensemble/_server.py": "dates servers, and makes swiss numbers of one run",
    "src/remit/ensemble/_run_registry.py": "gives the vat of a registry a mark for the ids of its errors",
    "src/remit/ensemble/_serve.py": "the same for servers",
    "src/remit/ensemble/_cookie.py": "makes the swiss numbers of cookies",
    "src/remit/app/components/_http_side.py": "makes the tokens of edges over HTTP",
    "src/remit/app/components/_store_direct.py": "makes the key that the passwords of logins are derived from",
    "src/remit/app/api/_serve.py": "opens listening sockets for HTTP",
    "src/remit/warden/_spawn.py": "starts the processes of services: fork, rights, exec",
    "src/remit/warden/_run.py": "signals the processes of services",
    "src/remit/warden/_leftovers.py": "finds and ends what services leave behind",
    "src/remit/warden/_rotate.py": "dates the lines of logs",
    "src/remit/warden/_sd_notify.py": "opens the notification sockets of services",
    "src/remit/services/_host.py": "gives the vat of services its clock",
    "src/remit/services/_kernel.py": "listens to the kernel's netlink sockets",
    "src/remit/services/_watcher.py": "dates what scripts ask the time for",
    "src/remit/warden/_warden.py": "the process that is the parent of all services",
    "src/remit/warden/_link.py": "listens for the supervisor, and reads what it says",
    "src/remit/ensemble/supervisor/_open.py": "dates what a supervisor does, and gives its servers our environment",
    "src/remit/ensemble/supervisor/_versions.py": "drafts versions beside their place",
    "src/remit/ensemble/supervisor/_programs.py": "gives each program that is run a name of its own",
    "src/remit/services/_processes.py": "starts the warden and speaks with it",
    "src/remit/app/targets/_in_process.py": "tells components the time, for limits of edges",
    "src/remit/app/hosting/_manifest.py": "makes the swiss numbers of edges",
    "src/remit/app/hosting/_command.py": "tells a command that a person runs the time, and marks its errors",
    "src/remit/app/targets/processes/_target.py": "runs commands of applications in processes of their own",
    "src/remit/app/hosting/_process.py": "tells the component the time, and whoever started it that it is ready",
    "src/remit/app/targets/processes/_supervisor.py": "starts the supervisor, and listens for commands on a socket",
    "src/remit/app/_twice.py": "computes a program's graph in another process, whose hashes differ",
}
AMBIENT_MODULES = {"socket", "subprocess", "random", "secrets", "tempfile", "multiprocessing"}
AMBIENT_NAMES = {
    *(
        "os.environ",
        "os.environb",
        "os.getenv",
        "os.putenv",
        "os.urandom",
        "os.fork",
        "os.system",
        "os.kill",
        "os.killpg",
    ),
    *("time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "uuid.uuid1", "uuid.uuid4"),
    *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "Path.home", "Path.cwd", "os.getcwd"),
}


def wrong_way(module: Module) -> Iterator[str]:
    """The imports of a module that go up, or into what lies beside the layers."""
    if module.layer in BESIDE:
        return
    for found in module.imports():
        package, _, rest = found.module.partition(".")
        if package != "remit":
            continue
        layer = rest.split(".")[0]
        if layer not in ORDER or ORDER.index(layer) > ORDER.index(module.layer):
            yield f"{module.shown}:{found.line}: {module.layer} imports {found.module}, which is above it"


def private(module: Module) -> Iterator[str]:
    """The imports of a module that reach into another layer's private modules or names."""
    for found in module.imports():
        package, *path = found.module.split(".")
        names = [*path[1:], *([found.name] if found.name else [])]
        if (
            package == "remit"
            and path
            and path[0] not in (module.layer, *SHARED)
            and any(is_private(name) for name in names)
        ):
            yield f"{module.shown}:{found.line}: imports the private {found.module} ({found.name}); re-export what is shared"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def is_pure(module: Module) -> bool:
    """Whether it is of a pure layer, or of what is pure in a layer with drivers: dataspaces without the Syndicate protocol."""
    return module.layer in PURE or module.shown.startswith("src/remit/dataspace/_")


def worldly(module: Module) -> Iterator[str]:
    """The imports by which a module of a pure layer would know the world."""
    if not is_pure(module):
        return
    for found in module.imports():
        root = found.module.split(".")[0]
        if root in WORLD and not (root == "asyncio" and module.shown == EVENT_LOOP):
            yield f"{module.shown}:{found.line}: {module.layer} is pure and imports {root}; take it as an argument"


def ambient(module: Module) -> Iterator[str]:
    """The places where a module touches what is outside the process."""
    for found in module.imports():
        if found.module.split(".")[0] in AMBIENT_MODULES or f"{found.module}.{found.name}" in AMBIENT_NAMES:
            yield f"{module.shown}:{found.line}: import of {found.module}"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{node.value.id}.{node.attr}"
            if name in AMBIENT_NAMES:
                yield f"{module.shown}:{node.lineno}: {name}"


def test_every_module_belongs_to_a_layer() -> None:
    """Each module and package directly under remit is in the order, or named as lying beside it."""
    assert {module.layer for module in modules()} - BESIDE <= set(ORDER), "give the new one its place in ORDER"


def test_imports_go_down() -> None:
    """No layer imports one above it, not even inside a function or for types."""
    assert [line for module in modules() for line in wrong_way(module)] == []


def test_layers_share_public_names_only() -> None:
    """What one layer takes from another, the other one exports."""
    assert [line for module in modules() for line in private(module)] == []


def test_pure_layers_know_nothing_of_the_world() -> None:
    """No I/O, clock, randomness, threads or event loop in the layers that tests drive by hand."""
    assert [line for module in modules() for line in worldly(module)] == []


def test_the_event_loop_is_loaded_late() -> None:
    """The vat's asyncio driver is imported inside functions only, so that a vat without it never loads asyncio."""
    tops = [
        (module.shown, name)
        for module in modules()
        for node in module.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [ast.unparse(node)]
        if module.layer == "vat" and "_drive" in name
    ]
    assert tops == []


def test_only_drivers_touch_the_world() -> None:
    """Environment, sockets, processes, wall clock and randomness are used by named modules only."""
    found = {module.shown: list(ambient(module)) for module in modules()}
    surprising = [line for path, lines in found.items() if path not in DRIVERS for line in lines]
    assert surprising == [], "pass it in from a driver; or, if this module is one, add it to DRIVERS with the reason"


@pytest.mark.parametrize("path", DRIVERS)
def test_each_named_driver_is_one(path: str) -> None:
    """The list of drivers is not longer than it has to be."""
    assert (TOP / path).exists(), "it is gone: take it out of DRIVERS"
    assert list(ambient(Module(TOP / path))), "it touches nothing any more: take it out of DRIVERS"
    assert DRIVERS[path]
