"""Services: processes and objects that start in the right order, stop when what they need is gone, and say why they are not up.

Start with `_processes.py` (which has the warden start processes: `remit.warden`), `_model.py` (what depends on what) and `_manager.py` (who acts on it).
"""

from remit.services._check import check_directory, check_files
from remit.services._ear import Mouth
from remit.services._host import Services
from remit.services._kernel import Kernel
from remit.services._kernel_records import AddressState, Device, DeviceState, Interface, InterfaceState, RouteState
from remit.services._manager import Manager
from remit.services._modules import requires, service, with_services
from remit.services._process_config import ProcessConfig, process_config
from remit.services._processes import Processes
from remit.services._records import (
    COMPLETE,
    FAILED,
    READY,
    STARTED,
    UP,
    Daemon,
    DependsOn,
    Exec,
    HoldService,
    LogEntry,
    Milestone,
    ProcessState,
    ProvidesService,
    RequireService,
    RestartService,
    RunService,
    ServiceObject,
    ServiceProblem,
    ServiceState,
    StartsAfter,
    StartTimeout,
    WeaklyDependsOn,
)
from remit.services._stream_service import (
    Credit,
    Data,
    Eof,
    Sink,
    Source,
    StreamConnection,
    StreamError,
    StreamReady,
    stream,
)
from remit.services._tcp_service import TcpLocal, TcpRemote, tcp
from remit.services._tcp_sockets import TcpSockets
from remit.services._timer_service import LaterThan, PeriodicTick, SetTimer, TimerExpired, timer
from remit.services._why import Reason, spelt

__all__ = [
    "COMPLETE",
    "FAILED",
    "READY",
    "STARTED",
    "UP",
    "AddressState",
    "Credit",
    "Daemon",
    "Data",
    "DependsOn",
    "Device",
    "DeviceState",
    "Eof",
    "Exec",
    "HoldService",
    "Interface",
    "InterfaceState",
    "Kernel",
    "LaterThan",
    "LogEntry",
    "Manager",
    "Milestone",
    "Mouth",
    "PeriodicTick",
    "ProcessConfig",
    "ProcessState",
    "Processes",
    "ProvidesService",
    "Reason",
    "RequireService",
    "RestartService",
    "RouteState",
    "RunService",
    "ServiceObject",
    "ServiceProblem",
    "ServiceState",
    "Services",
    "SetTimer",
    "Sink",
    "Source",
    "StartTimeout",
    "StartsAfter",
    "StreamConnection",
    "StreamError",
    "StreamReady",
    "TcpLocal",
    "TcpRemote",
    "TcpSockets",
    "TimerExpired",
    "WeaklyDependsOn",
    "check_directory",
    "check_files",
    "process_config",
    "requires",
    "service",
    "spelt",
    "stream",
    "tcp",
    "timer",
    "with_services",
]
