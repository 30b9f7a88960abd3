"""A text that is shown nowhere. Here, and not where credentials are made, so that every process that reads values knows it: one that did not would
have a `Tagged` with the text in its `repr`.
"""

from __future__ import annotations

from remit.values._record import record

__all__ = ["Secret"]


@record("remit.secret")
class Secret:
    """A text that nothing shows: not `repr`, `str`, a format, a log line or an error. `text` is the secret itself.

    It passes between objects and is kept in durable fields as any record. Whoever writes `secret.text` is responsible for where it goes.
    """

    text: str

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return format("<secret>", spec)
