"""Certificates: what they prove, when they end, and that revoking one counts."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.ensemble.ca import (
    Authority,
    Revocations,
    check_chain,
    make_request,
    names_of,
    read_chain,
    read_request,
    read_root,
)
from remit.ensemble.ca._make import make_authority, make_list, make_server
from remit.errors import BadArgument, Conflict, Expired, Missing, Refused, RemitError, Revoked, StoreCorrupt
from remit.net import NodeKey, designator_of

WORDS = "correct horse"
NOW = 1_800_000_000.0
DAY = 86400.0
NODE, OTHER = (NodeKey.generate().public for _ in range(2))
NAME, CA = "shop", Ed25519PrivateKey.generate()
ROOT = make_authority("root", CA, None, NOW)
MIDDLE_KEY = Ed25519PrivateKey.generate()
MIDDLE = make_authority("middle", MIDDLE_KEY, (ROOT, CA), NOW)
BY = (MIDDLE, MIDDLE_KEY)


def chain(leaf: x509.Certificate, middle: x509.Certificate = MIDDLE) -> bytes:
    from remit.ensemble.ca._certificate import to_pem

    return to_pem([leaf, middle])


def server(**changes: Any) -> x509.Certificate:
    given: dict[str, Any] = {
        "public": NODE,
        "id": "front@/eu",
        "parts": ["inspect"],
        "dns": ["front.example"],
    } | changes
    return make_server(**{"by": BY, "now": NOW} | given)


def revocations(*serials: int, number: int = 1, by: Any = BY, now: float = NOW) -> Revocations:
    return Revocations(make_list(dict.fromkeys(serials, NOW), number, by, now))


def check(pem: bytes, **changes: Any) -> Any:
    given = {"root": ROOT, "key": NODE, "revocations": revocations(), "now": NOW} | changes
    return check_chain(pem, given["root"], given["key"], given["revocations"], given["now"])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


# --- what a chain proves ----------------------------------------------------------------------------------


def test_a_chain_says_id_and_parts_of_a_nodes_key() -> None:
    """And until when."""
    said = check(chain(server(parts=["logs", "inspect", "logs"])))
    assert (said.key, said.id, said.parts) == (NODE, "front@/eu", ("inspect", "logs"))
    assert said.expires == NOW + 30 * DAY
    assert names_of(server())[2] == ("front.example",)


def test_it_proves_nothing_of_another_node() -> None:
    """A stolen certificate is useless without its key."""
    with pytest.raises(Refused, match="proves nothing about others"):
        check(chain(server()), key=OTHER)


@pytest.mark.parametrize(("at", "kind"), [(NOW - DAY, Refused), (NOW + 30 * DAY, Expired), (NOW + 4000 * DAY, Expired)])
def test_it_has_a_beginning_and_an_end(at: float, kind: type[RemitError]) -> None:
    """A revocation list of that time does not help."""
    with pytest.raises(kind):
        check(chain(server()), now=at, revocations=revocations(now=at))


def test_another_authority_admits_nobody() -> None:
    """Neither with another root, nor with an intermediate of the same name."""
    key = Ed25519PrivateKey.generate()
    root = make_authority("root", key, None, NOW)
    middle = make_authority("middle", MIDDLE_KEY, (root, key), NOW)
    for pem, anchor in ((chain(server()), root), (chain(server(), middle), ROOT)):
        with pytest.raises(Refused, match="not signed by this ensemble's authority"):
            check(pem, root=anchor)


def test_a_server_is_no_authority() -> None:
    """A node cannot sign for another one with its own certificate."""
    node_key = Ed25519PrivateKey.generate()
    mine = server(public=node_key.public_key().public_bytes_raw())
    forged = server(by=(mine, node_key))
    with pytest.raises(Refused):
        check(chain(forged, mine))
    second = make_authority("second", node_key, (MIDDLE, MIDDLE_KEY), NOW)  # below an intermediate of path length 0
    with pytest.raises(Refused):
        check(chain(server(by=(second, node_key)), second))


def test_the_certificate_of_an_authority_is_no_servers() -> None:
    """Its key would be a member."""
    with pytest.raises(Refused):
        check(chain(MIDDLE, ROOT), key=MIDDLE_KEY.public_key().public_bytes_raw())


@pytest.mark.parametrize("pem", [b"", b"x", b"x" * 100_000, None, chain(server())[:700], chain(server()) * 2])
def test_what_is_no_chain_is_said_to_be_none(pem: Any) -> None:
    """Whatever a peer shows."""
    with pytest.raises(BadArgument):
        check(pem)


def test_a_changed_certificate_is_refused() -> None:
    """Wherever one byte is another one."""
    der = bytearray(server().public_bytes(Encoding.DER))
    for at in range(0, len(der), 37):
        changed = bytes(der[:at]) + bytes([der[at] ^ 1]) + bytes(der[at + 1 :])
        try:
            leaf = x509.load_der_x509_certificate(changed)
        except ValueError:
            continue
        with pytest.raises((Refused, BadArgument)):
            check(chain(leaf))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_shown_is_answered_in_words(data: st.DataObject) -> None:
    """A chain or a list with some bytes changed: the parser's own complaints come out nowhere."""
    whole = [bytearray(each) for each in PARTS_OF_A_CHAIN]
    which = whole[data.draw(st.integers(0, 2))]
    for at, to in data.draw(st.lists(st.tuples(st.integers(0, len(which) - 1), st.integers(0, 255)), max_size=4)):
        which[at] = to
    try:
        known = Revocations(bytes(whole[2]))
        assert check(pem_of(whole[0]) + pem_of(whole[1]), revocations=known)
    except RemitError:
        assert whole != [bytearray(each) for each in PARTS_OF_A_CHAIN]


def pem_of(der: bytes | bytearray) -> bytes:
    body = base64.encodebytes(bytes(der))
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


PARTS_OF_A_CHAIN = (server().public_bytes(Encoding.DER), MIDDLE.public_bytes(Encoding.DER), revocations(5, 6).data)


def test_an_unknown_critical_extension_is_refused() -> None:
    """RFC 5280, section 4.2."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    good = server()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(MIDDLE.subject)
        .public_key(good.public_key())
        .serial_number(5)
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
    )
    for each in good.extensions:
        builder = builder.add_extension(each.value, each.critical)
    odd = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert check(chain(builder.sign(MIDDLE_KEY, None)))
    with pytest.raises(Refused, match=r"1\.2\.3\.4"):
        check(chain(builder.add_extension(odd, critical=True).sign(MIDDLE_KEY, None)))


# --- revocation -------------------------------------------------------------------------------------------


def test_a_revoked_certificate_is_refused() -> None:
    """And only that one."""
    gone, good = server(), server()
    with pytest.raises(Revoked, match=f"{gone.serial_number:x}"):
        check(chain(gone), revocations=revocations(gone.serial_number))
    assert check(chain(good), revocations=revocations(gone.serial_number))


def test_without_a_current_list_nothing_is_taken() -> None:
    """Neither without any, nor with one that is over: gerbil writes addresses of lists into its certificates, and nobody looks (E10)."""
    with pytest.raises(Refused, match="before the revocation list is known"):
        check(chain(server()), revocations=None)
    with pytest.raises(Expired, match="remit ca renew"):
        check(chain(server(days=60)), now=NOW + 15 * DAY)
    with pytest.raises(Refused, match="from the future"):
        check(chain(server()), revocations=revocations(now=NOW + DAY))


def test_a_list_of_somebody_else_is_refused() -> None:
    """Also the root's: servers' certificates are the intermediate's."""
    for by in ((ROOT, CA), (MIDDLE, CA)):
        with pytest.raises(Refused, match="not signed by the ensemble's intermediate"):
            check(chain(server()), revocations=revocations(by=by))


@pytest.mark.parametrize("data", [b"", b"x", None, 5, b"x" * 2_000_000])
def test_what_is_no_list_is_said_to_be_none(data: Any) -> None:
    """Whatever somebody publishes."""
    with pytest.raises((Refused, BadArgument)):
        Revocations(data)


# --- requests ---------------------------------------------------------------------------------------------


def test_only_who_has_a_key_asks_for_it() -> None:
    """A request names a server and is signed with its node key."""
    key = Ed25519PrivateKey.generate()
    pem = make_request("front@/eu", key)
    assert read_request(pem) == ("front@/eu", key.public_key().public_bytes_raw())
    body = pem.split(b"\n")
    body[3] = body[3][:5] + (b"A" if body[3][5:6] != b"A" else b"B") + body[3][6:]
    for wrong in (b"\n".join(body), b"", b"nonsense", chain(server())):
        with pytest.raises(BadArgument):
            read_request(wrong)


# --- the authority ----------------------------------------------------------------------------------------


def test_an_authority_is_private_and_opened_by_its_passphrase(home: Path) -> None:
    """No key of it lies anywhere in clear."""
    Authority.make(home, NAME, WORDS, NOW)
    with pytest.raises(Refused, match="not the passphrase"):
        Authority.open(home, "other words")
    made = Authority.open(home, WORDS)
    assert read_root(home) == made.root
    files = [each for each in (home / "ca").rglob("*") if each.is_file()]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert not any(b"PRIVATE KEY" in each.read_bytes() for each in files)


def test_an_authority_is_not_overwritten(home: Path) -> None:
    """Unless that is asked for; then nothing of the old one is taken."""
    old = Authority.make(home, NAME, WORDS, NOW)
    pem = old.issue("front", NODE, [], [], NOW)
    with pytest.raises(Conflict, match="--force"):
        Authority.make(home, NAME, WORDS, NOW)
    new = Authority.make(home, NAME, WORDS, NOW, force=True)
    assert new.issued == []
    with pytest.raises(Refused):
        check(pem, root=new.root, revocations=Revocations((home / "ca" / "revoked.crl").read_bytes()))


def test_what_it_issues_is_remembered_and_can_be_revoked(home: Path) -> None:
    """By id, all that are good; by serial number, that one."""
    made = Authority.make(home, NAME, WORDS, NOW)
    one, two = (made.issue("front@/eu", NODE, ["inspect"], [], NOW + later) for later in (0, 60))
    again = Authority.open(home, WORDS)
    assert [each.id for each in again.issued] == ["front@/eu", "front@/eu"]
    assert (home / "ca" / "servers" / "front@+eu.pem").read_bytes() == two
    (gone,) = again.revoke(f"{read_chain(one)[0].serial_number:x}", "lost", NOW)
    assert (gone.id, gone.key) == ("front@/eu", designator_of(NODE))
    listed = Revocations((home / "ca" / "revoked.crl").read_bytes())
    assert check(two, root=made.root, revocations=listed)
    with pytest.raises(Revoked):
        check(one, root=made.root, revocations=listed)
    assert len(again.revoke("front@/eu", "lost", NOW)) == 1
    newer = Revocations((home / "ca" / "revoked.crl").read_bytes())
    assert newer.number > listed.number
    with pytest.raises(Revoked):
        check(two, root=made.root, revocations=newer)
    with pytest.raises(Missing, match="remit ca list"):
        again.revoke("front@/eu", "", NOW)


def test_an_id_is_certified_for_one_key_at_a_time(home: Path) -> None:
    """Until what the other one had is revoked, or over."""
    made = Authority.make(home, NAME, WORDS, NOW)
    made.issue("front", NODE, [], [], NOW)
    with pytest.raises(Conflict, match="remit ca revoke front"):
        made.issue("front", OTHER, [], [], NOW)
    made.revoke("front", "another machine", NOW)
    assert made.issue("front", OTHER, [], [], NOW)


def test_certificates_are_renewed_before_they_end(home: Path) -> None:
    """With the same key, id and parts; those that are not due stay, and revoked ones are not renewed."""
    made = Authority.make(home, NAME, WORDS, NOW)
    made.issue("old", NODE, ["inspect"], ["old.example"], NOW)
    made.issue("gone", OTHER, [], [], NOW)
    made.revoke("gone", "", NOW)
    assert made.renew(NOW + 10 * DAY) == []
    made.issue("young", NODE, [], [], NOW + 10 * DAY)
    done = Authority.open(home, WORDS).renew(NOW + 21 * DAY)
    assert [each.id for each in done] == ["old"]
    pem = (home / "ca" / "servers" / "old.pem").read_bytes()
    said = check(
        pem, root=made.root, now=NOW + 21 * DAY, revocations=Revocations((home / "ca" / "revoked.crl").read_bytes())
    )
    assert (said.id, said.parts, said.expires) == ("old", ("inspect",), NOW + 51 * DAY)
    assert names_of(read_chain(pem)[0])[2] == ("old.example",)


def test_a_register_that_is_damaged_issues_nothing(home: Path) -> None:
    """What it forgot could never be revoked."""
    Authority.make(home, NAME, WORDS, NOW)
    (home / "ca" / "issued.json").write_bytes(b"{}")
    with pytest.raises(StoreCorrupt, match="cannot be revoked"):
        Authority.open(home, WORDS)
