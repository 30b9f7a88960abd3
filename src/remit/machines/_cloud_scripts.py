"""What cloud-init writes onto a new machine, as text: the agent's systemd units and two small scripts. Pure.

remit-agent.service    the agent: it enrols, and is started again whenever it fails
remit-enrolled.path    sees that the agent has enrolled, at each boot again; starts
remit-forget.service   takes the used introduction out of all that cloud-init has kept of its user data
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from remit.errors import BadArgument

__all__ = [
    "FORGET",
    "OPT",
    "AgentSetup",
    "agent_unit",
    "before_unit",
    "enrolled_units",
    "forward_units",
    "set_up_script",
]

OPT: Final = "/opt/remit"  # where a parcel is on a machine
_USER: Final = re.compile(r"[a-z_][a-z0-9_-]{0,30}", re.ASCII)
_PATH: Final = re.compile(r"/[A-Za-z0-9._/+-]{1,200}", re.ASCII)
_PLACE: Final = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]+\]):[0-9]{1,5}", re.ASCII)


FORGET: Final = r"""#!/bin/sh
# Take the used introduction out of what cloud-init keeps.
rm -rf /root/.remit
init=$(command -v cloud-init) || exit 0
python=$(sed -n '1s/^#! *//p' "$init")
exec ${python:-python3} - <<'END'
import json, os, pickle, re
SIGN = re.compile(rb'introduction\W{1,12}ocapn://')
EMPTY = '#cloud-config\n{}\n'
def clean(value, seen):
    if isinstance(value, bytes):
        return EMPTY.encode() if SIGN.search(value) else value
    if isinstance(value, str):
        return EMPTY if SIGN.search(value.encode('utf-8', 'replace')) else value
    if isinstance(value, tuple):
        return tuple(clean(each, seen) for each in value) if type(value) is tuple else value
    if id(value) in seen:
        return value
    seen[id(value)] = value
    if isinstance(value, dict):
        for key in list(value):
            value[key] = clean(value[key], seen)
    elif isinstance(value, list):
        value[:] = [clean(each, seen) for each in value]
    elif isinstance(getattr(value, '__dict__', None), dict) and not isinstance(value, type):
        clean(value.__dict__, seen)
    return value
def emptied(path, data):
    try:
        if path.endswith('.pkl'):
            return pickle.dumps(clean(pickle.loads(data), {}))
        if path.endswith('.json'):
            return json.dumps(clean(json.loads(data), {}), indent=1).encode()
    except Exception as error:
        print(f'remit: {path}: {type(error).__name__}; emptied')
    return EMPTY.encode()
for top in ('/var/lib/cloud', '/run/cloud-init', '/var/log'):
    for parent, _, names in os.walk(top):
        for name in names:
            path = os.path.join(parent, name)
            if os.path.islink(path) or not os.path.isfile(path) or '/log' in top and 'cloud-init' not in name:
                continue
            with open(path, 'r+b') as file:
                data = file.read()
                if not SIGN.search(data):
                    continue
                data = emptied(path, data)
                if SIGN.search(data):
                    data = EMPTY.encode()
                file.seek(0)
                file.write(data)
                file.truncate()
                os.fsync(file.fileno())
            print(f'remit: the used introduction was taken out of {path}')
print('remit: this machine has enrolled')
END
"""
"""`remit-forget`, which root runs when the agent has enrolled. It says which files it has changed, and nothing of what was in them.

cloud-init goes on as before at the next boot: what it has kept of this instance is emptied, and stays.
"""


class AgentSetup(NamedTuple):
    """How a machine comes by the agent's code and runs it. Nothing in it is secret.

    `command` starts an agent, with `--state DIRECTORY` added; by default that of a parcel in /opt/remit. `install` is a shell command that brings it, run once by root before
    the first start ("": it is there already); `before` one that root runs at each boot, before the agent. `user` is who the agent runs as, made if there is none; with "root" its services may be
    of any user. `state` is its directory. `forwards` has the machine pass connections on, from an address of its own to another: where
    the boss's loopback is reached under another name, as in a virtual machine.
    """

    command: tuple[str, ...] = (f"{OPT}/bin/remit-agent",)
    install: str = ""
    before: str = ""
    user: str = "remit"
    state: str = "/var/lib/remit"
    environment: Mapping[str, str] = {}
    forwards: Mapping[str, str] = {}

    def checked(self) -> AgentSetup:
        """Itself. Raises `BadArgument` for what would say something else in a unit or a script."""
        if not _USER.fullmatch(self.user):
            raise BadArgument(f"{self.user[:80]!r} cannot be the user of an agent: a name such as remit")
        if not _PATH.fullmatch(self.state) or ".." in self.state or self.state.count("/") < 2:
            raise BadArgument(
                f"{self.state[:80]!r} cannot be an agent's state directory: a path such as /var/lib/remit"
            )
        for word in (*self.command, *self.environment, *self.environment.values()):
            if not word or not word.isprintable():
                raise BadArgument(f"{word[:80]!r} cannot stand in the command or the environment of an agent")
        for pair in self.forwards.items():
            for place in pair:
                if not _PLACE.fullmatch(place):
                    raise BadArgument(f"{place[:80]!r} cannot be forwarded: write address:port, such as 127.0.0.1:4433")
        return self


def agent_unit(setup: AgentSetup) -> str:
    """`remit-agent.service`: as few rights as an agent needs. Its services live on while it is started again (`KillMode=process`)."""
    lines = [
        *("[Unit]", "Description=Remit: the agent of this machine", "After=network.target", "StartLimitIntervalSec=0"),
        *(["Wants=remit-before.service", "After=remit-before.service"] if setup.before else []),
        *("", "[Service]", "Type=exec", f"User={setup.user}"),
        f"ExecStart={' '.join(_word(word) for word in (*setup.command, '--state', setup.state))}",
        *(f"Environment={_word(f'{name}={value}')}" for name, value in sorted(setup.environment.items())),
        *("Restart=on-failure", "RestartSec=5", "KillMode=process", "LimitNOFILE=65536", "UMask=0077"),
        *("NoNewPrivileges=yes", "PrivateTmp=yes", "RestrictSUIDSGID=yes", "RestrictRealtime=yes"),
        *("LockPersonality=yes", "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes"),
        *("ProtectControlGroups=yes", "ProtectClock=yes", "ProtectHostname=yes"),
    ]
    if setup.user == "root":  # whose services may keep things anywhere but where programs are
        lines += ["ProtectSystem=full"]
    else:
        lines += ["ProtectSystem=strict", f"ReadWritePaths={setup.state}", "ProtectHome=yes", "PrivateDevices=yes"]
        lines += ["CapabilityBoundingSet="]
    return "\n".join([*lines, "", "[Install]", "WantedBy=multi-user.target", ""])


def before_unit(setup: AgentSetup) -> dict[str, str]:
    """`remit-before.service`, by name, where something is to be run: a unit of its own, since the agent's may open no devices."""
    if not setup.before:
        return {}
    text = """[Unit]
Description=Remit: what this machine is told at each boot

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/remit-before
"""
    return {"remit-before.service": text}


def enrolled_units(setup: AgentSetup) -> dict[str, str]:
    """`remit-enrolled.path` and `remit-forget.service`, by name."""
    return {
        "remit-enrolled.path": f"""[Unit]
Description=Remit: see that this machine has enrolled

[Path]
PathExists={setup.state}/machine.json
Unit=remit-forget.service

[Install]
WantedBy=multi-user.target
""",
        "remit-forget.service": """[Unit]
Description=Remit: take the used introduction out of what cloud-init keeps
After=cloud-final.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/remit-forget
StandardOutput=journal+console
StandardError=journal+console
""",
    }


def forward_units(setup: AgentSetup) -> dict[str, str]:
    """For each of `forwards` a socket and the service that passes its connections on, by name."""
    made = {}
    for number, (here, there) in enumerate(sorted(setup.forwards.items())):
        name = f"remit-forward-{number}"
        made[f"{name}.socket"] = (
            f"[Unit]\nDescription=Remit: {here} leads to {there}\n\n[Socket]\nListenStream={here}\n\n"
            "[Install]\nWantedBy=sockets.target\n"
        )
        made[f"{name}.service"] = (
            f"[Unit]\nDescription=Remit: {here} leads to {there}\n\n[Service]\nDynamicUser=yes\n"
            f"ExecStart=/lib/systemd/systemd-socket-proxyd {there}\n"
        )
    return made


def set_up_script(setup: AgentSetup, staged: str) -> str:
    """`remit-set-up`, which cloud-init runs once: user, code, user data, units. What it prints is in the machine's console and log."""
    enabled = ["remit-agent.service", "remit-enrolled.path", *(n for n in forward_units(setup) if n.endswith("socket"))]
    names = " ".join(sorted(enabled, reverse=True))
    account = (
        ""
        if setup.user == "root"
        else f"id -u {setup.user} >/dev/null 2>&1 ||\n"
        f"    useradd --system --home-dir {setup.state} --no-create-home --shell /usr/sbin/nologin {setup.user}\n"
    )
    install = f"echo 'remit: getting the agent'\n(\n{setup.install}\n)\n" if setup.install else ""
    return f"""#!/bin/sh
# Makes this host a machine of its boss; run once, by cloud-init.
set -eu
trap '[ $? = 0 ] || echo "remit: this machine could not be set up; see /var/log/cloud-init-output.log"' EXIT
{account}{install}group=$(id -gn {setup.user})
install -d -o {setup.user} -g "$group" -m 0700 {setup.state}
for file in user-data boss.address; do
    [ -e {staged}/$file ] || continue
    [ -e {setup.state}/machine.json ] ||
        install -o {setup.user} -g "$group" -m 0600 {staged}/$file {setup.state}/$file
done
rm -rf {staged}
systemctl daemon-reload
systemctl enable --quiet {names}
systemctl start --no-block {names}
echo 'remit: the agent is started'
"""


def _word(text: str) -> str:
    """A word of a unit file: systemd.syntax(7) and the section Command lines of systemd.service(5)."""
    if re.fullmatch(r"[A-Za-z0-9_./:=@+,-]+", text, re.ASCII):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$") + '"'
