"""The tour: what it runs, what it compares, what it ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import tour

RUNNER = Path(tour.__file__)


def run(page: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Write the page and run it, as `make tour` does."""
    page.write_text(text, encoding="utf-8")
    command = [sys.executable, str(RUNNER), str(page)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_blocks_of_a_page_share_names_and_a_directory(page: Path) -> None:
    """Python and console blocks follow each other in one place, with one namespace."""
    done = run(
        page,
        """
```python
from pathlib import Path
name = "made.txt"
Path(name).write_text("by python\\n")
```
```console
$ cat made.txt
by python
$ export SAID=yes
```
```console
$ echo $SAID
yes
```
```python
assert Path(name).exists()
```
""",
    )
    assert done.returncode == 0, done.stdout
    assert "4 blocks held" in done.stdout


def test_a_page_works_in_a_directory_of_its_own(page: Path) -> None:
    """Nothing is left where the page or the caller is."""
    assert run(page, "```console\n$ touch left.txt\n```\n").returncode == 0
    assert [path.name for path in page.parent.iterdir()] == ["page.md"]
    assert not Path("left.txt").exists()


def test_python_may_await(page: Path) -> None:
    """A block with `await` or `async with` at its top runs in an event loop."""
    assert (
        run(
            page, "```python\nimport asyncio\nx = await asyncio.sleep(0, 7)\n```\n```python\nassert x == 7\n```\n"
        ).returncode
        == 0
    )


def test_python_that_raises_fails_the_tour_and_says_where(page: Path) -> None:
    """The traceback names the page and its line."""
    done = run(page, "words\n\n```python\nx = 1\nassert x == 2\n```\n")
    assert done.returncode == 1
    assert f'{page}", line 5' in done.stdout


def test_other_output_than_shown_fails_the_tour(page: Path) -> None:
    """The command, what it printed and what the page shows are printed."""
    done = run(page, "```console\n$ echo one\ntwo\n```\n")
    assert done.returncode == 1
    assert "line 2: $ echo one" in done.stdout
    assert "where the page shows:\ntwo" in done.stdout


def test_a_failing_command_without_output_fails_the_tour(page: Path) -> None:
    """Where a page shows nothing, the command has to succeed."""
    assert run(page, "```console\n$ false\n```\n").returncode == 1
    assert run(page, "```console\n$ true\n```\n").returncode == 0


def test_a_failure_that_the_page_shows_holds(page: Path) -> None:
    """What is shown is what counts, stderr included: pages show refusals."""
    assert run(page, "```console\n$ sh -c 'echo refused >&2; exit 4'\nrefused\n```\n").returncode == 0


def test_a_command_may_take_several_lines(page: Path) -> None:
    """Lines after a backslash, and lines that begin with `> `, belong to the command."""
    assert run(page, "```console\n$ echo a \\\n    b\na b\n$ cat <<END\n> inside\n> END\ninside\n```\n").returncode == 0


def test_a_block_marked_not_run_is_named_with_its_reason(page: Path) -> None:
    """Only the block right after the comment is left out."""
    text = "<!-- not run: needs a cloud -->\n```console\n$ false\n```\n\n```console\n$ true\n```\n"
    done = run(page, text)
    assert done.returncode == 0, done.stdout
    assert "page.md:3: not run: needs a cloud" in done.stdout
    assert "1 blocks held" in done.stdout
    assert run(page, "<!-- not run: far away -->\n\nwords\n\n```console\n$ false\n```\n").returncode == 1


def test_a_block_may_be_a_file(page: Path) -> None:
    """The text is there under its name for what follows, and is not run by itself."""
    text = "<!-- file: made.py -->\n```python\nprint('from', __file__)\n```\n\n```console\n$ python made.py\nfrom ...made.py\n```\n"
    done = run(page, text)
    assert done.returncode == 0, done.stdout
    assert "2 blocks held" in done.stdout


def test_a_page_can_use_the_examples(page: Path) -> None:
    """As in the checkout, where its reader is."""
    assert run(page, "```console\n$ test -e examples/demo.py\n```\n").returncode == 0


def test_the_projects_programs_come_first(page: Path) -> None:
    """`python` in a page is the interpreter that runs the tour."""
    done = run(page, f"```console\n$ command -v python\n{Path(sys.executable).parent}/python\n```\n")
    assert done.returncode == 0, done.stdout


def test_a_page_does_not_see_the_users_remit(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither home nor settings of whoever runs the tour reach a page."""
    monkeypatch.setenv("REMIT_BOSS", "/somewhere")
    done = run(page, '```console\n$ echo "$REMIT_BOSS" "$([ "$HOME" = "$PWD" ] && echo own)"\nown\n```\n')
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("start", ["{sleeper} &", "setsid {sleeper} &", "(setsid sh -c '{sleeper} & exit' &)"])
def test_what_a_page_starts_ends_with_it(page: Path, start: str) -> None:
    """Background jobs and daemons do not outlive their page, and their page does not wait for them."""
    begun = time.monotonic()
    run_with_sleeper(page, start, "exec sleep 300")
    assert time.monotonic() - begun < 20


def test_what_ignores_sigterm_is_killed(page: Path) -> None:
    """After some time of grace a stubborn process ends too."""
    run_with_sleeper(page, "{sleeper} &", 'trap "" TERM; while :; do sleep 0.1; done', GRACE=0.3)


def run_with_sleeper(page: Path, start: str, body: str, **settings: float) -> None:
    """Tour a page that starts a script in the background; then see that the script's process is gone."""
    sleeper, noted = page.with_name("sleeper"), page.with_name("pid")
    sleeper.write_text(f"#!/bin/sh\necho $$ >{noted}\n{body}\n", encoding="utf-8")
    sleeper.chmod(0o755)
    text = f"```console\n$ {start.format(sleeper=sleeper)}\n$ until [ -s {noted} ]; do sleep 0.01; done\n```\n"
    done = run_with(page, text, **settings)
    assert done.returncode == 0, done.stdout
    with pytest.raises(ProcessLookupError):
        os.kill(int(noted.read_text()), 0)


def run_with(page: Path, text: str, **settings: float) -> subprocess.CompletedProcess[str]:
    """Run a page with other limits than the usual ones."""
    page.write_text(text, encoding="utf-8")
    lines = [
        f"import sys; sys.path.insert(0, {str(RUNNER.parent)!r}); import tour",
        *(f"tour.{name} = {value}" for name, value in settings.items()),
        f"sys.exit(tour.main(['--here', {str(page)!r}]))",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)


@pytest.mark.parametrize("block", ["```console\n$ sleep 100\n```\n", "```python\nwhile True: pass\n```\n"])
def test_a_step_that_hangs_is_broken_off(page: Path, block: str) -> None:
    """Each step has a limit, and the failure says so."""
    done = run_with(page, block, STEP=0.3)
    assert done.returncode == 1
    assert "does not come to an end" in done.stdout


@pytest.mark.parametrize(
    ("expected", "output", "fit"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a"], "a  \n\n", True),
        (["a"], "a\nb\n", False),
        (["took ... ms"], "took 12 ms\n", True),
        (["took ... ms"], "took 12\n3 ms\n", False),
        (["..."], "", True),
        (["...", "end"], "end\n", True),
        (["...", "end"], "1\n2\nend\n", True),
        (["begin", "...", "end"], "begin\nend\n", True),
        (["begin", "...", "end"], "begin\n1\n2\nend\n", True),
        (["begin", "...", "end"], "begin\n1\n2\n", False),
        (["a.b"], "axb", False),
    ],
)
def test_three_dots_stand_for_anything(expected: list[str], output: str, fit: bool) -> None:
    """Inside a line for text, alone in a line for any number of lines; the rest is literal."""
    assert tour.fits(expected, output) is fit


def test_every_page_of_the_manual_is_toured() -> None:
    """README.md, all of docs/, decisions included, and the examples' pages."""
    names = {path.relative_to(tour.TOP).as_posix() for path in tour.pages()}
    assert {"README.md", "docs/design.md", "examples/chat/README.md"} <= names
