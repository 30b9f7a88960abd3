"""Times as people write and read them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import click
import pytest

from remit.cli._times import ago, at, moment, rates

NOW = 1_800_000_000.0


def read(text: str) -> float:
    """What `--until TEXT` comes to."""
    command = click.Command("x")
    found = moment(click.Context(command), click.Option(["--until"]), text)
    assert found is not None
    return found


@pytest.fixture(autouse=True)
def a_fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10m", 600), ("2h", 7200), ("1.5h", 5400), ("7d", 604800)],
)
def test_a_span_counts_from_now(text: str, seconds: float) -> None:
    """A number and a unit."""
    assert read(text) == NOW + seconds


def test_a_number_is_seconds_since_the_epoch() -> None:
    """As `--json` shows them."""
    assert read("1800000100") == 1_800_000_100
    assert read("1800000100.5") == 1_800_000_100.5


def test_a_date_is_one_of_this_place_unless_it_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """ISO 8601, with or without a time of day."""
    monkeypatch.setenv("TZ", "Europe/Vienna")
    time.tzset()
    try:
        assert read("2031-12-24T18:00") == datetime(2031, 12, 24, 17, tzinfo=UTC).timestamp()
        assert read("2031-12-24") == datetime(2031, 12, 23, 23, tzinfo=UTC).timestamp()
        assert read("2031-12-24T18:00:00+00:00") == datetime(2031, 12, 24, 18, tzinfo=UTC).timestamp()
        assert at(datetime(2031, 12, 24, 17, tzinfo=UTC).timestamp()) == "2031-12-24 18:00+01:00"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "soon", "10", "-5m", "10x", "nan", "1e9", "2031-13-01", "10 m", "٣m"])
def test_what_is_no_time_ahead_is_refused(text: str) -> None:
    """Misspelt, or over already."""
    with pytest.raises(click.BadParameter, match="is no time: write 90s|is over"):
        read(text)


@pytest.mark.parametrize("text", ["1700000000", "2001-01-01", "0s", "9" * 30, "9" * 400 + "d"])
def test_what_is_over_or_too_far_away_is_refused(text: str) -> None:
    """A binding that never passes anything is a slip, and so is one that outlives the calendar."""
    with pytest.raises(click.BadParameter, match="is over, or too far away"):
        read(text)


def test_no_option_is_no_time() -> None:
    """Nothing given, nothing bounded."""
    assert moment(click.Context(click.Command("x")), click.Option(["--until"]), None) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (3599, "60m ago"), (3600, "1h ago"), (90000, "1d ago")],
)
def test_how_long_ago_is_said_in_one_unit(seconds: float, words: str) -> None:
    """The one that says it best; a clock that runs ahead is no reason for negative times."""
    assert ago(NOW - seconds, NOW) == words
    assert ago(NOW + 5, NOW) == "0s ago"
    assert ago(NOW - seconds) == words


def test_what_has_not_been_is_never() -> None:
    """A machine that has not come has no last hello."""
    assert ago(None) == "never"


def pace(*texts: str) -> list[list[float]] | None:
    """What `--rate TEXT …` comes to."""
    return rates(click.Context(click.Command("x")), click.Option(["--rate"], multiple=True), texts)


def test_rates_are_calls_in_a_time() -> None:
    """A time without a number is one of its unit; several hold together; without any there is no limit."""
    assert pace("10/s", "100/m", "5/10m", "1/0.5s") == [[10, 1], [100, 60], [5, 600], [1, 0.5]]
    assert pace() is None


@pytest.mark.parametrize("text", ["", "10", "0/s", "10/", "/s", "10/0s", "1.5/s", "-1/s", "10/x", "10 / s", "٣/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    """Saying what one looks like."""
    with pytest.raises(click.BadParameter, match="such as 10/s"):
        pace(text)
