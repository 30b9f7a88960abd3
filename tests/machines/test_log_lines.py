"""What a log looks like when what is logged is a stranger's."""

from __future__ import annotations

import logging

from remit.machines._log_lines import LogLines, log_to_stderr


def test_what_a_stranger_sent_cannot_look_like_a_line_of_its_own() -> None:
    """Only the first line of a record begins at the margin, and escapes are spelled out; tracebacks are set in."""
    lines = LogLines("%(name)s: %(message)s")
    text = "no \x1b[2J\nremit.net: everything is fine"
    record = logging.LogRecord("remit.net", logging.INFO, "x.py", 1, "refused: %s", (text,), None)
    assert lines.format(record).split("\n") == ["remit.net: refused: no \\x1b[2J", "    remit.net: everything is fine"]


def test_the_process_logs_in_such_lines(monkeypatch) -> None:
    """What the boss's and the agents' processes set up."""
    root = logging.Logger("root")  # noqa: LOG001  # one of our own
    monkeypatch.setattr(logging, "root", root)
    log_to_stderr(logging.WARNING)
    (handler,) = root.handlers
    assert isinstance(handler.formatter, LogLines)
    assert root.level == logging.WARNING
