"""The `libcloud` provider: a machine is one of a cloud that Apache Libcloud has a driver for. Needs `remit[libcloud]`.

Nothing is kept here: which machines there are, and whose, the cloud says, by their labels remit-machine, remit-name, remit-owner and remit-provider (where a
driver has none, by their names). Credentials are read for each conversation, and let go of after it.

The introduction is in the user data: with the cloud, on the machine, and in no log, error or label of ours.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeVar

from remit.errors import ProviderError
from remit.machines._far import far_document
from remit.machines._names import near
from remit.machines._provider import Observed
from remit.machines.libcloud._driver import Ways, opened, read_credentials, said_by, ways_of
from remit.machines.libcloud._options import CloudMachine, cloud_machine, cloud_options

__all__ = ["LibcloudProvider"]

T = TypeVar("T")
_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}", re.ASCII)
_GONE: Final = frozenset({"terminated", "shutting-down", "deleting", "deleted", "archived"})
_RUNNING: Final = frozenset({"running", "starting", "pending", "rebooting", "normal", "updating", "reconfiguring"})
_SHOWN: Final = 60.0  # seconds after which a cloud that does not list a new node has none
_SHORT: Final = 20  # characters of the owner's designator that stand where there is little room: 100 bits


class LibcloudProvider:
    """Makes machines at a cloud. Owned by the boss's process; holds nothing open.

    `owner` labels what is made: the boss's designator; so does `provider`, the name of this one among the boss's. `table` is what remit.toml says (`_options.py`).
    """

    def __init__(
        self,
        owner: str,
        table: Mapping[str, Any],
        *,
        provider: str = "libcloud",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.cloud, self.defaults = cloud_options(table)
        self._owner = owner.partition(".")[0]
        self._provider = provider
        self._locks: dict[str, asyncio.Lock] = {}
        self._new: dict[str, tuple[str, dict[str, str], float]] = {}  # by machine id: node, labels, when it was made

    # --- the provider -------------------------------------------------------------------------------

    async def create(self, id: str, name: str, user_data: dict[str, Any], options: dict[str, Any]) -> None:
        """See `Provider.create`. The options are those of `_options.py`."""
        chosen = cloud_machine(options, self.defaults)
        async with self._locked(id):
            document = await asyncio.to_thread(far_document, user_data, chosen.far, what=f"machine {name}")
            await self._with_driver(f"machine {name}", lambda driver: self._make(driver, id, name, document, chosen))

    async def start(self, id: str, address: bytes) -> None:
        """See `Provider.start`. A machine of a cloud cannot be told where its boss is now: it asks for it by the name that it knows."""
        async with self._locked(id):
            await self._with_driver(f"machine {id}", lambda driver: self._start(driver, id))

    async def destroy(self, id: str) -> None:
        """See `Provider.destroy`."""
        async with self._locked(id):
            await self._with_driver(f"machine {id}", lambda driver: self._destroy(driver, id))

    async def list(self) -> Sequence[Observed]:
        """See `Provider.list`."""
        return await self._with_driver("its machines", self._list)

    async def observe(self, id: str) -> Observed:
        """See `Provider.observe`."""
        _named(id)
        return await self._with_driver(f"machine {id}", lambda driver: self._look(driver, id))

    # --- in a thread, with a driver --------------------------------------------------------------------

    async def _with_driver(self, what: str, work: Callable[[Any], T]) -> T:
        return await asyncio.to_thread(self._conversation, what, work)

    def _conversation(self, what: str, work: Callable[[Any], T]) -> T:
        driver = opened(self.cloud)
        try:
            return work(driver)
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001  # a driver is foreign code, and its errors may quote what it has sent
            why = said_by(error, read_credentials(self.cloud.credentials).values())
            raise ProviderError(f"{what}, at {self.cloud.driver}: {why}") from None

    def _make(self, driver: Any, id: str, name: str, document: bytes, chosen: CloudMachine) -> None:
        ways = ways_of(driver)
        if self._ours(driver, id):
            return
        said = {"size": chosen.size, "image": chosen.image}
        if lacking := [each for each, value in said.items() if not value]:
            raise ProviderError(
                f"machine {name}: which {' and '.join(lacking)}? Set them in the provider's table, or give --option {lacking[0]}=…"
            )
        labels = self._labels(id, name, ways)
        arguments = ways.call(document.decode(), labels, self._more(ways))
        if "ex_clienttoken" in ways.arguments:  # what makes a repeated request the same at EC2, before it can be listed
            arguments.setdefault("ex_clienttoken", f"remit-{sha256(f'{self._owner} {id}'.encode()).hexdigest()[:40]}")
        location = self._location(driver, chosen.location)
        if location is not None and "location" in ways.arguments:
            arguments["location"] = location
        size = _one("size", chosen.size, driver.list_sizes())
        node = driver.create_node(name=self._node_name(id), size=size, image=_image(driver, chosen.image), **arguments)
        self._new[id] = (node.id, labels, self._clock())

    def _more(self, ways: Ways) -> Mapping[str, Any]:
        for name in self.cloud.arguments:
            if name not in ways.arguments or name in ("name", "size", "image", "location", ways.user_data):
                raise ProviderError(
                    f"machines of {self.cloud.driver} have no argument {name}: {near(name, ways.arguments)}"
                )
        return self.cloud.arguments

    def _location(self, driver: Any, name: str) -> Any:
        if name:
            return _one("location", name, driver.list_locations())
        needed = inspect.signature(driver.create_node).parameters.get("location")
        if needed is not None and needed.default is needed.empty:
            raise ProviderError(f"machines of {self.cloud.driver} need a location: set it in the provider's table")
        return None

    def _start(self, driver: Any, id: str) -> None:
        found = self._ours(driver, id)
        if not found:
            raise ProviderError(f"machine {id} is not here: it was never made, or was destroyed; create it again")
        if _state(found[0]) == "running":
            return
        start = getattr(driver, "start_node", None) or getattr(driver, "ex_start_node", None)
        if start is None:
            raise ProviderError(f"machine {id}: Libcloud cannot start a machine of {self.cloud.driver}; start it there")
        start(found[0])

    def _destroy(self, driver: Any, id: str) -> None:
        for node in self._ours(driver, id):
            if not driver.destroy_node(node):
                raise ProviderError(f"machine {id}: {self.cloud.driver} did not destroy {node.id}; ask again")
        self._new.pop(id, None)

    def _list(self, driver: Any) -> Sequence[Observed]:
        label = "remit-owner"
        nodes = [node for node in self._nodes(driver, label, self._owner) if self._is_ours(node)]
        ids = sorted({self._id_of(node) for node in nodes})
        return [self._seen(id, [node for node in nodes if self._id_of(node) == id]) for id in ids]

    def _look(self, driver: Any, id: str) -> Observed:
        found = [node for node in self._found(driver, id) if self._is_ours(node)]
        return self._seen(id, found) if found else Observed(id)

    def _seen(self, id: str, nodes: Sequence[Any]) -> Observed:
        node = nodes[0]
        name = labels_of(node).get("remit-name") or id.rpartition("-")[0] or id
        where = ", ".join(map(str, [*node.public_ips, *node.private_ips])) or "no address yet"
        twice = f"; made {len(nodes)} times: destroy it, and create it again" if len(nodes) > 1 else ""
        return Observed(id, name, _state(node), f"{self.cloud.driver} {node.id}, {node.state}, {where}{twice}")

    # --- whose it is -----------------------------------------------------------------------------------

    def _locked(self, id: str) -> asyncio.Lock:
        return self._locks.setdefault(_named(id), asyncio.Lock())

    def _labels(self, id: str, name: str, ways: Ways) -> dict[str, str]:
        owner = self._owner[:_SHORT] if ways.listed else self._owner
        return {"remit-machine": id, "remit-name": name, "remit-owner": owner, "remit-provider": self._provider}

    def _node_name(self, id: str) -> str:
        return f"{_prefix(id)}-{self._owner[:_SHORT]}"

    def _ours(self, driver: Any, id: str) -> Sequence[Any]:
        """Those that run first. Raises where they are another's."""
        found = self._found(driver, id)
        if any(not self._is_ours(node) for node in found):
            raise ProviderError(
                f"machine {id} belongs to another boss, or to nobody, and was left alone: {self.cloud.driver} {found[0].id}"
            )
        return sorted(found, key=lambda node: _state(node) != "running")

    def _found(self, driver: Any, id: str) -> Sequence[Any]:
        names = f"{_prefix(id)}-"
        found = [
            node
            for node in self._nodes(driver, "remit-machine", id)
            if self._id_of(node) == id or (not labels_of(node) and str(node.name).startswith(names))
        ]
        return found or self._unlisted(driver, id)

    def _unlisted(self, driver: Any, id: str) -> Sequence[Any]:
        """A node that we have made just now: clouds show what they have made after a while only, and it must not be taken for one that is not there."""
        node, labels, when = self._new.get(id, ("", {}, 0.0))
        if not node or self._clock() - when > _SHOWN:
            self._new.pop(id, None)
            return []
        from libcloud.compute.base import Node
        from libcloud.compute.types import NodeState

        return [Node(node, self._node_name(id), NodeState.PENDING, [], [], driver, extra={"tags": labels})]

    def _nodes(self, driver: Any, label: str, value: str) -> Sequence[Any]:
        """The nodes that may have this label and are not gone. EC2 is asked for these only: it answers no more than a page."""
        if "ex_filters" in inspect.signature(driver.list_nodes).parameters:
            nodes = driver.list_nodes(ex_filters={f"tag:{label}": value})
        else:
            nodes = driver.list_nodes()
        return [node for node in nodes if not _is_gone(node)]

    def _is_ours(self, node: Any) -> bool:
        labels = labels_of(node)
        if "remit-owner" in labels:
            owner, provider = labels["remit-owner"], labels.get("remit-provider")
            return owner in (self._owner, self._owner[:_SHORT]) and provider == self._provider
        return str(node.name).endswith(f"-{self._owner[:_SHORT]}") and str(node.name).startswith("remit-")

    def _id_of(self, node: Any) -> str:
        """The machine id of a node; "" where it is nobody's machine."""
        labels = labels_of(node)
        if "remit-machine" in labels:
            return labels["remit-machine"]
        said = re.fullmatch(r"remit-(.+)-[a-z0-9]{1,20}", str(node.name))
        return said[1] if said else ""


def labels_of(node: Any) -> dict[str, str]:
    """A node's labels, in any of the forms in which drivers give them."""
    extra = node.extra or {}
    for given in (extra.get("tags"), extra.get("metadata"), extra.get("labels")):
        found = given.get("items", given) if isinstance(given, Mapping) else given
        if isinstance(found, list | tuple):
            pairs = [each if isinstance(each, str) else f"{each.get('key')}:{each.get('value')}" for each in found]
            found = dict(each.partition(":")[::2] for each in pairs)
        if isinstance(found, Mapping) and "remit-machine" in found:
            return {str(name): str(value) for name, value in found.items()}
    return {}


def _named(id: str) -> str:
    if not _ID.fullmatch(id):
        raise ProviderError(f"{id[:80]!r} cannot be a machine id: letters, digits, '-' and '_' only")
    return id


def _prefix(id: str) -> str:
    """A host name may have 63 small letters, digits and dashes: what cannot be one as it is ends with a digest."""
    plain = re.sub(r"[^a-z0-9-]", "-", id.lower())
    if plain != id or len(id) > 63 - _SHORT - 7:
        plain = f"{plain[: 63 - _SHORT - 7 - 9]}-{sha256(id.encode()).hexdigest()[:8]}"
    return f"remit-{plain}"


def _is_gone(node: Any) -> bool:
    return {str(node.state).lower(), str((node.extra or {}).get("status", "")).lower()} & _GONE != set()


def _state(node: Any) -> str:
    return "running" if str(node.state).lower() in _RUNNING else "made"


def _one(what: str, name: str, there: Iterable[Any]) -> Any:
    known = list(there)
    found = [each for each in known if name in (str(each.id), each.name)]
    if not found:
        raise ProviderError(f"there is no {what} {name}: {near(name, {str(each.id) for each in known})}")
    return found[0]


def _image(driver: Any, id: str) -> Any:
    from libcloud.compute.base import NodeImage

    try:
        return driver.get_image(id)
    except (NotImplementedError, AttributeError):
        return NodeImage(id=id, name=id, driver=driver)
