"""The signed hello, driven by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Misuse, PeerUnproven, ProtocolError
from remit.net import Hello, NodeKey

ANNA, BORIS, MALLORY = NodeKey.generate(), NodeKey.generate(), NodeKey.generate()
GREETING, ANSWER, PROOF = 80, 144, 64


def dialler(key=ANNA, expected=BORIS, nonce=b"d" * 32, binding=b"channel"):
    return Hello(key, nonce=nonce, binding=binding, expected=expected.public)


def acceptor(key=BORIS, nonce=b"a" * 32, binding=b"channel"):
    return Hello(key, nonce=nonce, binding=binding)


def test_both_ends_prove_their_keys():
    """After three messages each end knows the other's key, and neither had to wait longer."""
    d, a = dialler(), acceptor()
    assert a.start() == b""
    greeting = d.start()
    answer = a.feed(greeting)
    assert (d.peer, a.peer) == (None, None)
    proof = d.feed(answer)
    assert a.feed(proof) == b""
    assert (d.peer, a.peer) == (BORIS.public, ANNA.public)
    assert (len(greeting), len(answer), len(proof)) == (GREETING, ANSWER, PROOF)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_bytes_may_be_cut_anywhere(cuts):
    """However the bytes are cut, the hello ends the same way and leaves what follows it alone."""
    d, a = dialler(), acceptor()
    answer = feed_cut(a, d.start(), cuts)
    proof = feed_cut(d, answer + b"early", cuts)
    assert feed_cut(a, proof + b"next", cuts) == b""
    assert (d.peer, a.peer) == (BORIS.public, ANNA.public)


def feed_cut(hello, data, cuts):
    """Feed in pieces of these sizes, over and over; what comes back in all. Stops once the hello is over."""
    out, position, turn = b"", 0, 0
    while position < len(data) and hello.peer is None:
        size = cuts[turn % len(cuts)]
        out += hello.feed(data[position : position + size])
        position, turn = position + size, turn + 1
    assert (
        hello.peer is None or data[position:].startswith(b"") and (hello.rest + data[position:]) in (b"early", b"next")
    )
    return out


def test_what_follows_the_hello_is_kept_for_the_next_protocol():
    """Bytes after the last one of the hello are in `rest`, unread."""
    d, a = dialler(), acceptor()
    proof = d.feed(a.feed(d.start()) + b"4:news")
    a.feed(proof + b"5:hello")
    assert (d.rest, a.rest) == (b"4:news", b"5:hello")


def test_a_dialler_refuses_another_node_than_it_dialled():
    """The error says which designator was expected and which one answered."""
    d, a = dialler(expected=MALLORY), acceptor()
    with pytest.raises(PeerUnproven, match=f"expected node {MALLORY.designator}, but node {BORIS.designator}"):
        d.feed(a.feed(d.start()))
    assert d.peer is None and d.state == "failed"


def test_a_signature_of_another_key_is_refused_by_both():
    """Claiming a key is not proving it."""
    d, a = dialler(), acceptor()
    answer = a.feed(d.start())
    with pytest.raises(PeerUnproven, match="its signature does not hold"):
        d.feed(answer[:-64] + MALLORY.sign(b"anything"))
    with pytest.raises(PeerUnproven, match="its signature does not hold"):
        a.feed(MALLORY.sign(b"anything"))
    assert (d.peer, a.peer) == (None, None)


@pytest.mark.parametrize("position", range(16, ANSWER, 7))
def test_every_byte_of_the_answer_is_signed(position):
    """A change anywhere in nonce, key or signature is noticed."""
    d, a = dialler(), acceptor()
    answer = bytearray(a.feed(d.start()))
    answer[position] ^= 1
    with pytest.raises(PeerUnproven):
        d.feed(bytes(answer))


@pytest.mark.parametrize("position", range(16, GREETING, 7))
def test_every_byte_of_the_greeting_is_signed(position):
    """A greeting that was changed on the way makes both ends refuse."""
    d, a = dialler(), acceptor()
    greeting = bytearray(d.start())
    greeting[position] ^= 1
    with pytest.raises(PeerUnproven):
        d.feed(a.feed(bytes(greeting)))


def test_a_hello_holds_on_one_channel_only():
    """The same bytes on channels with other bindings prove nothing."""
    d, a = dialler(binding=b"one"), acceptor(binding=b"two")
    answer = a.feed(d.start())
    with pytest.raises(PeerUnproven):
        d.feed(answer)


def test_a_relayed_hello_is_refused():
    """Mallory, dialled as herself, passes Anna's hello on to Boris and cannot become Anna there."""
    anna_to_mallory = dialler(expected=MALLORY, binding=b"anna-mallory")
    boris = acceptor(binding=b"mallory-boris")
    answer = boris.feed(anna_to_mallory.start())
    with pytest.raises(PeerUnproven):  # passed on as it is: Anna dialled Mallory, and Boris answers
        anna_to_mallory.feed(answer)
    assert boris.peer is None


@pytest.mark.parametrize("same_binding", [True, False])
def test_a_relayed_hello_is_refused_when_mallory_answers_with_her_own_key(same_binding):
    """Mallory answers Anna herself, with Boris's nonce, to get a proof for Boris: it names Mallory's key, and fails."""
    binding = b"one" if same_binding else b"two"
    anna, boris = dialler(expected=MALLORY, binding=b"one"), acceptor(binding=binding)
    greeting = anna.start()
    boris_answer = boris.feed(greeting)
    boris_nonce = boris_answer[16:48]
    mallory = Hello(MALLORY, nonce=boris_nonce, binding=b"one")
    proof = anna.feed(mallory.feed(greeting))
    assert anna.peer == MALLORY.public
    with pytest.raises(PeerUnproven):
        boris.feed(proof)
    assert boris.peer is None


def test_a_hello_of_an_earlier_connection_is_refused():
    """E5: Replaying everything that Anna once said fails, since the acceptor's nonce is new each time."""
    anna, boris = dialler(), acceptor()
    greeting = anna.start()
    proof = anna.feed(boris.feed(greeting))
    again = acceptor(nonce=b"b" * 32)
    again.feed(greeting)
    with pytest.raises(PeerUnproven):
        again.feed(proof)


def test_an_acceptors_signature_is_no_diallers():
    """The roles are signed: an answer reflected as a proof is refused, even between equal nonces and keys."""
    nonce = b"n" * 32
    d, a = dialler(key=ANNA, expected=ANNA, nonce=nonce), acceptor(key=ANNA, nonce=nonce)
    answer = a.feed(d.start())
    with pytest.raises(PeerUnproven):
        a.feed(answer[-64:])


def test_a_node_can_dial_itself():
    """One key at both ends proves itself to itself."""
    d, a = dialler(key=ANNA, expected=ANNA), acceptor(key=ANNA)
    a.feed(d.feed(a.feed(d.start())))
    assert d.peer == a.peer == ANNA.public


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01", b"G", b"GET / HTTP/1.1\r\n", b"<", b"remit HELLO 001\n"])
@pytest.mark.parametrize("make", [dialler, acceptor])
def test_strangers_are_refused_at_their_first_wrong_byte(garbage, make):
    """Bytes of another protocol fail at once, without waiting for a whole message."""
    hello = make()
    with pytest.raises(ProtocolError, match="does not speak the remit hello"):
        hello.feed(garbage)
    assert (hello.state, hello.farewell) == ("failed", b"")


def test_another_version_is_refused_by_name_at_both_ends():
    """The acceptor names the version, and its farewell lets the dialler name it too."""
    d, a = dialler(), acceptor()
    with pytest.raises(ProtocolError, match="version '002' of the remit hello, this end '001'"):
        a.feed(b"remit hello 002\n" + b"?" * 100)
    assert a.farewell == b"remit hello 001\n"
    with pytest.raises(ProtocolError, match="version '003' of the remit hello, this end '001'"):
        d.feed(b"remit hello 003\n")
    assert d.farewell == b""


def test_a_nonce_of_the_wrong_size_is_our_own_mistake():
    """A short nonce would weaken the proof, so it is refused where it is given."""
    with pytest.raises(Misuse, match="32 bytes"):
        Hello(ANNA, nonce=b"short", binding=b"")
