"""What an ACL user of Redis may do, compared with rules: as sets of commands, since the server writes rules down in its own words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

__all__ = ["categories", "difference"]

_SHOWN: Final = 8  # commands that are named


async def categories(client: Any) -> dict[str, set[str]]:
    """The commands of each category, subcommands as `client|kill` (ACL CAT)."""
    names = [str(name) for name in await client.execute_command("ACL", "CAT")]
    async with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.execute_command("ACL", "CAT", name)
        answers = await pipe.execute()
    return {name: {str(each) for each in answer} for name, answer in zip(names, answers, strict=True)}


def difference(user: Mapping[str, Any], rules: Iterable[str], password: str, known: Mapping[str, set[str]]) -> str:
    """How a user (ACL GETUSER) differs from rules and the digest of its password, for people; "" if it does not."""
    given = list(rules)
    wanted = _allowed([rule for rule in given if rule[0] in "+-"], known)
    found = _allowed(str(user.get("commands", "")).split(), known)
    keys = " ".join(rule for rule in given if rule[0] in "~%")
    channels = " ".join(rule for rule in given if rule[0] == "&")
    selectors = [each for each in user.get("selectors") or [] if each]
    texts = [
        _named("may also run", found - wanted),
        _named("may not run", wanted - found),
        f"reaches keys {user.get('keys')!r} instead of {keys!r}" if user.get("keys") != keys else "",
        f"reaches channels {user.get('channels')!r} instead of {channels!r}"
        if user.get("channels") != channels
        else "",
        "has selectors of its own" if selectors else "",
        "has another password, or more than one"
        if [str(each) for each in user.get("passwords", ())] != [password]
        else "",
        "is off" if "on" not in user.get("flags", ()) else "",
    ]
    return "; ".join(text for text in texts if text)


def _allowed(rules: Iterable[str], known: Mapping[str, set[str]]) -> set[str]:
    everything = set().union(*known.values()) if known else set()
    allowed: set[str] = set()
    for rule in rules:
        name = rule[1:].lower()
        if name in ("@all", "allcommands"):
            meant = everything
        elif name.startswith("@"):
            meant = known.get(name[1:], set())
        else:
            meant = {name, *(each for each in everything if each.startswith(f"{name}|"))}
        allowed = allowed | meant if rule[0] == "+" else allowed - meant
    return allowed


def _named(what: str, commands: set[str]) -> str:
    if not commands:
        return ""
    more = f" and {len(commands) - _SHOWN} more" if len(commands) > _SHOWN else ""
    return f"{what} {', '.join(sorted(commands)[:_SHOWN])}{more}"
