"""The administrators' word: what it is good for, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.ensemble.admin import LONGEST, AdminKey, Challenge, Unlock, answer, check_unlock
from remit.errors import BadArgument, Expired, Refused, RemitError
from remit.net import NodeKey

SERVER, CLIENT, OTHER = (NodeKey.generate().public for _ in range(3))
NONCE = bytes(range(32))
NOW = 1_000_000.0


class Signer(AdminKey):
    """A key without a file."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        super().__init__(Ed25519PrivateKey.generate())


KEY = Signer()


def unlocked(of: list[str] | None = None, seconds: float = 60.0, **changes: Any) -> tuple[Unlock, bytes]:
    """A signed answer to a challenge; `changes` come after the signature."""
    challenge = Challenge(NONCE, NOW, LONGEST)
    unlock, signature = answer(challenge, KEY, SERVER, CLIENT, of or ["eval", "load"], seconds)
    return unlock.__replace__(**changes), signature


def check(unlock: Any, signature: Any, **changes: Any) -> Unlock:
    given: dict[str, Any] = {
        "admin": KEY.public,
        "server_key": SERVER,
        "client_key": CLIENT,
        "nonce": NONCE,
        "now": NOW,
    }
    return check_unlock(unlock, signature, **given | changes)


def test_a_good_one_is_taken() -> None:
    """With its parts in order, and none twice."""
    unlock = check(*unlocked(["load", "eval", "load"]))
    assert list(unlock.parts) == ["eval", "load"]
    assert unlock.expires == NOW + 60


@pytest.mark.parametrize(
    "changes",
    [
        {"parts": ["eval", "load", "shutdown"]},
        {"parts": ["shutdown"]},
        {"parts": ["eval"]},
        {"expires": int(NOW) + 600},
    ],
)
def test_nothing_of_it_can_be_widened_on_the_way(changes: dict[str, Any]) -> None:
    """E11: in gerbil the capabilities are not under the signature, so that they can be widened on the way."""
    with pytest.raises(Refused, match="changed after that"):
        check(*unlocked(**changes))


def test_one_for_another_server_is_refused() -> None:
    """As it came, and with our key put in."""
    with pytest.raises(Refused, match="for the server"):
        check(*unlocked(), server_key=OTHER)
    with pytest.raises(Refused, match="not signed"):
        check(*unlocked(server_key=OTHER), server_key=OTHER)


def test_one_for_another_session_is_refused() -> None:
    """Who has seen it pass cannot use it."""
    with pytest.raises(Refused, match="has brought it"):
        check(*unlocked(), client_key=OTHER)


@pytest.mark.parametrize("nonce", [None, bytes(32)])
def test_one_that_answers_nothing_is_refused(nonce: bytes | None) -> None:
    """Replayed after its nonce was used, or of another challenge."""
    with pytest.raises(Refused, match="answers no challenge"):
        check(*unlocked(), nonce=nonce)


def test_another_key_unlocks_nothing() -> None:
    """The error names the key that does."""
    with pytest.raises(Refused, match=KEY.designator):
        challenge = Challenge(NONCE, NOW, LONGEST)
        check(*answer(challenge, Signer(), SERVER, CLIENT, ["eval"]))


def test_it_ends() -> None:
    """Its time is the server's."""
    unlock, signature = unlocked(seconds=60)
    assert check(unlock, signature, now=NOW + 59)
    with pytest.raises(Expired):
        check(unlock, signature, now=NOW + 60)


def test_a_server_lets_itself_be_unlocked_for_a_short_time_only() -> None:
    """Who asks for more gets what there is; what says more is refused."""
    assert check(*unlocked(seconds=1e9)).expires == NOW + LONGEST
    long = Unlock(SERVER, CLIENT, NONCE, ["eval"], int(NOW + 2 * LONGEST))
    with pytest.raises(Refused, match="is for longer"):
        check(long, KEY.sign(long.signed()))


WRONG = st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.floats(), st.lists(st.text(), max_size=3))


@given(WRONG, WRONG, WRONG, WRONG, WRONG, WRONG)
def test_whatever_comes_is_answered_in_words(a: Any, b: Any, c: Any, d: Any, e: Any, signature: Any) -> None:
    """A record of the wire may hold anything."""
    with pytest.raises(RemitError):
        check(Unlock(a, b, c, d, e), signature)
    with pytest.raises(BadArgument):
        check(a, signature)


@given(st.lists(st.text(max_size=10), min_size=1, max_size=4), st.lists(st.text(max_size=10), min_size=1, max_size=4))
def test_no_two_statements_are_the_same_bytes(one: list[str], other: list[str]) -> None:
    """Parts cannot be cut differently."""
    signed = [Unlock(SERVER, CLIENT, NONCE, sorted(set(each)), 5).signed() for each in (one, other)]
    assert (signed[0] == signed[1]) == (set(one) == set(other))


def test_a_secret_half_never_leaves_in_words(tmp_path: Path) -> None:
    """Errors of a check name public keys only."""
    with pytest.raises(Refused) as caught:
        check(*unlocked(parts=["a"]), admin=OTHER)
    assert KEY._secret.private_bytes_raw().hex() not in str(caught.value)
