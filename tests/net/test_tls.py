"""The `tls` netlayer: who is believed, and who is not."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from remit.errors import Conflict, Misuse, PeerUnproven, ProtocolError, Unreachable
from remit.net import Hello, NodeKey, TlsNetlayer
from remit.net._address import split_address
from remit.net._certificate import certificate_of, key_in
from remit.net._tls import binding_of, client_context, server_context
from remit.values import Locator
from tests.net.kit import DEADLINE, Acceptor, Recorder, TlsKit
from tests.net.raw import raw, relay, serving


@pytest.fixture
def kit_class():
    return TlsKit


async def listening(kit):
    key, acceptor = NodeKey.generate(), Acceptor()
    return key, await kit.netlayer(key).listen(acceptor), acceptor


def test_the_certificate_carries_the_nodes_key_and_nothing_is_searched():
    """The key is parsed out of the certificate's place for it: another node's key elsewhere in it is not found."""
    anna, boris = NodeKey.generate(), NodeKey.generate()
    assert key_in(certificate_of(anna)) == anna.public
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, boris.designator)])
    tricky = build(name, anna._secret, anna._secret, None, extra=boris.public)
    assert boris.public in tricky and key_in(tricky) == anna.public


def test_what_is_no_certificate_of_a_node_is_unproven():
    """A certificate with another kind of key, and bytes that are none, prove nobody."""
    secret = generate_private_key(SECP256R1())
    other = build(x509.Name([]), secret, secret, SHA256())
    with pytest.raises(PeerUnproven, match="no Ed25519 key"):
        key_in(other)
    with pytest.raises(PeerUnproven, match="cannot be read"):
        key_in(b"\x30\x82nonsense")


def build(name, public_of, signer, digest, extra=None):
    """A certificate in DER."""
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public_of.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + dt.timedelta(days=36500))
    if extra is not None:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(extra), critical=False)
    return builder.sign(signer, digest).public_bytes(Encoding.DER)


def test_a_relay_that_ends_tls_with_its_own_certificate_is_refused(test):
    """Mallory between Anna and Boris, with a certificate of her own: Anna refuses before she says a word."""

    async def body(kit):
        key, hints, acceptor = await listening(kit)
        mallory = NodeKey.generate()
        context = server_context(mallory, certificate_of(mallory))
        async with relay(lambda: dial_blindly(hints), context) as fake:
            anna = kit.netlayer(NodeKey.generate())
            with pytest.raises(PeerUnproven, match=f"expected node {key.designator}, but node {mallory.designator}"):
                await anna.dial(kit.locator(key, fake), Recorder)
        assert acceptor.recorders == []

    test(body)


def test_a_stolen_certificate_without_its_key_is_useless(test):
    """A certificate is public: without the key it can't be used, since TLS has the server sign with it."""

    async def body(kit):
        boris, mallory = NodeKey.generate(), NodeKey.generate()
        with pytest.raises(ssl.SSLError):
            server_context(mallory, certificate_of(boris))

    test(body)


def test_a_relayed_hello_is_refused(test):
    """Anna dials Mallory as herself, who passes Anna's hello on to Boris: neither of them believes it."""

    async def body(kit):
        _, hints, acceptor = await listening(kit)
        mallory = NodeKey.generate()
        context = server_context(mallory, certificate_of(mallory))
        async with relay(lambda: dial_blindly(hints), context) as fake:
            anna = kit.netlayer(NodeKey.generate())
            with pytest.raises(PeerUnproven, match=f"expected node {mallory.designator}"):
                await anna.dial(kit.locator(mallory, fake), Recorder)
        assert acceptor.recorders == []

    test(body)


def test_a_hello_of_another_connection_is_refused(test):
    """Mallory takes Anna's proof from her own connection with Anna, made over Boris's nonce: Boris refuses it."""

    async def body(kit):
        _, hints, acceptor = await listening(kit)
        anna, mallory = NodeKey.generate(), NodeKey.generate()
        anna_side = Hello(anna, nonce=b"n" * 32, binding=binding_of(b"mallory's certificate"), expected=mallory.public)
        async with raw(hints, tls=True) as to_boris:
            to_boris.write(anna_side.start())
            boris_nonce = (await to_boris.read(144))[16:48]
            mallory_side = Hello(mallory, nonce=boris_nonce, binding=binding_of(b"mallory's certificate"))
            to_boris.write(anna_side.feed(mallory_side.feed(anna_side.start())))
            assert await to_boris.until_ended() == b""
        assert acceptor.recorders == []

    test(body)


def test_a_relay_of_the_encrypted_bytes_changes_nothing(test):
    """A router between the two is not noticed: both ends are proved as without it."""

    async def body(kit):
        key, hints, acceptor = await listening(kit)
        anna_key = NodeKey.generate()
        address = split_address(hints["tls"])
        async with relay(lambda: asyncio.open_connection(*address)) as fake:
            anna = kit.netlayer(anna_key)
            channel = await anna.dial(kit.locator(key, fake), Recorder)
            channel.send([b"through"])
            far = await acceptor.first()
            await far.until(lambda far: far.messages == [b"through"])
            assert (channel.peer, far.channel.peer) == (key.public, anna_key.public)
            await anna.close()

    test(body)


def test_a_dialler_that_claims_anothers_key_is_refused(test):
    """Inside good TLS, a greeting with Anna's key and a signature by Mallory ends the connection."""

    async def body(kit):
        _, hints, acceptor = await listening(kit)
        anna, mallory = NodeKey.generate(), NodeKey.generate()
        async with raw(hints, tls=True) as connection:
            connection.write(b"remit hello 001\n" + b"n" * 32 + anna.public)
            await connection.read(144)
            connection.write(mallory.sign(b"remit signed hello 001: dialler\n"))
            assert await connection.until_ended() == b""
        assert acceptor.recorders == []

    test(body)


def test_another_version_is_told_which_one_is_spoken(test):
    """A dialler of another version is hung up on, with the acceptor's version as farewell."""

    async def body(kit):
        _, hints, _ = await listening(kit)
        async with raw(hints, tls=True) as connection:
            connection.write(b"remit hello 002\n" + b"n" * 64)
            assert await connection.until_ended() == b"remit hello 001\n"

    test(body)


def test_a_dialler_names_the_version_of_the_other_end(test):
    """Dialling a node of another version fails with both versions in the error."""

    async def body(kit):
        key = NodeKey.generate()

        async def handle(reader, writer):
            writer.write(b"remit hello 002\n")
            await reader.read()

        async with serving(handle, server_context(key, certificate_of(key))) as hints:
            with pytest.raises(ProtocolError, match="version '002' of the remit hello, this end '001'"):
                await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)

    test(body)


def test_older_tls_is_refused_at_both_ends(test):
    """Nothing below TLS 1.3 is spoken, neither as acceptor nor as dialler."""

    async def body(kit):
        key, hints, acceptor = await listening(kit)
        old = client_context()
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection(*split_address(hints["tls"]), ssl=old)
        async with serving(silence, old_server(folder_file(kit))) as other:
            with pytest.raises((ProtocolError, Unreachable), match=r"tls 127\.0\.0\.1"):
                await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, other), Recorder)
        assert acceptor.recorders == []

    def old_server(path):
        secret = Ed25519PrivateKey.generate()
        certificate = build(x509.Name([]), secret, secret, None)
        with open(path, "wb") as file:
            file.write(x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM))
            file.write(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(path)
        return context

    def folder_file(kit):
        return os.path.join(kit.folder, "old.pem")

    test(body)


def test_an_acceptor_that_says_nothing_is_unreachable_after_the_time_limit(test):
    """Silence before TLS and silence after it both end the dial, with the address and the limit in the error."""

    async def body(kit):
        key = NodeKey.generate()
        for context in (None, server_context(key, certificate_of(key))):
            dialler = kit.netlayer(NodeKey.generate(), dial_seconds=0.3)
            async with serving(silence, context) as hints:
                with pytest.raises(Unreachable, match=rf"tls {hints['tls']} did not answer within 0\.3 s"):
                    await dialler.dial(kit.locator(key, hints), Recorder)

    test(body)


def test_an_acceptor_that_hangs_up_is_unreachable(test):
    """A connection that ends during TLS or hello is Unreachable, with what happened."""

    async def body(kit):
        key = NodeKey.generate()
        for context in (None, server_context(key, certificate_of(key))):
            async with serving(hang_up, context) as hints:
                with pytest.raises(Unreachable, match=r"tls 127\.0\.0\.1"):
                    await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)

    test(body)


def test_what_is_no_tls_server_is_told_so(test):
    """Dialling an ordinary server names the address and what was wrong."""

    async def body(kit):
        async with serving(greet_as_mail) as hints:
            with pytest.raises(ProtocolError, match=r"does not speak TLS 1\.3"):
                await kit.netlayer(NodeKey.generate()).dial(kit.locator(NodeKey.generate(), hints), Recorder)

    test(body)


def test_an_address_in_use_is_a_conflict(test):
    """Listening where another listens says so, with the address."""

    async def body(kit):
        _, hints, _ = await listening(kit)
        port = split_address(hints["tls"])[1]
        with pytest.raises(Conflict, match=f"cannot listen on 127.0.0.1:{port}: it is in use"):
            await kit.netlayer(NodeKey.generate(), port=port).listen(Acceptor())

    test(body)


def test_a_host_that_is_none_cannot_be_listened_on(test):
    """A name that does not resolve, and an address of another machine, are told apart from our own mistakes."""

    async def body(kit):
        for host in ("no-such-host.invalid", "192.0.2.1"):
            with pytest.raises(Unreachable, match=f"cannot listen on {host}:0"):
                await kit.netlayer(NodeKey.generate(), host=host).listen(Acceptor())

    test(body)


def test_all_addresses_need_a_published_one(test):
    """A hint of 0.0.0.0 would lead nowhere, so the host that others use must be given; it is what the hint says."""

    async def body(kit):
        with pytest.raises(Misuse, match="published"):
            TlsNetlayer(NodeKey.generate(), host="0.0.0.0")
        key, acceptor = NodeKey.generate(), Acceptor()
        hints = await kit.netlayer(key, host="0.0.0.0", published="localhost").listen(acceptor)
        assert hints["tls"].startswith("localhost:")
        channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, hints), Recorder)
        assert channel.peer == key.public

    test(body)


@pytest.mark.parametrize("hint", ["", "nowhere", "host:", ":1", "host:0", "host:65536", "a:b:1", "host:٣", "host:1\n"])
def test_a_hint_that_is_no_address_is_unreachable(test, hint):
    """The error names the accepted forms, and nothing is tried."""

    async def body(kit):
        with pytest.raises(Unreachable, match=r"expected host:port|no hint 'tls'"):
            await kit.netlayer(NodeKey.generate()).dial(kit.locator(NodeKey.generate(), {"tls": hint}), Recorder)

    test(body)


def test_hints_that_no_resolver_takes_are_unreachable(test):
    """Host names that are none, however strange, end as Unreachable."""

    async def body(kit):
        for host in ("a" * 300, "no-such-host.invalid", "\0", "ü" * 70):
            locator = Locator("remit", NodeKey.generate().designator, {"tls": f"{host}:1"})
            with pytest.raises(Unreachable):
                await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)

    test(body)


def test_garbage_never_costs_a_tls_state(test):
    """What does not begin as TLS does is hung up on before there is anything but its socket."""

    async def body(kit):
        _, hints, _ = await listening(kit)
        async with raw(hints) as stranger:
            stranger.write(b"GET / HTTP/1.1\r\n\r\n")
            await stranger.until_ended()
        assert kit.made[0]._server_context is None

    test(body)


def test_connections_are_never_resumed(test):
    """The acceptor gives no tickets, so that every connection has the certificate and its proof."""

    async def body(kit):
        _, hints, _ = await listening(kit)
        async with raw(hints, tls=True) as connection:
            connection.write(b"remit hello 001\n" + b"n" * 32 + NodeKey.generate().public)
            await connection.read(144)  # what the server sends by itself after the handshake has come before it
            assert not connection.writer.get_extra_info("ssl_object").session.has_ticket

    test(body)


async def silence(reader, _writer):
    await reader.read()


async def hang_up(_reader, writer):
    writer.transport.abort()


async def greet_as_mail(reader, writer):
    writer.write(b"220 mail ready\r\n")
    await reader.read()


async def dial_blindly(hints):
    """TLS to where these hints lead, whoever is there."""
    async with asyncio.timeout(DEADLINE):
        return await asyncio.open_connection(*split_address(hints["tls"]), ssl=client_context())


def test_a_node_that_listens_at_several_addresses_is_reached_by_whichever_works(test):
    """Its hint has all of them, and a dialler tries one after the other: nobody, and somebody else, may be at the first."""

    async def body(kit):
        key, acceptor = NodeKey.generate(), Acceptor()
        there = kit.netlayer(key)
        hints = await there.listen(acceptor)
        both = await asyncio.gather(there.listen_also("127.0.0.2"), there.listen_also("127.0.0.2"))
        assert both[0] == both[1] == await there.listen_also("127.0.0.2")
        first, second = (await there.listen_also("127.0.0.2"))["tls"].split(",")
        assert hints == {"tls": first} and split_address(second) == ("127.0.0.2", split_address(first)[1])
        _, others, _ = await listening(kit)
        for hint in (second, f"127.0.0.1:1,{second}", f"{others['tls']},{second}"):
            channel = await kit.netlayer(NodeKey.generate()).dial(kit.locator(key, {"tls": hint}), Recorder)
            assert channel.peer == key.public

    test(body)


def test_a_further_address_takes_another_port_where_that_one_is_taken(test):
    """The port is the same where it can be, since people remember it, and any other where it cannot."""

    async def body(kit):
        key = NodeKey.generate()
        there = kit.netlayer(key)
        port = split_address((await there.listen(Acceptor()))["tls"])[1]
        await kit.netlayer(NodeKey.generate(), host="127.0.0.3", port=port).listen(Acceptor())
        another = (await there.listen_also("127.0.0.3"))["tls"].split(",")[1]
        assert split_address(another)[0] == "127.0.0.3" and split_address(another)[1] != port

    test(body)


def test_who_listens_everywhere_only_tells_of_a_further_address(test):
    """It is there already: nothing is opened, and the address that others are told has one more part."""

    async def body(kit):
        there = kit.netlayer(NodeKey.generate(), host="0.0.0.0", published="127.0.0.1")
        port = split_address((await there.listen(Acceptor()))["tls"])[1]
        assert await there.listen_also("127.0.0.4") == {"tls": f"127.0.0.1:{port},127.0.0.4:{port}"}

    test(body)


def test_of_a_hint_with_many_addresses_few_are_tried(test):
    """Whoever writes a hint cannot have this node knock at port after port; what fails is named for each."""

    async def body(kit):
        many = ",".join(f"127.0.0.1:{port}" for port in range(1, 30))
        locator = kit.locator(NodeKey.generate(), {"tls": many})
        with pytest.raises(Unreachable) as caught:
            await kit.netlayer(NodeKey.generate()).dial(locator, Recorder)
        assert "127.0.0.1:8:" in caught.value.message and "127.0.0.1:9" not in caught.value.message

    test(body)
