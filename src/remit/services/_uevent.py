"""The kernel's device events, as a netlink socket of NETLINK_KOBJECT_UEVENT gives them (kobject_uevent(9), netlink(7)). Pure.

A message is `action@path`, then `NAME=value` entries, each ended by a zero byte. Messages of udev, which begin otherwise, are left out.
"""

from __future__ import annotations

from remit.services._kernel_records import DeviceState

__all__ = ["device_of", "parse_uevent"]

_KNOWN = ("ACTION", "DEVPATH", "SUBSYSTEM", "DEVNAME", "SEQNUM")


def parse_uevent(data: bytes) -> tuple[str, DeviceState] | None:
    """The action (add, remove, change, move, bind, …) and the device; None for what is no message of the kernel's."""
    head, _, rest = data.partition(b"\0")
    if b"@" not in head or head.startswith(b"libudev"):
        return None
    pairs = dict(entry.decode(errors="replace").partition("=")[::2] for entry in rest.split(b"\0") if b"=" in entry)
    action, path = pairs.get("ACTION", ""), pairs.get("DEVPATH", "")
    if not action or not path.startswith("/"):
        return None
    return action, device_of(path, pairs)


def device_of(path: str, pairs: dict[str, str]) -> DeviceState:
    """A device from the entries of its uevent, which are also in the file `uevent` of its directory in /sys."""
    name = pairs.get("DEVNAME", "")
    file = name if name.startswith("/") or not name else f"/dev/{name}"
    more = {name: value for name, value in pairs.items() if name not in _KNOWN}
    return DeviceState(path, pairs.get("SUBSYSTEM", ""), file, more)
