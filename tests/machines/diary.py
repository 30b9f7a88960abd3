"""What machines of the providers' tests keep: one file, so that little has to be brought to them."""

from __future__ import annotations

from remit.vat import actor, field


@actor(kind="test.diary", version=1)
class Diary:
    """Lines, in order."""

    lines: list[str] = field(factory=list)

    def write(self, line: str) -> None:
        """Add one."""
        self.lines.append(line)

    def read(self) -> list[str]:
        """All of them."""
        return list(self.lines)
