"""The world of plans whose things are a boss's machines, what they offer, and the bindings between them.

Ids are paths: machine `db`, offer `db/main`, binding `app/notes`. The boss calls them `db`, `db.main` and `app.notes`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from remit.errors import BadArgument, Broken, Missing, Uncertain, Unreachable
from remit.graph import GOING, HALF, Actual, Done, Graph, Kind, Late, Link, Node, Seen, Step, Violation
from remit.machines._account_desk import AccountDesk
from remit.machines._laying import Laying
from remit.machines._names import missing
from remit.machines._records import Offer
from remit.machines._supports import check_within
from remit.values import Secret
from remit.vat import Ref

__all__ = ["MACHINE_KINDS", "BossWorld", "dotted"]

MACHINE_KINDS: Final = (
    Kind("machine", ["provider", "options"], "everything that it keeps", stays=True),
    Kind("offer", ["kind", "interface", "arguments", "owner", "target"], "its object and what that keeps", stays=True),
)
PATIENCE: Final = 60.0  # seconds for a machine to come, and for one that has to offer something
ANSWER: Final = 330.0  # seconds for one answer of the boss, who gives providers 300
STARTING: Final = 30.0  # seconds for a server to be up that is to be offered
POLL: Final = 0.1
MOST: Final = 8  # steps at a time
T = TypeVar("T")
GRACE: Final = 3.0  # seconds for the machines of an edge or offer; after that they finish it without us


def dotted(id: str) -> str:
    """What the boss calls the thing with this id."""
    return id.replace("/", ".")


class BossWorld:
    """One project's view of a boss; lives as long as the connection that `boss` came by: a `Boss`, or an invitation to the parts "plan" and "up".

    `owner` gives the owner's connection that an offer names. `say` hears what is being waited for.
    """

    def __init__(
        self,
        boss: Ref[Any],
        project: str,
        *,
        owner: Callable[[str], Secret],
        say: Callable[[str], Any] = str,
        patience: float = PATIENCE,
    ) -> None:
        self._boss = boss
        self._steps: Ref[Any] | None = None
        self._providers: list[str] = []
        self._offers: dict[str, Offer] = {}  # by id, as far as they are there
        self._project = project
        self._owner = owner
        self._say = say
        self._patience = patience
        self._coming: dict[str, str] = {}  # machines that were asked for, by key
        self._open: dict[str, str] = {}  # edges and offers on their way, with their keys
        self._there_already: set[str] = set()
        self._slow = False  # whether a machine has kept us waiting

    # --- looking --------------------------------------------------------------------------------------

    async def observe(self) -> Actual:
        """All that the boss knows of, whoever made it."""
        things: list[Seen] = []
        start: int | None = 0
        while start is not None:
            page = await self._answer(self._boss.inventory(start))
            things += [_SEEN[each["kind"]](each) for each in page["things"]]
            self._offers.update(_terms(each) for each in page["things"] if each["kind"] == "offer")
            self._providers, start = page["providers"], page["next"]
        return Actual(things)

    def violations(self, graph: Graph) -> list[Violation]:
        """What this boss cannot make of a graph, as far as can be told before anything is done; after `observe`."""
        found: list[Violation] = []
        for node in graph.nodes:
            provider = node.fields.get("provider")
            if provider is not None and provider not in self._providers:
                found.append(
                    Violation(
                        "provider", f"{node.key}: {missing('provider', provider, self._providers).message}", [node.id]
                    )
                )
        nodes = {node.id: node for node in graph.nodes}
        for link in graph.links:
            try:
                offer = self._terms_of(nodes[link.service])
                if offer is not None:
                    check_within(offer, link.interface, link.attenuation)
            except Broken as error:
                found.append(Violation("offer", f"{link.key}: {error.message}", [link.id, link.service]))
        return found

    def _terms_of(self, node: Node) -> Offer | None:
        """What is known of an offer: as it is there, or of its kind where everybody knows that."""
        kind, interface = node.fields.get("kind", ""), node.fields.get("interface", "")
        there = self._offers.get(node.id)
        if there is not None and (node.external or there.kind == kind):
            return there.but(interface=interface or there.interface)
        known = AccountDesk().describe(kind) if kind else None
        if known is None:
            return None
        return Offer(dotted(node.id), interface or known["kind"], "", known["supports"], known["methods"], kind=kind)

    @property
    def _planner(self) -> Ref[Any]:
        """Who does the steps: a promise at first, which may be sent to."""
        if self._steps is None:
            self._steps = self._boss.planner()
        return self._steps

    async def _answer(self, promise: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(ANSWER):
                return await promise
        except TimeoutError:
            raise Uncertain(
                f"the boss has not answered within {ANSWER:g} s; what was asked may have been done"
            ) from None

    async def begin(self) -> None:
        """Before the first step: raises `NotAllowed` where the boss's reference is one that may only look."""
        self._steps = await self._answer(self._boss.planner())

    # --- doing ----------------------------------------------------------------------------------------

    async def do(self, step: Step) -> Done:
        """See `World`."""
        part = step.part
        if step.action in ("adopt", "note"):
            return Done(await self._answer(self._planner.label(_boss_kind(part), dotted(part.id), self._project)))
        if step.action == "forget":
            return await self._forget(step)
        if step.action == "move":
            return await self._move(step)
        if isinstance(part, Link):
            return await (self._revoke(step) if step.after is None else self._bind(step, part))
        if part.kind == "machine":
            return await (self._destroy(step) if step.after is None else self._create(step, part))
        if part.kind == "offer":
            return await (self._withdraw(step) if step.after is None else self._offer(part))
        raise BadArgument(f"a boss makes no {part.kind}")

    async def together(self, works: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
        """Several steps at a time: providers and machines take most of it."""
        room = asyncio.Semaphore(MOST)

        async def one(work: Callable[[], Awaitable[T]]) -> T:
            async with room:
                return await work()

        tasks = [asyncio.ensure_future(one(work)) for work in works]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def alive(self) -> bool:
        """Whether the boss answers."""
        try:
            await self._answer(self._planner.edge_state(""))
        except Broken:
            return False
        return True

    async def settle(self) -> Sequence[Late]:
        """Wait for the machines that were asked for, and a little for edges and offers."""
        late: list[Late] = []
        for key, name in self._coming.items():
            try:
                await self._there(name)
            except Broken as error:
                late.append(Late(key, error.message))
        self._coming.clear()
        deadline = asyncio.get_running_loop().time() + (POLL if self._slow else GRACE)
        while left := await self._unfinished():
            if asyncio.get_running_loop().time() > deadline:
                late += [Late(self._open[id], why) for id, why in sorted(left.items())]
                break
            await asyncio.sleep(POLL)
        self._open.clear()
        return late

    async def _unfinished(self) -> dict[str, str]:
        if not self._open:
            return {}
        edges = [id for id in self._open if "." not in id]
        offers = [id for id in self._open if "." in id]
        left: dict[str, str] = await self._answer(self._planner.unfinished(edges, offers))
        return left

    async def _recorded(self, asked: Awaitable[Any], look: Callable[[], Awaitable[Any]]) -> Any:
        """The answer, or what `look` gives: that the boss has recorded what was asked for, and goes on with it by itself when a machine is back."""
        answer = asyncio.ensure_future(self._answer(asked))
        done, _ = await asyncio.wait([answer], timeout=POLL if self._slow else GRACE)
        while not done:
            self._slow = True
            if found := await look():
                answer.cancel()
                await asyncio.gather(answer, return_exceptions=True)
                return found
            done, _ = await asyncio.wait([answer], timeout=POLL)
        return await answer

    async def _forget(self, step: Step) -> Done:
        if step.name:
            try:
                await self._answer(self._planner.label(_boss_kind(step.part), dotted(step.part.id), ""))
            except Missing:
                pass
        return Done()

    async def _move(self, step: Step) -> Done:
        """What moved with something else has moved when that has."""
        assert step.before is not None and step.after is not None
        old, new = step.before.id, step.after.id
        kind = _boss_kind(step.after)
        own = old != new and old.rpartition("/")[0] == new.rpartition("/")[0]
        if own:
            return Done(await self._answer(self._planner.rename(kind, dotted(old), dotted(new))))
        return Done(step.name)

    async def _create(self, step: Step, node: Node) -> Done:
        fields = node.fields
        options = fields.get("options", {})
        id = await self._answer(
            self._planner.create(node.id, fields.get("provider", "process"), options, self._project)
        )
        self._coming[step.key] = node.id
        return Done(id)

    async def _destroy(self, step: Step) -> Done:
        why = await self._answer(self._planner.destroy(step.part.id, step.name))
        return Done(late=f"its provider has not removed it yet: {why}" if why else "")

    async def _offer(self, node: Node) -> Done:
        fields = node.fields
        machine = node.id.partition("/")[0]
        await self._there(machine)
        arguments = list(fields.get("arguments", []))
        if "owner" in fields:
            arguments.append(self._owner(fields["owner"]))
        if "target" in fields:
            arguments.append(Secret(fields["target"]))  # as drivers get it, though it is none
        texts = [fields.get(name, "") for name in ("kind", "interface", "description")]
        return Done(await self._offered_soon(dotted(node.id), texts, arguments))

    async def _offered_soon(self, service: str, texts: list[str], arguments: list[Any]) -> Any:
        """Offer it, and wait for a server that is being started: on a new machine it may take longer than the machine."""
        now = asyncio.get_running_loop().time
        deadline = now() + min(self._patience, STARTING)
        while True:
            try:
                return await self._answer(self._planner.offer(service, *texts, arguments, self._project))
            except Unreachable as error:
                if self._slow or now() > deadline:
                    raise
                self._say(f"waiting for {service}: {error.message}")
            await asyncio.sleep(POLL)

    async def _withdraw(self, step: Step) -> Done:
        service = dotted(step.part.id)

        async def going() -> bool:
            return bool(await self._answer(self._planner.unfinished([], [service])))

        await self._recorded(self._planner.withdraw(service), going)
        self._open[service] = step.key
        return Done()

    async def _bind(self, step: Step, link: Link) -> Done:
        for end in (link.grantee, link.service):
            await self._there(end.partition("/")[0])
        terms = (dotted(link.id), dotted(link.service), link.attenuation, link.interface, self._project)
        laying = Laying(**link.fields) if link.fields else None

        async def held() -> str:
            found: str = await self._answer(self._planner.held(dotted(link.id), self._project))
            return found if found != step.name else ""

        id = await self._offered(lambda: self._recorded(self._planner.bind(*terms, laying), held), link.service)
        self._open[id] = step.key
        return Done(id)

    async def _offered(self, bind: Callable[[], Awaitable[Any]], service: str) -> Any:
        """What a program or a service offers may come a little later than its machine."""
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            try:
                return await bind()
            except Missing:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            self._say(f"waiting for {dotted(service)} to be offered")
            await asyncio.sleep(POLL * 5)

    async def _revoke(self, step: Step) -> Done:
        async def going() -> bool:
            return await self._answer(self._planner.edge_state(step.name)) in ("revoking", "gone")

        await self._recorded(self._planner.revoke(step.name), going)
        self._open[step.name] = step.key
        return Done()

    async def _there(self, machine: str) -> None:
        """Wait until a machine has enrolled; once in a run is enough."""
        if machine in self._there_already:
            return
        deadline = asyncio.get_running_loop().time() + self._patience
        while True:
            seen = await self._answer(self._planner.state_of(machine))
            if seen["state"] == "active":
                self._there_already.add(machine)
                return
            if seen["state"] in ("gone", "destroying", "leaving"):
                raise Missing(f"machine {machine} is {seen['state']}")
            if seen["error"] or asyncio.get_running_loop().time() > deadline:
                why = f": {seen['error']}" if seen["error"] else f" within {self._patience:g} s"
                raise Unreachable(f"machine {machine} has not come{why}; see: remit machine show {machine}")
            self._say(f"waiting for machine {machine} to enrol")
            await asyncio.sleep(POLL)


def _boss_kind(part: Node | Link) -> str:
    return "edge" if isinstance(part, Link) else part.kind


_MACHINE_STATES: Final = {"active": "up", "pending": "coming", "destroying": GOING, "leaving": GOING}


def _machine(seen: dict[str, Any]) -> Seen:
    node = Node(seen["name"], "machine", {"provider": seen["provider"], "options": seen["options"]})
    state = HALF if seen["state"] == "pending" and not seen["asked"] else _MACHINE_STATES[seen["state"]]
    return Seen(node, seen["label"], seen["id"], state, seen["error"])


def _offer(seen: dict[str, Any]) -> Seen:
    fields = {"kind": seen["class"], "interface": seen["interface"], "description": seen["description"]}
    node = Node(f"{seen['machine']}/{seen['name']}", "offer", fields, [seen["machine"]])
    return Seen(node, seen["label"], "", seen["state"], seen["error"])


def _terms(seen: dict[str, Any]) -> tuple[str, Offer]:
    name = f"{seen['machine']}.{seen['name']}"
    terms = (seen["interface"], "", seen["supports"], seen["methods"])
    return name.replace(".", "/"), Offer(name, *terms, kind=seen["class"])


def _edge(seen: dict[str, Any]) -> Seen:
    id, service = (seen[name].replace(".", "/", 1) for name in ("target", "service"))
    narrowed, laying = seen["attenuation"].checked(), seen["laying"] or None
    link = Link(id, id.partition("/")[0], service, narrowed, seen["interface"], fields=laying)
    state = {"active": "up", "revoking": GOING}.get(seen["state"], "coming")
    return Seen(link, seen["label"], seen["id"], state, seen["error"])


_SEEN: Final[dict[str, Callable[[dict[str, Any]], Seen]]] = {"machine": _machine, "offer": _offer, "edge": _edge}
