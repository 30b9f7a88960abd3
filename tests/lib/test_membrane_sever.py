"""`on_sever` through gates: whoever watches a proxy hears of the link behind it and of the revocation, once."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import Revoked, Unreachable
from remit.lib import Attenuated
from remit.vat import Far, Ref, Vat, actor, off_sever, on_sever, tell, this
from tests.lib.objects import Party, granted, outcome


@actor(kind="test.watcher", version=1)
class Watcher:
    """Hears of lost references."""

    heard: list[Any] = []

    def watch(self, ref: Ref[Any]) -> None:
        on_sever(ref, this())

    def forget(self, ref: Ref[Any]) -> None:
        off_sever(ref, this())

    def __call__(self, broken: Any) -> None:
        self.heard.append(broken)


class Line:
    """A link that can be lost."""

    def __init__(self) -> None:
        self.handlers: list[tuple[Any, Ref[Any]]] = []

    def on_sever(self, handle: Any, handler: Ref[Any]) -> None:
        self.handlers.append((handle, handler))

    def off_sever(self, handle: Any, handler: Ref[Any]) -> None:
        self.handlers.remove((handle, handler))

    def lose(self) -> None:
        for _, handler in self.handlers:
            tell(handler)(Unreachable("the line is lost"))


def watched(vat: Vat) -> tuple[Any, Line, Any, Any]:
    """A membrane; the line to a guest whose reference was passed in; its proxy; who watches that."""
    line, target, watcher = Line(), vat.spawn(Party), vat.spawn(Watcher)
    made, root = granted(vat, target)
    outcome(vat, root.keep("guest", Far(vat, 7, line)))
    proxy = target._at.held["guest"]
    outcome(vat, watcher.watch(proxy))
    return made, line, proxy, watcher


@pytest.mark.parametrize("first", ["lost", "revoked"])
def test_watching_a_proxy_tells_of_a_lost_link_and_of_a_revocation(first: str) -> None:
    """`on_sever` of a proxy is told once: of the link behind it or of the revocation, whichever comes first."""
    vat = Vat()
    made, line, _, watcher = watched(vat)
    steps = [line.lose, lambda: tell(made).revoke("enough")]
    for step in steps if first == "lost" else reversed(steps):
        step()
        vat.run()
    (heard,) = watcher._at.heard
    assert isinstance(heard, Unreachable if first == "lost" else Revoked)


def test_watching_can_be_given_up() -> None:
    """After `off_sever` nothing is told, and nothing is kept."""
    vat = Vat()
    made, line, proxy, watcher = watched(vat)
    outcome(vat, watcher.forget(proxy))
    assert line.handlers == [] and made._watches == {}
    tell(made).revoke()
    vat.run()
    assert list(watcher._at.heard) == []


def test_watching_what_is_revoked_tells_at_once() -> None:
    """Nothing more will happen to it."""
    vat = Vat()
    made, _, proxy, _ = watched(vat)
    tell(made).revoke()
    late = vat.spawn(Watcher)
    outcome(vat, late.watch(proxy))
    assert [heard.kind for heard in late._at.heard] == ["Revoked"]


def test_watching_an_attenuated_reference_watches_its_target() -> None:
    """An attenuated reference is cut off when its target is; a near target never is."""
    vat = Vat()
    line, watcher = Line(), vat.spawn(Watcher)
    outcome(vat, watcher.watch(vat.spawn(Attenuated, Far(vat, 3, line))))
    outcome(vat, watcher.watch(vat.spawn(Attenuated, vat.spawn(Party))))
    assert line.handlers == [(3, watcher)]
