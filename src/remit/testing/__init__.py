"""Fakes for testing what is built on Remit: they are public, and Remit's own tests use them."""

from __future__ import annotations

from remit.testing._by_hand import HandNode, Pipe, World
from remit.testing._clock import VirtualLoop, run_virtual
from remit.testing._crash_store import Crash, CrashStore
from remit.testing._driver_rules import DRIVER_RULES, DriverKit, check_driver
from remit.testing._fake_driver import FakeDriver, FakeServer, FakeSession
from remit.testing._fake_network import FakeNetwork, FakeWorld
from remit.testing._fake_provider import FakeMachine, FakeProvider
from remit.testing._network import FaultyNetwork

__all__ = [
    "DRIVER_RULES",
    "Crash",
    "CrashStore",
    "DriverKit",
    "FakeDriver",
    "FakeMachine",
    "FakeNetwork",
    "FakeProvider",
    "FakeServer",
    "FakeSession",
    "FakeWorld",
    "FaultyNetwork",
    "HandNode",
    "Pipe",
    "VirtualLoop",
    "World",
    "check_driver",
    "run_virtual",
]
