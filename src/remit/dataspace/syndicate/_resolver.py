"""Resolving routes as a conversation: questions and answers in a dataspace of this process.

    <q <resolve-path route>>                    <a … <ok <resolved-path addr #:control #:cap>>>
    <q <connect-transport addr>>                <a … <ok <connected-transport addr #:control #:cap>>>
    <q <resolve-path-step #:origin step>>       <a … <ok #:cap>>

An answer stands while its question does and it is true: it goes when the connection is lost, and comes again. `<error detail>` says what is
the matter meanwhile. The message `<force-disconnect>` to `control` drops the connection. (Syndicate Protocol, Routes.)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from remit.dataspace._pattern import Observe
from remit.dataspace.syndicate._connect import Connecting, connect
from remit.dataspace.syndicate._door import Door
from remit.dataspace.syndicate._entity import EntityLink, Way
from remit.dataspace.syndicate._hub import Hub
from remit.dataspace.syndicate._noise_step import noise_passage
from remit.dataspace.syndicate._route import Route
from remit.dataspace.syndicate._view import fields_of, labelled, rec
from remit.dataspace.syndicate._walk import Walk
from remit.errors import RemitError
from remit.values import Symbol, printable
from remit.values.preserves import Map
from remit.vat import ROOT, Context, Ref, Vat

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

__all__ = ["PathResolver"]

QUESTIONS: Final = rec("group", rec("rec", Symbol("q")), Map([(0, rec("bind", rec("_")))]))
KINDS: Final = {("resolve-path", 1), ("connect-transport", 1), ("resolve-path-step", 2)}


class PathResolver(EntityLink):
    """Answers the questions of a dataspace for as long as its `async with` lasts. `client_ssl`: as for `connect`."""

    def __init__(self, vat: Vat, space: Ref[Any], *, client_ssl: ssl.SSLContext | None = None) -> None:
        super().__init__(vat)
        self.client_ssl = client_ssl
        self._space = Door(vat, space, "path resolver")
        self._jobs: dict[int, Job] = {}
        self._next = 0

    async def __aenter__(self) -> PathResolver:
        Hub.of(self.vat)  # complains now if nobody drives it
        self.say(["assert", 0, Observe(QUESTIONS, self.reference(Questions(self)))])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.stop()
        await asyncio.gather(*[job.task for job in jobs if job.task is not None], return_exceptions=True)
        self._space.close([0])

    def asked(self, handle: int, request: Any) -> None:
        """A question has come; one of another kind is somebody else's."""
        found = labelled(request)
        if found is not None and (found[0], len(found[1])) in KINDS:
            job = self._jobs[handle] = Job(self, request, str(found[0]), found[1])
            job.start()

    def withdrawn(self, handle: int) -> None:
        """A question is asked no more."""
        job = self._jobs.pop(handle, None)
        if job is not None:
            job.stop()

    def claim(self) -> int:
        """A handle that was not used before."""
        self._next += 1
        return self._next

    def say(self, event: list[Any]) -> None:
        """Tell the dataspace."""
        self._space.turn([event], ROOT)


class Job:
    """One question, while it is asked."""

    def __init__(self, resolver: PathResolver, request: Any, label: str, fields: list[Any]) -> None:
        self.task: asyncio.Task[None] | None = None
        self._resolver = resolver
        self._request = request
        self._label = label
        self._fields = fields
        self._answer: int | None = None
        self._walk: Walk | None = None

    def start(self) -> None:
        """Look for the answer."""
        try:
            if self._label == "resolve-path-step":
                self._take_step(*self._fields)
            else:
                self._connect(Route.of(self._fields[0]))
        except RemitError as error:
            self._fail(error)

    def stop(self) -> None:
        """Nobody wants to know any more."""
        self._say(None)
        if self._walk is not None:
            self._walk.end()
        if self.task is not None:
            self.task.cancel()

    def _take_step(self, origin: Any, step: Any) -> None:
        vat = self._resolver.vat
        hub = Hub.of(vat)
        walk = self._walk = Walk(
            vat,
            Route((), (step,)).steps,
            reached=lambda cap: self._say(rec("ok", cap)),
            lost=lambda: self._say(None),
            failed=self._fail,
            passages={"noise": lambda one: noise_passage(hub, one)},
        )
        walk.begin(origin)

    def _connect(self, route: Route) -> None:
        control = Control(self._resolver)
        kind = "resolved-path" if self._label == "resolve-path" else "connected-transport"
        reference = self._resolver.reference(control)

        def reached(cap: Ref[Any]) -> None:
            address = connecting.address
            self._say(rec("ok", rec(kind, None if address is None else address.value(), reference, cap)))

        connecting = control.connecting = connect(
            route, vat=self._resolver.vat, wait=None, client_ssl=self._resolver.client_ssl, watch=(reached, self._fail)
        )
        self.task = asyncio.ensure_future(_forever(connecting))

    def _fail(self, problem: RemitError) -> None:
        self._say(rec("error", printable(str(problem)[:500])))

    def _say(self, response: Any) -> None:
        """The answer is this now; None: there is none."""
        answer, self._answer = self._answer, None
        if answer is not None:
            self._resolver.say(["retract", answer])
        if response is not None:
            self._answer = self._resolver.claim()
            self._resolver.say(["assert", self._answer, rec("a", self._request, response)])


async def _forever(connecting: Connecting) -> None:
    async with connecting:
        await asyncio.Event().wait()


class Questions(Way):
    """Hears of questions."""

    def __init__(self, resolver: PathResolver) -> None:
        self._resolver = resolver

    def turn(self, events: list[Any], context: Context) -> None:
        """Questions have come or gone."""
        for event in events:
            if event[0] == "assert" and type(event[2]) is list:
                self._resolver.asked(event[1], event[2][0])
            elif event[0] == "retract":
                self._resolver.withdrawn(event[1])

    def open(self, name: str) -> Ref[Any]:
        """There is one source, the dataspace."""
        return self._resolver.reference(self)


class Control(Way):
    """Stands behind `control`, whoever sends to it."""

    connecting: Connecting

    def __init__(self, resolver: PathResolver) -> None:
        self._resolver = resolver

    def turn(self, events: list[Any], context: Context) -> None:
        """`<force-disconnect>` drops the connection."""
        for event in events:
            if event[0] == "message" and fields_of(event[1], "force-disconnect", 0) is not None:
                self.connecting.disconnect()

    def open(self, name: str) -> Ref[Any]:
        """Handles do not matter here."""
        return self._resolver.reference(self)
