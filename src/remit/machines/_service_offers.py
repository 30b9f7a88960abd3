"""What services offer becomes an offer of their machine while they are ready."""

from __future__ import annotations

import logging
import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, ClassVar

from remit.dataspace import bind
from remit.machines._records import Offer
from remit.services import READY, Mouth, ServiceObject, ServiceState, spelt
from remit.values import Tagged, key
from remit.vat import Ref, actor, on

__all__ = ["ServiceOffers"]

_put = object.__setattr__
_log = logging.getLogger("remit.machines")


@actor(kind="remit.machines.service_offers", version=1)
class ServiceOffers:
    """Listens in the dataspace of services; tells the hob. Ends with the vat of services."""

    space: Ref[Any]
    hob: Ref[Any]

    if TYPE_CHECKING:  # not fields: what is not kept and does not pass
        _mouth: ClassVar[Mouth]
        _objects: ClassVar[dict[Hashable, tuple[Any, Any]]]
        _ready: ClassVar[dict[Hashable, None]]
        _offered: ClassVar[dict[Hashable, tuple[str, Any]]]

    def begin(self) -> None:
        """Listen."""
        mouth = Mouth()
        for name, value in (("_mouth", mouth), ("_objects", {}), ("_ready", {}), ("_offered", {})):
            _put(self, name, value)
        mouth.open(self.space, "offers of the machine")
        mouth.listen("object", ServiceObject(bind(), bind()))
        mouth.listen("ready", ServiceState(bind(), READY))
        mouth.flush()

    def heard(self, what: str, present: bool, captures: list[Any]) -> None:
        """A service has an object, or is ready; or no longer."""
        mark = key(captures[0])
        if what == "ready":
            self._ready.pop(mark, None)
            if present:
                self._ready[mark] = None
        elif present:
            self._objects[mark] = (captures[0], captures[1])
        elif mark in self._objects and self._objects[mark][1] is captures[1]:
            del self._objects[mark]
        self._compare(mark)

    def said(self, what: str, captures: list[Any]) -> None:
        """No messages are listened for."""

    def _compare(self, mark: Hashable) -> None:
        name, ref = self._objects.get(mark, (None, None))
        wanted = ref if mark in self._ready and isinstance(ref, Ref) else None
        offered = self._offered.get(mark)
        if offered is not None and offered[1] is not wanted:
            del self._offered[mark]
            on(self.hob.fell_silent(*offered), None, lambda error: _log.info("offer %s: %s", offered[0], error))
        if wanted is not None and mark not in self._offered:
            made = offer_name(name)
            self._offered[mark] = (made, wanted)
            wish = Offer(made, description=f"service {spelt(name)}"[:200])
            on(
                self.hob.expose(wish, wanted),
                None,
                lambda error: _log.warning("service %s is not offered: %s", made, error),
            )


def offer_name(service: Any) -> str:
    """The name under which a service is offered: what is inside of its own, as far as offers' names go."""
    fields = service.value if isinstance(service, Tagged) else getattr(service, "__record_values__", list)()
    inner = fields[0] if isinstance(fields, list | tuple) and len(fields) == 1 else service
    return re.sub(r"[^A-Za-z0-9_-]+", "-", spelt(inner))[:63].strip("-") or "service"
