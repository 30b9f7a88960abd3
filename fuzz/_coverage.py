"""The engine that follows the branches which an input reaches: atheris, which is libFuzzer for Python.

`python -m fuzz._coverage TARGET INPUTS SEED` is one target's process, since libFuzzer ends its process when it is done. The
corpus is in `.fuzz/corpus/TARGET`, and goes on growing from run to run; SEED and an empty corpus repeat a run.
"""

from __future__ import annotations

import gc
import sys

import atheris  # type: ignore[import-untyped,unused-ignore,import-not-found]

with atheris.instrument_imports(include=["remit"]):
    from fuzz._targets import TARGETS

from fuzz._guard import Growth, bound
from fuzz._report import FOLDER, save
from fuzz._tape import Tape
from fuzz._target import Finding, Target

__all__ = ["main"]

LOOK = 2000  # inputs between two looks at the memory


class Runner:
    """Runs one input after another, for libFuzzer."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.inputs = 0
        self.growth: Growth | None = None

    def one(self, data: bytes) -> None:
        """One input; what is wrong is saved, and then ends the process."""
        try:
            self.target.check(Tape(data))
            self.inputs += 1
            if self.inputs % LOOK == 0:
                self._look()
        except BaseException as error:
            sys.stderr.write(
                f"fuzz: FOUND {type(error).__name__}: {str(error)[:300]}\nfuzz: saved {save(self.target.name, data, error)}\n"
            )
            raise

    def _look(self) -> None:
        if self.growth is None:
            self.growth = Growth()  # after the first inputs have filled the caches
        wrong = self.growth.look()
        if wrong is not None:
            raise Finding(wrong)


def main() -> None:
    """One target's process."""
    name, inputs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    target = TARGETS[name]
    corpus, seeds = FOLDER / "corpus" / name, FOLDER / "seeds" / name
    for folder in (corpus, seeds, FOLDER / "found"):
        folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(data)
    gc.collect()
    gc.freeze()  # what is imported need not be looked at in each collection
    bound()
    options = [
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={target.longest}",
        "-len_control=0",
        "-rss_limit_mb=2048",
        "-timeout=20",
    ]
    options += ["-print_final_stats=1", f"-artifact_prefix={FOLDER / 'found'}/{name}-", str(corpus), str(seeds)]
    atheris.Setup([sys.argv[0], *options], Runner(target).one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
