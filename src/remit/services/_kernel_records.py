"""What the kernel says of this machine: devices, network interfaces, addresses, routes. Asserted in a dataspace by `kernel_watch`.

As services: `Interface("eth0")` is ready while it is up and has a carrier, `Device("/devices/…")` and `Device("/dev/ttyUSB0")` while it is there, so that
anything can depend on them.
"""

from __future__ import annotations

from typing import Any

from remit.values import record

__all__ = ["AddressState", "Device", "DeviceState", "Interface", "InterfaceState", "RouteState"]


@record("interface", known=False)
class Interface:
    """The service that a network interface is."""

    name: Any


@record("device", known=False)
class Device:
    """The service that a device is: its path below /sys (as `/devices/…`), or its file (as `/dev/…`)."""

    path: Any


@record("interface-state", known=False)
class InterfaceState:
    """A network interface. `up`: it was switched on; `carrier`: it is connected; `state` is RFC 2863's, `kind` is "" or dummy, bridge, …; `mtu` in bytes."""

    name: Any
    index: Any
    kind: Any
    mac: Any
    up: Any
    carrier: Any
    state: Any
    mtu: Any


@record("interface-address", known=False)
class AddressState:
    """An address of an interface, with the bits of its prefix. `family` is inet or inet6."""

    interface: Any
    family: Any
    address: Any
    prefix: Any
    scope: Any


@record("network-route", known=False)
class RouteState:
    """A route of the main table: `destination` as 10.0.0.0/8 or default, `gateway` "" where it is direct, `metric` smaller is preferred."""

    family: Any
    destination: Any
    gateway: Any
    interface: Any
    metric: Any


@record("device-state", known=False)
class DeviceState:
    """A device: its path, its subsystem (net, block, tty, …), its file below /dev or "", and what else its uevent says."""

    path: Any
    subsystem: Any
    file: Any
    properties: Any
