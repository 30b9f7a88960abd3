"""The credit extension: how a peer whose transport hides back-pressure hears that its turns have been taken.

    sender      <do <credit-flow-control 202506>>
    receiver    <will <credit-flow-control 202506>>, and from then on <C n>: so many turns came since the last <C>

Advisory, and for senders that want it. (Syndicate Protocol, experimental extension of June 2025.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from remit.dataspace.syndicate._view import fields_of, rec

if TYPE_CHECKING:
    from remit.dataspace.syndicate._session import Session

__all__ = ["Credit", "credit_packet"]

NAME: Final = "credit-flow-control"
VERSION: Final = 202506
UNTAKEN: Final = 1000
"""Turns that may be sent before the peer says that it has taken some; twice as many as one of its reports usually covers."""


class Credit:
    """Both ends of the extension in one session. `untaken`: turns sent that the peer has not said to have taken, if it says so at all."""

    __slots__ = ("_given", "_session", "_taken", "granted", "reports", "wanted")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.reports = False  # whether the peer wants to hear
        self.wanted = False  # whether we have asked
        self.granted = False  # whether the peer tells us
        self._taken = 0  # turns that came since our last report
        self._given = 0  # turns of ours that the peer has reported

    @property
    def untaken(self) -> int:
        """Turns of ours that the peer has not taken yet; 0 where it does not say."""
        return self._session.turns_sent - self._given if self.granted else 0

    def ask(self) -> None:
        """Ask the peer to say how many turns it has taken."""
        self.wanted = True
        self._session.write_packet(rec("do", rec(NAME, VERSION)))

    def received(self) -> None:
        """A turn has come."""
        if self.reports:
            self._taken += 1
            self._session._ask_output()

    def report(self) -> None:
        """Say how many came, with what is sent now."""
        if self._taken:
            taken, self._taken = self._taken, 0
            self._session.write_packet(rec("C", taken))

    def sent(self) -> None:
        """Turns were sent: too many at a time are those of a peer that does not read."""
        if self.granted and self.untaken > UNTAKEN:
            self._session.congested(True)

    def told(self, taken: int) -> None:
        """The peer has taken so many."""
        self._given = min(self._given + taken, self._session.turns_sent)
        if self.untaken <= UNTAKEN // 2:
            self._session.congested(False)


def credit_packet(session: Session, label: Any, fields: list[Any]) -> None:
    """A packet that is no turn and no error: one of this extension, or one that is passed over."""
    credit = session.credit
    if label == "C" and len(fields) == 1 and type(fields[0]) is int and fields[0] >= 0:
        credit.told(fields[0])
    elif (
        label in ("do", "will")
        and len(fields) == 1
        and (asked := fields_of(fields[0], NAME, 1))
        and asked[0] == VERSION
    ):
        if label == "do" and not credit.reports:
            credit.reports = True
            session.write_packet(rec("will", rec(NAME, VERSION)))
        elif label == "will" and credit.wanted and not credit.granted:
            credit.granted = True
            credit._given = session.turns_sent
