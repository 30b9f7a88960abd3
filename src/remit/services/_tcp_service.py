"""The service `tcp`: connections and listeners as streams. (Syndicate Protocol, stream vocabulary; specs as the TCP drivers have them)

    <stream-connection #:source #:sink <tcp-remote "host" port>>            asserted by a client: connects; ends with the assertion
    interest in <stream-connection _ _ <tcp-local "host" port>>            by a server: listens; each connection is asserted to it

What goes out is asked of the client's source (or of whatever is asserted as source at the server's sink), what comes in is given to the sink as it
gives credit; without credit the socket is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from remit.dataspace import ANY, bind, during, interest, publish, this_facet
from remit.services._modules import service
from remit.services._stream_service import (
    BYTES,
    CRLF,
    LF,
    Credit,
    Data,
    Eof,
    Outflow,
    Sink,
    Source,
    StreamConnection,
    StreamError,
    StreamReady,
)
from remit.values import as_record, record
from remit.vat import Ref, actor, current, field, on, spawn, tell, this

__all__ = ["TcpLocal", "TcpRemote", "tcp"]

_put = object.__setattr__
_AHEAD: Final = 4  # pieces under way to a socket
_ENDINGS: Final = {LF: b"\n", CRLF: b"\r\n"}


@record("tcp-remote", known=False)
class TcpRemote:
    """The spec of a connection to somewhere."""

    host: Any
    port: Any


@record("tcp-local", known=False)
class TcpLocal:
    """The spec of connections that come in."""

    host: Any
    port: Any


@service("tcp", requires=["stream"])
def tcp(space: Ref[Any]) -> None:
    """See the module. Needs the device `tcp` in its vat (`TcpSockets`)."""
    device = current("the service tcp").vat.devices["tcp"]

    def connect(source: Any, sink: Any, host: Any, port: Any) -> None:
        if isinstance(source, Ref) and isinstance(sink, Ref):
            spawned = spawn(Wire, device)
            tell(spawned).client(source, sink, host, port)
            this_facet().on_stop(lambda: tell(spawned).close())

    def serve(host: Any, port: Any) -> None:
        listener = spawn(Gate, space, device, host, port)
        tell(listener).open()
        this_facet().on_stop(lambda: tell(listener).close())

    during(space, StreamConnection(bind(), bind(), TcpRemote(bind(), bind())), connect)
    during(space, interest(StreamConnection(ANY, ANY, TcpLocal(bind(), bind()))), serve)


@actor(kind="remit.services.tcp_gate", version=1)
class Gate:
    """One listener: asserts a stream connection for each that comes in."""

    space: Ref[Any]
    device: Ref[Any]
    host: Any
    port: Any
    wires: list[Ref[Any]] = field(factory=list)

    def open(self) -> None:
        """Listen."""
        asked = self.device.listen(self.host, self.port, this())
        on(asked, self._listens, self._failed)

    def _listens(self, port: int) -> None:
        publish(self.space, StreamReady(TcpLocal(self.host, self.port)))

    def _failed(self, error: Any) -> None:
        publish(self.space, StreamError(f"cannot listen at {self.host}:{self.port}: {error.message}"))

    def __call__(self, number: int) -> None:
        """A connection has come."""
        wire = spawn(Wire, self.device)
        self.wires.append(wire)
        tell(wire).server(number, self.space, TcpLocal(self.host, self.port))

    def close(self) -> None:
        """Listen no more, and end what came in: nobody serves it."""
        tell(self.device).unlisten(this())
        for wire in self.wires:
            tell(wire).close()
        this_facet().stop()


@actor(kind="remit.services.tcp_wire", version=1)
class Wire:
    """One connection: an object for what comes in, one for what goes out, and the socket's number at the device."""

    device: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _number: ClassVar[int]
        _out: ClassVar[Outflow]
        _sink: ClassVar[Any]
        _reading: ClassVar[bool]
        _over: ClassVar[bool]
        _feeder: ClassVar[Any]
        _ended: ClassVar[set[str]]

    def _begin(self, sink: Any) -> None:
        for name, value in (("_number", -1), ("_sink", sink), ("_reading", False), ("_over", False), ("_feeder", None)):
            _put(self, name, value)
        _put(self, "_out", Outflow(self._say))
        _put(self, "_ended", set())

    def client(self, source: Ref[Any], sink: Ref[Any], host: Any, port: Any) -> None:
        """Connect, for a client that has a source and a sink."""
        self._begin(sink)
        on(
            self.device.connect(host, port),
            lambda number: self._connected(number, source),
            lambda error: self._lost(source, error),
        )

    def _connected(self, number: int, source: Ref[Any]) -> None:
        if self._over:
            tell(self.device).close(number)
            return
        _put(self, "_number", number)
        publish(self._sink, Source(spawn(Tap, this())))
        publish(source, Sink(spawn(Drain, this())))
        self.comes_from(source)

    def _lost(self, source: Ref[Any], error: Any) -> None:
        for end in (source, self._sink):
            publish(end, StreamError(error.message))

    def server(self, number: int, space: Ref[Any], spec: Any) -> None:
        """One that has come in: whoever serves it asserts its sink at our source, and sends its data to our sink."""
        self._begin(None)
        _put(self, "_number", number)
        publish(space, StreamConnection(spawn(Tap, this()), spawn(Drain, this()), spec))

    # --- what comes in --------------------------------------------------------------------------------

    def goes_to(self, sink: Any) -> None:
        """The sink of whoever serves this."""
        _put(self, "_sink", sink)
        publish(sink, Source(spawn(Tap, this())))

    def credit(self, amount: Any, mode: Any) -> None:
        """The sink takes more."""
        self._out.credit(amount, mode)
        self._read()

    def _read(self) -> None:
        if self._out.hungry and not self._reading and not self._over and self._number >= 0:
            _put(self, "_reading", True)
            on(self.device.read(self._number), self._got, lambda _: self._got(b""))

    def _got(self, data: bytes) -> None:
        _put(self, "_reading", False)
        if data:
            self._out.feed(data)
            self._read()
        else:
            self._out.end()
            self._half("in")

    def _say(self, value: Any) -> None:
        if isinstance(self._sink, Ref):
            tell(self._sink).turn([["message", value]])

    # --- what goes out --------------------------------------------------------------------------------

    def data(self, payload: Any, mode: Any) -> None:
        """Send this."""
        raw = payload.encode() if isinstance(payload, str) else payload
        if isinstance(raw, bytes) and self._number >= 0 and not self._over:
            written = self.device.write(self._number, raw + _ENDINGS.get(mode, b""))
            on(written, lambda _: self._more(1), lambda _: None)

    def comes_from(self, feeder: Any) -> None:
        """Whose data is sent; as many pieces at a time as are under way to the socket."""
        _put(self, "_feeder", feeder)
        self._more(_AHEAD)

    def _more(self, count: int) -> None:
        if isinstance(self._feeder, Ref) and not self._over:
            tell(self._feeder).turn([["message", Credit(count, BYTES)]])

    def eof(self) -> None:
        """Nothing more is sent."""
        if self._number >= 0:
            tell(self.device).eof(self._number)
            self._half("out")

    def _half(self, which: str) -> None:
        """One direction has ended; with the other one the connection does."""
        self._ended.add(which)
        if len(self._ended) == 2:
            tell(self.device).close(self._number)

    def close(self) -> None:
        """It is over."""
        _put(self, "_over", True)
        if self._number >= 0:
            tell(self.device).close(self._number)
        this_facet().stop()


@actor(kind="remit.services.tcp_tap", version=1)
class Tap:
    """Our end as a source: hears where it goes to, and of credit."""

    wire: Ref[Wire]
    sinks: list[int] = field(factory=list)

    def turn(self, events: list[Any]) -> None:
        """`<sink …>` asserted, `<credit …>` sent."""
        for event in events:
            value = as_record(event[2] if event[0] == "assert" else event[1], Sink, Credit)
            if event[0] == "assert" and isinstance(value, Sink):
                self.sinks.append(event[1])
                tell(self.wire).goes_to(value.controller)
            elif event[0] == "retract" and event[1] in self.sinks:  # whoever served it is gone
                tell(self.wire).close()
            elif event[0] == "message" and isinstance(value, Credit):
                tell(self.wire).credit(value.amount, value.mode)
            elif event[0] == "sync":
                tell(event[1]).turn([["message", True]])


@actor(kind="remit.services.tcp_drain", version=1)
class Drain:
    """Our end as a sink: gives credit to whatever is asserted as its source, and sends what comes."""

    wire: Ref[Wire]

    def turn(self, events: list[Any]) -> None:
        """`<source …>` asserted, `<data …>` and `<eof>` sent."""
        for event in events:
            value = as_record(event[2] if event[0] == "assert" else event[1], Source, Data, Eof)
            if event[0] == "assert" and isinstance(value, Source):
                tell(self.wire).comes_from(value.controller)
            elif event[0] == "message" and isinstance(value, Data):
                tell(self.wire).data(value.payload, value.mode)
            elif event[0] == "message" and isinstance(value, Eof):
                tell(self.wire).eof()
            elif event[0] == "sync":
                tell(event[1]).turn([["message", True]])
