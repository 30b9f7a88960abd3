"""What a driver gives for one edge: a credential as data, with its secrets where nothing shows them.

The entries are those of the *Service Binding Specification for Kubernetes*, section "Well-known Secret Entries": `type`, `provider`, `host`,
`port`, `uri`, `username`, `password`; more are allowed. A program finds each as a file of that name.
"""

from __future__ import annotations

import re
from typing import Final

from remit.errors import BadArgument
from remit.values import Secret, record

__all__ = ["TUNNEL", "TUNNEL_HOST", "TUNNEL_PORT", "Credential", "check_credential"]

TUNNEL: Final = "tunnel"
"""The entry of a credential whose service is reached by a tunnel: `socket` or `port`, for what the grantee's machine makes of it unless it was told
otherwise. That machine fills in where it is."""
TUNNEL_HOST: Final = "{tunnel-host}"
TUNNEL_PORT: Final = "{tunnel-port}"
"""What stands for the place of the tunnel in the entries and secrets of such a credential."""

_ENTRY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_MOST: Final = 64  # entries of one credential
_SIZE: Final = 1 << 16  # characters of one entry: a private key with its certificates fits


@record("remit.credential")
class Credential:
    """A way into a service for one edge. `type` is what clients choose their protocol by ("postgresql", "redis").

    `entries` may be seen by anybody who sees the edge, `secrets` only by the grantee's programs. `generation` counts rotations, from 1.
    `until` is when it ends, in seconds since the epoch; None: when it is revoked.
    """

    type: str
    entries: dict[str, str]
    secrets: dict[str, Secret]
    generation: int = 1
    until: float | None = None

    def texts(self) -> dict[str, str]:
        """Each entry by its name, the secrets in plain text: for the files and programs that have to have them, and nobody else."""
        return {"type": self.type, **self.entries, **{name: secret.text for name, secret in self.secrets.items()}}

    def shown(self) -> dict[str, str]:
        """The same without secrets, for people."""
        return {"type": self.type, **self.entries, **dict.fromkeys(self.secrets, "<secret>")}


def check_credential(value: object) -> Credential:
    """The credential, if it is one whose entries can be files; raises `BadArgument` without showing any. A peer may send anything."""
    if type(value) is not Credential or type(value.type) is not str or type(value.generation) is not int:
        raise BadArgument(f"a credential is a remit.credentials.Credential, not {type(value).__name__}")
    if not (value.until is None or type(value.until) in (int, float)):
        raise BadArgument("a credential's until is a time in seconds since the epoch, or None")
    if type(value.entries) is not dict or type(value.secrets) is not dict or "type" in {*value.entries, *value.secrets}:
        raise BadArgument("a credential has two dicts, of entries and of secrets, and `type` is in neither")
    if len(value.entries) + len(value.secrets) > _MOST or value.entries.keys() & value.secrets.keys():
        raise BadArgument(f"a credential has at most {_MOST} entries, each an entry or a secret")
    for secret in value.secrets.values():
        if type(secret) is not Secret:
            raise BadArgument("a credential's secrets are remit.credentials.Secret")
    for name, text in value.texts().items():
        if type(name) is not str or not _ENTRY.fullmatch(name):
            raise BadArgument(
                "the name of a credential's entry has letters, digits, '.', '-' and '_', and begins with neither of these"
            )
        if type(text) is not str or len(text) > _SIZE:
            raise BadArgument(f"the entries of a credential are texts of at most {_SIZE} characters")
    return value
