"""One connection to a host by ssh: whose key it shows, and what is run there. Needs `remit[ssh]`.

The host's key is pinned at the first connection, in a file of OpenSSH's form (ssh(1), "SSH_KNOWN_HOSTS FILE FORMAT"), and any other is refused from
then on, before anything is said to it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from remit.durable import open_state_dir, read_secret_file, write_secret_file
from remit.errors import BadArgument, Missing, ProviderError

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Link", "Pins", "Target", "connected"]

_CONNECT: Final = 20.0  # seconds for a connection, and as many to log in
_LIVES: Final = 15.0  # seconds between two signs of life
_TARGET: Final = re.compile(r"(?:([^@:/\s\[\]]+)@)?(\[[0-9A-Fa-f:.%\w]+\]|[^@:/\s\[\]]+)(?::(\d{1,5}))?")
_PROMISE: Final = 4000  # characters of what a host says that get into an error
_KINDS: Final = ["ssh-ed25519", *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)), "ssh-rsa"]
_ALGORITHMS: Final = {"ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"]}  # RFC 8332: the same key, by other names


class Target(NamedTuple):
    """Where a host is, and as whom. `user` "" is who runs the boss; `identity` a file with a private key, "" for what ssh uses by itself."""

    host: str
    port: int
    user: str
    identity: str = ""

    @classmethod
    def parse(cls, text: str, identity: str = "") -> Target:
        """Read `user@host:port`; user and port may be left out."""
        found = _TARGET.fullmatch(text)
        if found is None or not 0 < int(found[3] or 22) < 65536 or found[2].startswith("-"):
            raise BadArgument(
                f"{text[:80]!r} is no host: write user@host or user@host:port, such as root@db.example.org:22"
            )
        return cls(found[2].strip("[]"), int(found[3] or 22), found[1] or "", identity)

    @property
    def name(self) -> str:
        """The host as OpenSSH writes it among known hosts."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}{'@' if self.user else ''}{host}{'' if self.port == 22 else f':{self.port}'}"


class Pins:
    """The keys of hosts that were seen, in one file. Owned by the provider."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def of(self, name: str) -> list[str]:
        """The keys of a host, each as its kind and base64."""
        try:
            lines = read_secret_file(self.path).decode().splitlines()
        except Missing:
            return []
        words = [line.split() for line in lines if line and not line.startswith("#")]
        return [" ".join(each[1:3]) for each in words if len(each) >= 3 and name in each[0].split(",")]

    def add(self, name: str, key: str) -> None:
        """Pin a key."""
        open_state_dir(self.path.parent)
        try:
            before = read_secret_file(self.path)
        except Missing:
            before = b"# The keys of hosts that remit reaches by ssh, as they were at the first connection.\n"
        write_secret_file(self.path, before + f"{name} {key}\n".encode(), replace=True)


class Link:
    """An open connection. `fingerprint` is that of the host's key, and `fresh` whether it was pinned just now."""

    def __init__(
        self, target: Target, connection: asyncssh.SSHClientConnection, fingerprint: str, *, fresh: bool
    ) -> None:
        self.target = target
        self.fingerprint = fingerprint
        self.fresh = fresh
        self._connection = connection

    async def run(self, command: str, data: bytes = b"", *, what: str = "") -> bytes:
        """What a command says, given this on its standard input. Raises `ProviderError` with what it complained of.

        The command can be read by others on that host: secrets go into `data`.
        """
        done = await self._connection.run(command, input=data, encoding=None, check=False)
        if done.exit_status != 0:
            said = _bytes(done.stderr).decode(errors="replace").strip()[-_PROMISE:]
            raise ProviderError(f"{self.target}: {what or 'a command'} failed: {said or f'status {done.exit_status}'}")
        return _bytes(done.stdout)

    async def holds(self, path: str) -> bool:
        """Whether there is such a file or directory."""
        return (await self.run(f"if test -e {shlex.quote(path)}; then echo yes; fi")).strip() == b"yes"

    async def ask(self, program: str, request: Mapping[str, Any], *, what: str) -> Any:
        """The answer of `remit.machines._host` to one request."""
        said = await self.run(f"{program} -m remit.machines._host", json.dumps(request).encode(), what=what)
        try:
            answer = json.loads(said)
        except ValueError:
            raise ProviderError(f"{self.target}: {what}: the host's answer cannot be read") from None
        if "error" in answer:
            raise ProviderError(f"{self.target}: {answer['error']}")
        return answer.get("answer")


def _bytes(said: bytes | str | None) -> bytes:
    return said.encode() if isinstance(said, str) else said or b""


@asynccontextmanager
async def connected(target: Target, pins: Pins, config: str = "") -> AsyncIterator[Link]:
    """A connection for as long as this lasts. `config`: a file in the form of ssh_config(5), "" for none.

    Raises `ProviderError` where the host cannot be reached, shows another key than before, or takes none of ours.
    """
    ssh = _library()
    judge = _judge(ssh, target, pins)
    more: dict[str, Any] = {"username": target.user} if target.user else {}
    if target.identity:
        more["client_keys"] = [os.path.expanduser(target.identity)]
    kinds = [each.split()[0] for each in pins.of(target.name)] or _KINDS
    try:
        connection = await ssh.connect(
            target.host,
            target.port,
            client_factory=judge,
            known_hosts=([], [], []),
            server_host_key_algs=[name for each in kinds for name in _ALGORITHMS.get(each, [each])],
            config=[config] if config else None,
            preferred_auth="publickey",
            connect_timeout=_CONNECT,
            login_timeout=_CONNECT,
            keepalive_interval=_LIVES,
            **more,
        )
    except ssh.PermissionDenied as error:
        raise ProviderError(
            f"{target} takes none of our keys ({error.reason}): add the public key to ~/.ssh/authorized_keys of its user, or name another one with "
            "--option identity=FILE; keys with a passphrase are used by way of ssh-agent"
        ) from None
    except (ssh.KeyImportError, ssh.KeyEncryptionError) as error:
        raise ProviderError(
            f"the identity {target.identity} cannot be used ({error}); load it into ssh-agent instead"
        ) from None
    except (ssh.HostKeyNotVerifiable, ssh.KeyExchangeFailed) as error:
        raise ProviderError(judge.refusal or f"{target}: {error.reason}") from None
    except (ssh.Error, OSError, TimeoutError) as error:
        why = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
        raise ProviderError(f"{target} cannot be reached by ssh: {why}") from None
    try:
        yield Link(target, connection, judge.fingerprint, fresh=judge.fresh)
    except (ssh.Error, ConnectionError) as error:
        raise ProviderError(f"{target}: the connection was lost ({getattr(error, 'reason', '') or error})") from None
    finally:
        connection.close()
        await connection.wait_closed()


def _library() -> Any:
    try:
        import asyncssh
    except ImportError:
        raise ProviderError(
            "hosts are reached by asyncssh, which is not installed here: pip install 'remit[ssh]'"
        ) from None
    return asyncssh


def _judge(ssh: Any, target: Target, pins: Pins) -> Any:
    """The class of a connection's client, which looks at the host's key."""
    pinned = pins.of(target.name)

    class Judge(ssh.SSHClient):  # type: ignore[misc]  # a library that is loaded only here
        refusal = _changed(target, "of none of the kinds that were pinned", pinned, ssh, pins) if pinned else ""
        fingerprint = ""
        fresh = False

        def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:
            """What asyncssh asks before it says anything to the host."""
            text = " ".join(key.export_public_key("openssh").decode().split()[:2])
            Judge.fingerprint = key.get_fingerprint()
            if not pinned:
                pins.add(target.name, text)
                Judge.fresh = True
            elif text not in pinned:
                Judge.refusal = _changed(target, f"now {Judge.fingerprint}", pinned, ssh, pins)
                return False
            return True

    return Judge


def _changed(target: Target, now: str, pinned: list[str], ssh: Any, pins: Pins) -> str:
    known: Callable[[str], str] = lambda text: ssh.import_public_key(text).get_fingerprint()  # noqa: E731
    return (
        f"the key of host {target.name} has changed: it is {now}, and {', '.join(map(known, pinned))} was pinned. Somebody may be in between: nothing was "
        f"said to it. Where the host has really got another key, accept it with: ssh-keygen -R '{target.name}' -f '{pins.path}'  and ask again"
    )
