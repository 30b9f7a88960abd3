"""`python -m fuzz --inputs N --seed S`: both engines over all targets, one after another; fails if anything was found."""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import time
from collections.abc import Callable

from fuzz._guard import bound
from fuzz._report import save
from fuzz._structured import Outcome, draw_all
from fuzz._targets import TARGETS, shares

STRUCTURED = 100  # one input of so many is drawn by hypothesis, which takes many times as long for one
DONE = "stat::number_of_executed_units:"


def main() -> int:
    """The command; its exit code."""
    options = _options()
    names = options.only.split(",") if options.only else list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        print(f"fuzz: no target {', '.join(unknown)}; there are: {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    gc.collect()
    gc.freeze()  # what is imported need not be looked at in each collection
    outcomes = []
    for name, inputs in shares(options.inputs, names).items():
        drawn = inputs if options.engine == "structured" else max(20, inputs // STRUCTURED)
        if options.engine != "coverage":
            outcomes.append(_structured(name, drawn, options.seed))
        if options.engine != "structured":
            outcomes.append(_coverage(name, max(1, inputs - drawn), options.seed))
    return _sum_up(outcomes, time.monotonic() - began)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="in all, over all targets and engines")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help=f"targets, with commas between them: {', '.join(TARGETS)}")
    parser.add_argument("--engine", choices=("both", "structured", "coverage"), default="both")
    return parser.parse_args()


def _structured(name: str, inputs: int, seed: int) -> Outcome:
    def tell(done: int, memory: int) -> None:
        if done % 5000 == 0:
            _say(f"{name}: hypothesis, {done} of {inputs}, {memory >> 20} MiB")

    outcome = _in_time(name, "hypothesis", lambda: draw_all(TARGETS[name], inputs, seed, tell))
    for data, error in outcome.found:
        _say(f"FOUND {type(error).__name__}: {str(error)[:300]}; saved {save(name, data, error)}")
    return outcome


def _coverage(name: str, inputs: int, seed: int) -> Outcome:
    return _in_time(name, "atheris", lambda: _child(name, inputs, seed))


def _child(name: str, inputs: int, seed: int) -> Outcome:
    """Run atheris in a process of its own; its progress is passed on when there is something new to say."""
    outcome = Outcome(name)
    command = [sys.executable, "-m", "fuzz._coverage", name, str(inputs), str(seed)]
    told = time.monotonic()
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        rest: list[str] = []
        for line in process.stderr:
            rest = [*rest, line][-30:]
            if line.startswith(DONE):
                outcome.inputs = int(line.split()[-1])
            if line.startswith("fuzz: "):
                print(line, end="", flush=True)
            elif line.startswith("#") and time.monotonic() - told > 30:
                told = time.monotonic()
                _say(f"{name}: {line.strip()[:110]}")
    if process.returncode:
        print("".join(rest), file=sys.stderr)
        outcome.found.append((b"", RuntimeError(f"atheris ended with exit code {process.returncode}")))
    return outcome


def _in_time(name: str, engine: str, work: Callable[[], Outcome]) -> Outcome:
    began = time.monotonic()
    outcome = work()
    seconds = time.monotonic() - began
    found = f"FOUND {len(outcome.found)}" if outcome.found else "nothing found"
    _say(
        f"{name}: {engine}, {outcome.inputs} inputs in {seconds:.0f} s, {outcome.inputs / max(seconds, 0.001):.0f}/s: {found}"
    )
    return outcome


def _sum_up(outcomes: list[Outcome], seconds: float) -> int:
    inputs = sum(outcome.inputs for outcome in outcomes)
    found = [outcome.target for outcome in outcomes if outcome.found]
    _say(f"{inputs} inputs in {seconds:.0f} s; {'FOUND in ' + ', '.join(found) if found else 'nothing found'}")
    return 1 if found else 0


def _say(text: str) -> None:
    print(f"fuzz: {text}", flush=True)


if __name__ == "__main__":
    bound()
    sys.exit(main())
