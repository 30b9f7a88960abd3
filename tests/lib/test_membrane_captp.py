"""Membranes between nodes: the provider's side revokes, and nothing of it depends on the grantee's node."""

from __future__ import annotations

from typing import Any

import pytest

from remit.errors import LinkLost, NotAllowed, Revoked
from remit.lib import FREE, Attenuation, Membrane
from remit.testing import World
from remit.vat import PENDING, Ref, actor, on_sever, resolved, tell, this
from tests.lib.objects import Party, Table


@actor(kind="test.host", version=1)
class Host:
    """A provider's object that calls what it is given, and hears when that is gone."""

    guest: Any = None
    heard: list[Any] = []

    def meet(self, guest: Ref[Any]) -> None:
        self.guest = guest
        on_sever(guest, this())

    def greet(self, what: Any) -> Any:
        return self.guest.note(what)

    def __call__(self, broken: Any) -> None:
        self.heard.append(broken)


class Grant:
    """A grantee's node with a reference to a provider's object, through a membrane."""

    def __init__(self, cls: type, attenuation: Attenuation = FREE) -> None:
        self.world = World()
        self.grantee, self.provider = self.world.node("grantee"), self.world.node("provider")
        self.target = self.provider.vat.spawn(cls)
        self.membrane: Any = self.provider.vat.spawn(Membrane, self.target, attenuation)
        promised = self.membrane.root()
        self.world.settle()
        self.provider.objects[b"root"] = resolved(promised)
        self.session = self.world.open(self.grantee, self.provider)
        self.world.settle()
        self.root: Any = self.result(self.grantee.remote(self.session, b"root"))

    def result(self, promise: Any) -> Any:
        self.world.settle()
        return resolved(promise)


def test_calls_and_pipelined_calls_pass_in_order() -> None:
    """What the grantee sends to the root and to results of it arrives in the order sent."""
    grant = Grant(Party)
    me = grant.root.me()
    for i in range(5):
        me.note(i)
    assert grant.result(me.note("last")) == 6
    assert [entry[0] for entry in grant.target._at.log] == [0, 1, 2, 3, 4, "last"]


def test_a_read_only_grant_is_read_only_for_what_comes_out() -> None:
    """The provider's side refuses writes on the root and on objects reached through it."""
    grant = Grant(Table, Attenuation(read_only=True))
    assert grant.result(grant.root.size()) == 0
    for refused in (grant.root.put("a", 1), grant.root.part().put("a", 1)):
        with pytest.raises(NotAllowed, match="read-only"):
            grant.result(refused)


def test_a_revocation_reaches_the_other_node() -> None:
    """Calls in flight, held references and callbacks break with the reason; what did not pass goes on working."""
    grant = Grant(Party)
    guest = grant.grantee.vat.spawn(Party)
    me, waiting = grant.result(grant.root.me()), grant.root.later("r")
    assert grant.result(grant.root.ask(guest, "hello")) == 1
    grant.root.keep("guest", guest)
    grant.world.settle()
    assert resolved(waiting) is PENDING
    tell(grant.membrane).revoke("the binding was deleted")
    grant.world.settle()
    for promise in (waiting, grant.root.note(1), me.note(1), grant.root.me().note(1)):
        with pytest.raises(Revoked, match="the binding was deleted"):
            grant.result(promise)
    with pytest.raises(Revoked):
        grant.result(grant.target._at.held["guest"].note(2))
    assert grant.result(guest.note(2)) == 2 and grant.result(grant.target.note(1)) == 1


def test_a_lost_session_is_heard_through_the_membrane() -> None:
    """The provider's object that watches a grantee's reference is told when the grantee's node is gone."""
    grant = Grant(Host)
    guest = grant.grantee.vat.spawn(Party)
    assert grant.result(grant.root.meet(guest)) is None
    assert grant.result(grant.root.greet("hi")) == 1
    grant.world.cut(grant.session)
    grant.world.settle()
    (heard,) = grant.target._at.heard
    assert isinstance(heard, LinkLost)


def test_what_passed_is_given_back() -> None:
    """When both sides let go of what passed, no table of a session, no proxy and nothing that waits is left."""
    grant = Grant(Table)
    guest = grant.grantee.vat.spawn(Party)
    assert grant.result(grant.root.part().echo({"x": [guest]}))[0][0] == {"x": [guest]}
    assert grant.result(grant.root.me()) is grant.root
    membrane = grant.membrane
    grant.root = guest = None
    grant.world.check_empty()
    assert not membrane._waiting and not membrane._watches
    assert not any(membrane._proxies) and not any(membrane._passages)
