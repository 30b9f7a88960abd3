"""The bench: what it says about measurements, and that the page of numbers is the one its results make."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import remit
from bench import _compiled, _harness, _peer, _stats, fleet, many, plot, report
from bench._harness import Experiment, Options, Table

TABLE = Table("calls", "Calls", "calls/s", "higher")
TARGET = {"what": "Calls", "table": "calls", "variant": "ours", "against": "peer", "at_least": 2}


def experiment(order: list[str], **values: list[float]) -> Experiment:
    """Variants that give these numbers one after the other, and note in which order they were asked."""

    def measure(name: str) -> list[float]:
        order.append(name)
        return [values[name].pop(0)]

    variants = {name: lambda name=name: measure(name) for name in values}
    return Experiment((TABLE,), "peer", variants, warm=False)


def record(**values: list[float]) -> dict[str, Any]:
    """The record of one run of these numbers."""
    return _harness.run(experiment([], **values), Options(reps=len(values["peer"])))[0]


def test_ratio_is_the_median_of_the_ratios_within_each_repetition() -> None:
    """A slow spell that falls on both variants of a repetition leaves the ratio alone."""
    samples = {"peer": [1.0, 10.0, 100.0], "ours": [2.0, 20.0, 210.0]}
    assert _stats.ratio(samples, "ours", "peer") == 2.0


def test_ratio_to_what_was_not_measured_is_none() -> None:
    """A missing baseline gives no number rather than a made-up one."""
    assert _stats.ratio({"ours": [1.0]}, "ours", "peer") is None


def test_each_repetition_starts_one_variant_further_on() -> None:
    """No variant always runs first, after the same neighbour."""
    order: list[str] = []
    _harness.run(experiment(order, peer=[1.0] * 3, ours=[1.0] * 3, limit=[1.0] * 3), Options(reps=3))
    assert order == ["peer", "ours", "limit", "ours", "limit", "peer", "limit", "peer", "ours"]


def test_a_variant_that_fails_is_skipped_with_its_reason_and_the_others_go_on() -> None:
    """A missing peer costs its own row only."""
    made = record(peer=[1.0, 1.0], ours=[2.0, 2.0], broken=[])
    assert set(made["samples"]) == {"peer", "ours"}
    assert made["skipped"] == {"broken": "IndexError: pop from empty list"}


def test_a_reason_does_not_name_paths() -> None:
    """What is kept of a failure may be published: no directory of this machine is in it."""
    assert _harness.reason(FileNotFoundError("no '/home/ann/x y/python', sorry")) == (
        "FileNotFoundError: no a path y/python', sorry"
    )


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ((), ["peer", "ours", "limit"]),
        (("calls",), ["peer", "ours", "limit"]),
        (("our",), ["ours", "peer"]),
        (("x",), []),
    ],
)
def test_only_takes_tables_whole_and_variants_with_their_baseline(only: tuple[str, ...], names: list[str]) -> None:
    """A ratio needs its baseline, so choosing a variant keeps that too."""
    made = experiment([], peer=[], ours=[], limit=[])
    assert list(_harness.chosen(made, Options(only))) == names


@pytest.mark.parametrize(("ours", "verdict"), [([2.0, 2.1, 1.0], "met"), ([1.9, 1.9, 9.0], "**missed**")])
def test_a_target_is_met_or_missed_by_its_median_ratio(ours: list[float], verdict: str) -> None:
    """What is missed is written as missed, in the summary and beside its table."""
    made = record(peer=[1.0] * 3, ours=ours)
    text = report.page(f"{report.BEGIN}{report.END}", {"tables": {"calls": made}}, [TARGET])
    assert text.count(verdict) == 2


def test_a_target_without_its_variant_is_not_measured() -> None:
    """Nothing is called met that was not measured."""
    made = record(peer=[1.0])
    assert report.verdict(TARGET, report.measured(TARGET, {"calls": made})) == "not measured"
    assert report.verdict(TARGET, report.measured(TARGET, {})) == "not measured"


def test_a_target_without_a_rival_bounds_the_number_itself() -> None:
    """Microseconds and bytes have targets of their own."""
    target = {"what": "Memory", "table": "calls", "variant": "ours", "at_most": 500}
    made = record(peer=[1.0, 1.0], ours=[400.0, 501.0])
    assert report.measured(target, {"calls": made}) == 450.5
    assert report.verdict(target, 500) == "met"
    assert report.verdict(target, 501) == "**missed**"


def test_a_target_may_look_at_another_table() -> None:
    """By the medians of both; not measured where that table is missing."""
    target = {**TARGET, "against_table": "single"}
    tables = {"calls": record(peer=[1.0, 1.0], ours=[40.0, 42.0]), "single": record(peer=[4.0, 4.0, 9.0])}
    assert report.measured(target, tables) == 10.25
    assert report.measured(target, {"calls": tables["calls"]}) is None
    assert "`single`" in report.asked(target, "calls/s")


def test_each_of_remits_variants_is_followed_by_its_compiled_one() -> None:
    """Side by side in the same table; peers are what they are."""
    assert _compiled.both(["json", "Remit, unix"]) == ["json", "Remit, unix", "Remit, unix, compiled"]
    assert _compiled.pure("Remit, unix, compiled") == _compiled.pure("Remit, unix") == "Remit, unix"


def test_without_a_compiled_build_its_variants_are_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured all the same."""
    monkeypatch.setattr(_compiled, "_build", lambda: "no compiled build, for want of a C compiler")
    with _peer.peers("codec", ["Remit (Syrup), compiled", "json"]) as (started, skipped):
        assert list(started) == ["json"]
    assert skipped == {"Remit (Syrup), compiled": "no compiled build, for want of a C compiler"}


def test_a_variant_does_not_measure_the_other_build() -> None:
    """A name says which build ran."""
    mine, other = ("Remit, compiled", "Remit") if remit.compiled else ("Remit", "Remit, compiled")
    _compiled.check(mine)
    _compiled.check("json")
    with pytest.raises(RuntimeError, match="other build"):
        _compiled.check(other)


def test_the_picture_has_a_point_for_each_number_of_live_things(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For each build; what was not measured is left out, and without matplotlib a line says that nothing is drawn."""
    names = [many.row(many.SESSIONS, live) for live in (1, 1000)]
    made = {"key": "sessions", "samples": {name: [60.0, 61.0] for name in [*names, names[1] + many.IN_TURN]}}
    assert names == ["Remit, 1 session", "Remit, 1,000 sessions"]
    assert plot.lines(made) == {"": [(1, [60.0, 61.0]), (1000, [60.0, 61.0])]}
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert plot.draw({"ask": made}, tmp_path / "nothing.png") == ""
    assert "matplotlib is not installed" in plot.draw({"sessions": made}, tmp_path / "nothing.png")
    assert not list(tmp_path.iterdir())


def test_the_picture_is_on_the_page() -> None:
    """The one that `make bench` draws together with the page's numbers."""
    assert plot.PICTURE.is_file() and f"]({plot.PICTURE.name})" in report.PAGE.read_text()


def test_the_report_keeps_what_people_wrote_around_it() -> None:
    """Only the text between the markers is made."""
    made = report.page(f"before {report.BEGIN} old {report.END} after", {"tables": {}}, [])
    assert made.startswith("before ") and made.endswith(" after") and " old " not in made


def test_the_page_of_numbers_is_what_the_committed_results_make_of_it() -> None:
    """Nobody edits a measured number: `python -m bench.report` writes docs/performance.md."""
    assert report.PAGE.read_text() == report.current()


def test_a_small_fleet_is_measured() -> None:
    """A boss's process, machines that another process simulates, and the command that asks about them."""
    options = Options(only=("fleet",), reps=1, scale=0.0004)
    made = [each for experiment in fleet.experiments(options) for each in _harness.run(experiment, options)]
    assert [(each["key"], set(each["samples"]), each["skipped"]) for each in made] == [
        ("fleet_memory", {fleet.KNOWN}, {}),
        ("fleet_status", {fleet.BASELINE, fleet.SHORT, fleet.LONG}, {}),
    ]
