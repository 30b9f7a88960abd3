"""How a machine that this host cannot reach comes by its agent, and its boss: shared by `libcloud` and `terraform`, and in part by `ssh`. Pure but for the files that are packed.

    install     a shell command that root runs on the new machine before its first start; by default there is none
    parcel      or: https://…/NAME.tar.gz#sha256=HEX, an archive of `remit.machines.pack`, unpacked in /opt/remit
    present     or: true, where the image has the agent already
    command     what starts an agent   [/opt/remit/bin/remit-agent; after an install: /opt/remit/bin/python3 -m remit.machines]
    user        who the agent runs as in it: remit, or root where its services are of several users   [remit]

What `path` and `services` of the agent's section name is packed into the user data, as far as there is room.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from gzip import compress
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from remit.errors import BadArgument, ProviderError, RemitError
from remit.machines._cloud_init import STAGED, cloud_config
from remit.machines._cloud_scripts import OPT, AgentSetup
from remit.machines._luggage import packed
from remit.values import SturdyRef

__all__ = ["FAR_OPTIONS", "FarOptions", "check_way", "far_document", "is_loopback", "read_far_option"]

LUGGAGE: Final = "/opt/machine"
DEFAULT_WAY: Final = "192.0.2.1"  # RFC 5737, which is nowhere: the address that a machine has on its way out
_ARCHIVE: Final = re.compile(r"https?://[^\s'\"#]{1,1000}#sha256=([0-9a-f]{64})", re.ASCII)
_FETCH: Final = """import hashlib, sys, urllib.request
data = urllib.request.urlopen(sys.argv[1], timeout=300).read()
found = hashlib.sha256(data).hexdigest()
if found != sys.argv[2]:
    sys.exit('remit: the archive has the SHA-256 ' + found + ' and should have ' + sys.argv[2])
sys.stdout.buffer.write(data)
"""


class FarOptions(NamedTuple):
    """One machine's; see above."""

    install: str = ""
    parcel: str = ""
    present: bool = False
    command: tuple[str, ...] = ()
    user: str = "remit"

    def setup(self) -> AgentSetup:
        """As cloud-init is told. Raises `ProviderError` where it is not said how the agent comes."""
        ways = [name for name in ("install", "parcel", "present") if getattr(self, name)]
        if len(ways) != 1:
            said = f"{' and '.join(ways)} cannot both be" if ways else "nothing says how the agent comes to the machine"
            raise ProviderError(
                f"{said}: give one of install (a shell command), parcel (the URL of an archive), or present=true where the image has it"
            )
        own = (f"{OPT}/bin/python3", "-m", "remit.machines") if self.install else (f"{OPT}/bin/remit-agent",)
        return AgentSetup(self.command or own, _fetching(self.parcel) if self.parcel else self.install, user=self.user)


def read_far_option(name: str, value: Any) -> Any:
    """One of these options, as a value of `FarOptions`. Raises ValueError with the form."""
    return FAR_OPTIONS[name](value)


def far_document(
    user_data: Mapping[str, Any], options: FarOptions, *, what: str = "the machine", limit: int = 16 << 10
) -> bytes:
    """The `#cloud-config` of a machine elsewhere: a secret, within `limit` bytes. Reads the files that it packs: call it from a thread.

    Raises `ProviderError` where the machine could not reach its boss, or there is more to tell than there is room for.
    """
    agent = dict(user_data.get("agent", {}))
    if agent.get("tether"):
        raise ProviderError(f"{what} is not tethered to a process of this host: leave out the option tether")
    near = is_loopback(str(agent.get("listen", "")).rpartition(":")[0])  # it says itself that it is on this host
    if not near:
        check_way(user_data, what)
    if not agent.get("published"):
        towards = next(
            (each for each in _places(user_data) if _is_address(each) and not is_loopback(each)), DEFAULT_WAY
        )
        agent = {"listen": "0.0.0.0:0", **({} if near else {"facing": towards}), **agent}
    luggage = packed(agent, LUGGAGE)
    setup, files = options.setup(), {}
    if luggage.tar:
        files["luggage.tar.gz"] = compress(luggage.tar, mtime=0)
        unpack = f"install -d -m 0755 {LUGGAGE}\ntar -C {LUGGAGE} --no-same-owner -xzf {STAGED}/luggage.tar.gz"
        setup = setup._replace(install=f"{unpack}\n{setup.install}".rstrip())
    try:
        return cloud_config({**user_data, "agent": luggage.agent}, setup, files=files, limit=limit)
    except BadArgument as error:
        raise ProviderError(str(error)) from None


def check_way(user_data: Mapping[str, Any], what: str) -> None:
    """Raise `ProviderError` where a machine on another host could not reach its boss, as far as that can be told from here."""
    places = _places(user_data)
    if places and all(is_loopback(each) for each in places):
        raise ProviderError(
            f"{what} could not reach the boss, which listens on this host's loopback address only: set listen (0.0.0.0:PORT) and published "
            "(a name or address that it can reach) in [boss] of remit.toml, start the boss again, then: remit machine start NAME"
        )


def is_loopback(host: str) -> bool:
    """Whether this leads to one's own host."""
    return ip_address(host.strip("[]")).is_loopback if _is_address(host.strip("[]")) else host == "localhost"


def _fetching(url: str) -> str:
    where, _, digest = url.partition("#sha256=")
    program = f"python3 -c {shlex.quote(_FETCH)} {shlex.quote(where)} {digest}"
    return (
        f"install -d -m 0755 {OPT}\n{program} >{OPT}/agent.tar.gz\n"
        f"tar -C {OPT} --no-same-owner -xzf {OPT}/agent.tar.gz\nrm {OPT}/agent.tar.gz"
    )


def _places(user_data: Mapping[str, Any]) -> list[str]:
    """The hosts where the boss says that it is; none where it is reached over WebSockets, or nothing can be read."""
    try:
        hints = SturdyRef.parse(user_data["introduction"]).locator.hints
    except (KeyError, RemitError):
        return []
    if "websocket" in hints:
        return []
    return [each.strip().rpartition(":")[0].strip("[]") for each in hints.get("tls", "").split(",") if each.strip()]


def _is_address(host: str) -> bool:
    try:
        return bool(ip_address(host))
    except ValueError:
        return False


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("it is a text")
    return value


def _archive(value: Any) -> str:
    if not isinstance(value, str) or (value and not _ARCHIVE.fullmatch(value)):
        raise ValueError("a parcel is the URL of an archive with its digest: https://…/agent.tar.gz#sha256=HEX")
    return value


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list | tuple) else tuple(shlex.split(str(value)))


def _yes(value: Any) -> bool:
    found = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(value).lower())
    if found is None:
        raise ValueError("say true or false")
    return found


def _user(value: Any) -> str:
    if value not in ("remit", "root"):
        raise ValueError("it is remit or root")
    return str(value)


FAR_OPTIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "install": _text,
    "parcel": _archive,
    "present": _yes,
    "command": _words,
    "user": _user,
}
