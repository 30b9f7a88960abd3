"""Machines: a boss that keeps track of them, providers that make them, hobs that live on them, and the edges between them.

Start with `_boss.py` (what is asked), `_fleet.py` (a machine's life), `_wiring.py` (an edge's life), `_introduction.py`, then
the two presences of a hob: `_hob_server.py` beside the boss, `_hob_client.py` on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING as _TYPE_CHECKING

from remit._lazy import lazily as _lazily

if _TYPE_CHECKING:
    from remit.machines._account_desk import AccountDesk
    from remit.machines._accounts import Account, Accounts
    from remit.machines._agent import HOB_CLASSES, run_agent
    from remit.machines._alarms import Alarms
    from remit.machines._backup import mark_moved, pack_state, read_copy, unpack_state, write_state
    from remit.machines._boss import Boss
    from remit.machines._boss_world import MACHINE_KINDS, BossWorld, dotted
    from remit.machines._burdens import burden_families, burden_view
    from remit.machines._cloud_init import cloud_config
    from remit.machines._cloud_scripts import AgentSetup
    from remit.machines._desk import Desk
    from remit.machines._entrances import Entrances
    from remit.machines._exits import Exits
    from remit.machines._fleet import Fleet
    from remit.machines._grant import Binding, Grant, GrantView
    from remit.machines._guests import PARTS, Guests, Invitation
    from remit.machines._hob_client import HobClient
    from remit.machines._hob_server import HobServer, PendingHob
    from remit.machines._hosted import leave_alone
    from remit.machines._introduction import Introduction, Redemption
    from remit.machines._laying import Laying
    from remit.machines._layout import Layout, binding_root, read_binding
    from remit.machines._log_lines import log_to_stderr
    from remit.machines._names import check_name, split_name
    from remit.machines._outlet import Outlet, Programs
    from remit.machines._parcel import Parcel, digest_of, find_parcel, pack, parcel, read_parcel, running_parcel, unpack
    from remit.machines._planned import Planned
    from remit.machines._process import ProcessProvider
    from remit.machines._program import LocalMachine
    from remit.machines._provider import Adopting, Leaving, Networked, Observed, Provider, ProviderDesk, Upgradable
    from remit.machines._records import Alarm, Enrolment, Machine, Offer, Report
    from remit.machines._rekeying import begin_rekey, finish_rekey
    from remit.machines._run_boss import BOSS_CLASSES, BossSettings, run_boss
    from remit.machines._service_gauges import service_families
    from remit.machines._single_file import SingleFile, single_file
    from remit.machines._tunnel_relay import TunnelRelays
    from remit.machines._watch import Bell, Watch
    from remit.machines._wiring import Wiring
    from remit.machines._workshop import Workshop
    from remit.machines.docker._base import build_docker_image
    from remit.machines.images._build import build_disk, build_tarball, install_disk

__all__ = [
    "BOSS_CLASSES",
    "HOB_CLASSES",
    "MACHINE_KINDS",
    "PARTS",
    "Account",
    "AccountDesk",
    "Accounts",
    "Adopting",
    "AgentSetup",
    "Alarm",
    "Alarms",
    "Bell",
    "Binding",
    "Boss",
    "BossSettings",
    "BossWorld",
    "Desk",
    "Enrolment",
    "Entrances",
    "Exits",
    "Fleet",
    "Grant",
    "GrantView",
    "Guests",
    "HobClient",
    "HobServer",
    "Introduction",
    "Invitation",
    "Laying",
    "Layout",
    "Leaving",
    "LocalMachine",
    "Machine",
    "Networked",
    "Observed",
    "Offer",
    "Outlet",
    "Parcel",
    "PendingHob",
    "Planned",
    "ProcessProvider",
    "Programs",
    "Provider",
    "ProviderDesk",
    "Redemption",
    "Report",
    "SingleFile",
    "TunnelRelays",
    "Upgradable",
    "Watch",
    "Wiring",
    "Workshop",
    "begin_rekey",
    "binding_root",
    "build_disk",
    "build_docker_image",
    "build_tarball",
    "burden_families",
    "burden_view",
    "check_name",
    "cloud_config",
    "digest_of",
    "dotted",
    "find_parcel",
    "finish_rekey",
    "install_disk",
    "leave_alone",
    "log_to_stderr",
    "mark_moved",
    "pack",
    "pack_state",
    "parcel",
    "read_binding",
    "read_copy",
    "read_parcel",
    "run_agent",
    "run_boss",
    "running_parcel",
    "service_families",
    "single_file",
    "split_name",
    "unpack",
    "unpack_state",
    "write_state",
]

__getattr__ = _lazily(
    __name__,
    {
        "_account_desk": "AccountDesk",
        "_accounts": "Account Accounts",
        "_agent": "HOB_CLASSES run_agent",
        "_alarms": "Alarms",
        "_backup": "mark_moved pack_state read_copy unpack_state write_state",
        "_boss": "Boss",
        "_boss_world": "MACHINE_KINDS BossWorld dotted",
        "_burdens": "burden_families burden_view",
        "_cloud_init": "cloud_config",
        "_cloud_scripts": "AgentSetup",
        "_desk": "Desk",
        "_entrances": "Entrances",
        "_exits": "Exits",
        "_fleet": "Fleet",
        "_grant": "Binding Grant GrantView",
        "_guests": "PARTS Guests Invitation",
        "_hob_client": "HobClient",
        "_hob_server": "HobServer PendingHob",
        "_hosted": "leave_alone",
        "_introduction": "Introduction Redemption",
        "_laying": "Laying",
        "_layout": "Layout binding_root read_binding",
        "_log_lines": "log_to_stderr",
        "_names": "check_name split_name",
        "_outlet": "Outlet Programs",
        "_parcel": "Parcel digest_of find_parcel pack parcel read_parcel running_parcel unpack",
        "_planned": "Planned",
        "_process": "ProcessProvider",
        "_program": "LocalMachine",
        "_provider": "Adopting Leaving Networked Observed Provider ProviderDesk Upgradable",
        "_records": "Alarm Enrolment Machine Offer Report",
        "_rekeying": "begin_rekey finish_rekey",
        "_run_boss": "BOSS_CLASSES BossSettings run_boss",
        "_service_gauges": "service_families",
        "_single_file": "SingleFile single_file",
        "_tunnel_relay": "TunnelRelays",
        "_watch": "Bell Watch",
        "_wiring": "Wiring",
        "_workshop": "Workshop",
        "docker._base": "build_docker_image",
        "images._build": "build_disk build_tarball install_disk",
    },
)
