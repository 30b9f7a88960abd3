"""The boss's process: `remit boss run`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from remit.errors import BadArgument, Broken, ProviderError, StoreFull
from remit.machines._alarms import Alarms
from remit.machines._backup import check_not_moved
from remit.machines._boss import Boss
from remit.machines._copier import Copier
from remit.machines._descriptors import allow_descriptors
from remit.machines._fleet import Fleet
from remit.machines._gauges import boss_families
from remit.machines._grant import Grant
from remit.machines._guests import Guests
from remit.machines._hob_server import HobServer, PendingHob
from remit.machines._household import Household, first_of, household, where
from remit.machines._inspector import Inspector
from remit.machines._introduction import Introduction, Redemption
from remit.machines._names import missing
from remit.machines._parcel import parcel
from remit.machines._planned import Planned
from remit.machines._process import ProcessProvider
from remit.machines._provider import Provider, ProviderDesk
from remit.machines._registry_house import REGISTRY_KINDS, REGISTRY_ROOT, RegistryHouse
from remit.machines._rekeying import Keys, Rekeying, finish_rekey, first_key
from remit.machines._tunnel_relay import TunnelRelay, TunnelRelays
from remit.machines._wiring import Wiring
from remit.net import (
    Admission,
    Netlayer,
    NodeKey,
    TlsNetlayer,
    UnixNetlayer,
    WebSocketNetlayer,
    exposition,
    told_to_stop,
)

__all__ = ["BOSS_CLASSES", "BossSettings", "run_boss"]

BOSS_CLASSES: tuple[type, ...] = (
    *(
        Alarms,
        Boss,
        Fleet,
        Grant,
        Guests,
        HobServer,
        Inspector,
        Introduction,
        PendingHob,
        Planned,
        Redemption,
        Rekeying,
        TunnelRelay,
        Wiring,
    ),
)

ALWAYS: Final[dict[str, dict[str, Any]]] = {
    "ssh": {}
}  # providers that need no table: what they need is loaded when they are used
PARCELS: Final = "parcels"  # in the state directory: what the boss puts on machines
CONNECTIONS: Final = 1000
LOOPBACK: Final = "127.0.0.1:0"
AGAIN: Final = 5.0  # seconds between two attempts to load a boss whose disk is full
PATIENCE: Final = 8.0  # seconds that the boss waits for a machine: whoever asked wants to hear which one is missing


class BossSettings:
    """How a boss runs. `state`: its directory. `listen`: host:port (port 0: any), or several of them. `published`: the host that others are told
    instead of the first one's.

    `websocket`: host:port where it listens for nodes over WebSockets, too; `websocket_url`: the URL that others are told of it, that of
    the web server in front of it. Needs `remit[websocket]`.

    `connections`: how many nodes may be connected to each of its sockets at once (`Admission.members`); a boss of more machines than 1000 needs more, and
    its process is allowed as many descriptors as that takes, where the system lets it.

    `metrics`: host:port where it is asked for its metrics over HTTP. `alarm_webhook`, `alarm_command`: who is told of alarms (`Herald`).

    `start`: have the providers start all machines. `providers`: by name, each a table: `kind` (the name, unless it says otherwise),
    `agent` (what its machines' agents are told: `classes`, `path`, `listen`, `published`), and what that kind takes.
    """

    def __init__(
        self,
        state: Path,
        *,
        listen: str | Sequence[str] = "127.0.0.1:0",
        published: str = "",
        websocket: str = "",
        websocket_url: str = "",
        start: bool = True,
        metrics: str = "",
        connections: int = CONNECTIONS,
        alarm_webhook: str = "",
        alarm_command: Sequence[str] = (),
        providers: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        self.state = Path(state).absolute()
        first, *more = [where(each) for each in ([listen] if isinstance(listen, str) else listen) or [LOOPBACK]]
        self.listen = first
        self.also = more
        self.published = published or None
        self.websocket = where(websocket) if websocket else None
        self.websocket_url = websocket_url or None
        self.start = start
        self.metrics = where(metrics) if metrics else None
        if type(connections) is not int or connections < 1:
            raise BadArgument(f"a boss has room for a number of connections above 0, not {connections!r}")
        self.connections = connections
        self.alarm_webhook = alarm_webhook
        self.alarm_command = tuple(alarm_command)
        self.providers = {"process": {}} if providers is None else providers


async def run_boss(settings: BossSettings, say: Callable[[str], None]) -> None:
    """Be the boss of a state directory until told to stop (SIGTERM or SIGINT). `say` gets lines for people.

    When the disk is full at a commit its vat has ended, and it is loaded again until there is room. Raises `StoreLocked` where another
    boss has the directory, and other `StoreError`s. Machines live on without it.
    """
    check_not_moved(settings.state)
    if settings.connections > CONNECTIONS:
        allow_descriptors(settings.connections, say)
    async with told_to_stop() as stop:
        up = False
        while not stop.is_set():
            try:
                finish_rekey(settings.state)
                async with _house(settings) as house:
                    await _reign(house, settings, say, stop, start=settings.start and not up)
                    up = True
            except StoreFull as error:
                if not up and not _has_reigned(settings):
                    raise
                up = True
                say(f"{error}; trying again in {AGAIN:g} s")
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN):
                        await stop.wait()
        say("boss has stopped; its machines go on")


def _house(settings: BossSettings) -> AbstractAsyncContextManager[Household]:
    return household(
        settings.state,
        "boss",
        classes=[*BOSS_CLASSES, *REGISTRY_KINDS],
        roots={"boss": (Boss,), **REGISTRY_ROOT},
        devices=lambda key: {
            "providers": make_providers(settings, key),
            "relays": TunnelRelays(),
            "copier": Copier(),
            "ensemble": RegistryHouse(settings.state),
            "keys": Keys(settings.state),
            **_herald(settings),
        },
        netlayers=lambda key: _netlayers(settings, key),
    )


def _herald(settings: BossSettings) -> dict[str, Any]:
    if not settings.alarm_webhook and not settings.alarm_command:
        return {}
    from remit.machines._herald import Herald  # a client of HTTP, for those who want one

    return {"herald": Herald(settings.alarm_webhook, settings.alarm_command)}


def _has_reigned(settings: BossSettings) -> bool:
    """Whether this directory has had a boss: then its machines count on one, and it is worth waiting for room."""
    return (settings.state / "admin.ref").exists()


async def _reign(
    house: Household, settings: BossSettings, say: Callable[[str], None], stop: asyncio.Event, *, start: bool
) -> None:
    house.network.patience = PATIENCE
    desk: ProviderDesk = house.devices["providers"]
    desk.listen = house.node.listen_also
    house.devices["relays"].attach(house.node)
    house.devices["copier"].attach(house.store, house.directory)
    boss = house.durable.root("boss")
    await house.door("admin.ref", boss, "admin")
    at, reference = house.node.locator.hints["tls"], house.directory / "admin.ref"
    say(f"boss {house.key.designator} is at {at}; its reference: {reference}")
    resuming = asyncio.ensure_future(_resume(boss, start, say))
    try:
        async with house.devices["ensemble"].living(house), _metrics(settings, boss, say):
            await first_of(stop, house.failed, house.devices["keys"].turned, house.devices["ensemble"].stopping)
            if house.devices["ensemble"].stopping.is_set():
                stop.set()
    finally:
        house.devices["relays"].close_all()
        resuming.cancel()
        await asyncio.gather(resuming, return_exceptions=True)


@asynccontextmanager
async def _metrics(settings: BossSettings, boss: Any, say: Callable[[str], None]) -> AsyncIterator[None]:
    if settings.metrics is None:
        yield
        return
    from remit.machines._metrics_server import metrics_server  # a server of HTTP, for those who want one

    async def text() -> str:
        return exposition(boss_families(await _whole(boss)))

    async with metrics_server(settings.metrics, text) as (host, port):
        say(f"metrics are at http://{host}:{port}/metrics")
        yield


async def _whole(boss: Any) -> dict[str, Any]:
    """All pages of the boss's status."""
    seen = await boss.status()
    while seen["next"] is not None:
        page = await boss.status(seen["next"])
        for name, rows in page.items():
            seen[name] = [*seen[name], *rows] if type(rows) is list else rows
    return dict(seen)


def _netlayers(settings: BossSettings, key: NodeKey) -> list[Netlayer]:
    host, port = settings.listen

    def room() -> Admission:
        return Admission(members=settings.connections)

    made: list[Netlayer] = [
        UnixNetlayer(key, settings.state / "boss.sock", admission=room()),
        TlsNetlayer(key, host=host, port=port, published=settings.published, also=settings.also, admission=room()),
    ]
    if settings.websocket is not None:
        host, port = settings.websocket
        url = settings.websocket_url
        made.append(WebSocketNetlayer(key, host=host, port=port, published=url, foreign=False, admission=room()))
    return made


async def _resume(boss: Any, start: bool, say: Callable[[str], None]) -> None:
    try:
        await boss.resume(start)
    except Broken as error:
        say(f"not all that was begun could be finished: {error}; see: remit status")


def make_providers(settings: BossSettings, key: NodeKey) -> ProviderDesk:
    """The providers of the configuration, for the boss with this key."""
    made: dict[str, Provider] = {}
    defaults: dict[str, dict[str, Any]] = {}
    owner = first_key(settings.state, key.designator)
    for name, table in {**ALWAYS, **settings.providers}.items():
        rest = dict(table)
        kind = rest.pop("kind", name)
        defaults[name] = rest.pop("agent", {})
        if kind not in KINDS_OF_PROVIDER:
            raise missing("kind of provider", str(kind), KINDS_OF_PROVIDER)
        made[name] = KINDS_OF_PROVIDER[kind](settings, owner, name, rest)
    return ProviderDesk(made, defaults=defaults, parcels=settings.state / PARCELS)


def _process(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    root = settings.state / "machines" if name == "process" else settings.state / f"machines-{name}"
    root = Path(rest.pop("root", root)).expanduser()
    if rest:
        raise BadArgument(f"provider {name}: unknown {', '.join(sorted(rest))}; a process provider takes: root, agent")
    return ProcessProvider(root, owner)


def _nspawn(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines.nspawn._provider import NspawnProvider  # whoever has no containers loads none of it

    root = Path(rest.pop("root", settings.state / f"machines-{name}")).expanduser()
    try:
        return NspawnProvider(root, owner, settings.state / PARCELS, rest)
    except ProviderError as error:
        raise BadArgument(f"provider {name}: {error}") from None


def _qemu(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines.qemu._provider import QemuProvider  # as above

    root = Path(rest.pop("root", settings.state / f"machines-{name}")).expanduser()
    try:
        return QemuProvider(root, owner, settings.state / PARCELS, rest)
    except ProviderError as error:
        raise BadArgument(f"provider {name}: {error}") from None


def _ssh(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines._ssh import SshProvider

    known = {each: str(rest.pop(each)) for each in ("host", "identity", "config", "base") if each in rest}
    if rest:
        raise BadArgument(
            f"provider {name}: unknown {', '.join(sorted(rest))}; an ssh provider takes: host, identity, config, base, agent"
        )
    return SshProvider(settings.state, owner, lambda: parcel(settings.state / PARCELS), **known)


def _docker(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines.docker._provider import DockerProvider  # whoever has no containers loads none of it

    try:
        return DockerProvider(owner, settings.state / PARCELS, rest, provider=name)
    except ProviderError as error:
        raise BadArgument(f"provider {name}: {error}") from None


def _libcloud(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines.libcloud._provider import LibcloudProvider  # whoever has no clouds loads none of it

    try:
        return LibcloudProvider(owner, rest, provider=name)
    except ProviderError as error:
        raise BadArgument(f"provider {name}: {error}") from None


def _terraform(settings: BossSettings, owner: str, name: str, rest: dict[str, Any]) -> Provider:
    from remit.machines.terraform._provider import TerraformProvider  # as above

    root = Path(rest.pop("root", settings.state / f"machines-{name}")).expanduser()
    try:
        return TerraformProvider(root, owner, rest)
    except ProviderError as error:
        raise BadArgument(f"provider {name}: {error}") from None


KINDS_OF_PROVIDER: dict[str, Callable[[BossSettings, str, str, dict[str, Any]], Provider]] = {
    "docker": _docker,
    "libcloud": _libcloud,
    "nspawn": _nspawn,
    "process": _process,
    "qemu": _qemu,
    "ssh": _ssh,
    "terraform": _terraform,
}
