"""`python -m remit.app graph FILE`: a program's graph, as the second computation of it; and `persona`: one component's process."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout


def main(words: list[str]) -> int:
    """What the processes of this package run."""
    from remit.errors import RemitError

    try:
        if words[:1] == ["graph"] and len(words) == 2:
            from remit.app._graph import compute
            from remit.app._load import load_program

            with redirect_stdout(sys.stderr):  # what the program prints is no part of its graph
                graph = compute(load_program(words[1]))
            sys.stdout.write(graph.canonical())
            return 0
        if words[:1] == ["persona"] and len(words) >= 2:
            return _persona(words[1], words[2:])
        if words[:1] == ["command"] and len(words) >= 2:
            from pathlib import Path

            from remit.app.hosting._command import run_command

            return run_command(Path(words[1]), words[2:])
        if words[:1] == ["contained"]:
            from remit.app.hosting import run_contained

            return run_contained(words[2:] if words[1:2] == ["run"] else None)
        if words[:1] == ["supervise"] and len(words) == 2:
            from remit.app.targets.processes import supervise

            return supervise(words[1])
    except RemitError as error:
        print(
            f"{type(error).__name__}: {getattr(error, 'message', error)}",
            *getattr(error, "__notes__", ()),
            sep="\n  ",
            file=sys.stderr,
        )
        return 1
    print(
        "usage: python -m remit.app graph FILE | persona DIRECTORY [--program FILE] [--ready-fd N] | command DIRECTORY [WORD]... | contained [run [WORD]...] | supervise DIRECTORY",
        file=sys.stderr,
    )
    return 2


def _persona(directory: str, options: list[str]) -> int:
    from pathlib import Path

    from remit.app.hosting import run_persona

    given = dict(zip(options[::2], options[1::2], strict=True))
    ready, program = given.pop("--ready-fd", None), given.pop("--program", None)
    return run_persona(
        Path(directory),
        program=Path(program) if program else None,
        graph=given.get("--graph", ""),
        ready=int(ready) if ready else None,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
