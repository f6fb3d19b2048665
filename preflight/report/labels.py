"""What hosts, binaries and results are called in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.text import printable
from preflight.report.groups import Grade
from preflight.report.terminal import count, shown
from preflight.report.view import View

_HOSTS_LENGTH = 120  # characters
_STYLES: dict[Grade, str] = {
    "deployable": "green",
    "warning": "yellow",
    "unknown": "yellow",
    "blocked": "red",
}
_SYMBOLS: dict[Grade, str] = {"deployable": "✓", "warning": "!", "unknown": "?", "blocked": "✗"}
_WORDS: dict[Grade, str] = {
    "deployable": "ok",
    "warning": "ok !",
    "unknown": "??",
    "blocked": "FAIL",
}


@dataclass(frozen=True, slots=True)
class Labels:
    """The names that a report's binaries have in its table, by their ids."""

    binaries: dict[str, str]
    view: View

    @classmethod
    def of(cls, report: Report, view: View) -> Labels:
        """Call a binary by its name, or by its path where several have that name."""
        uses = Counter(needs.name for needs in report.binaries)
        names = {n.id: n.name if uses[n.name] == 1 else n.path for n in report.binaries}
        return cls(names, view)

    def some_binaries(self, ids: Sequence[str], limit: int = 4) -> Text:
        """Return the first *limit* names and how many more there are; all where verbose."""
        names = [name for binary, name in self.binaries.items() if binary in ids]
        if self.view.verbosity > 0 or len(names) <= limit + 1:
            return shown(", ".join(names))
        return shown(f"{', '.join(names[:limit])} and {len(names) - limit} more")

    def some_hosts(self, names: Sequence[str]) -> Text:
        """Return ``web-[01-20], db-1``, unless verbose cut at a comma where it is long."""
        text = printable(", ".join(fold(names)))
        if self.view.verbosity > 0 or len(text) <= _HOSTS_LENGTH:
            return shown(text)
        start = text[:_HOSTS_LENGTH].rpartition(",")[0] or text[:_HOSTS_LENGTH]
        dots = "…" if self.view.unicode else "..."
        return shown(f"{start}, {dots} ({count(len(names), 'host')})")

    def symbol(self, grade: Grade) -> Text:
        """Return the sign of a result."""
        return Text((_SYMBOLS if self.view.unicode else _WORDS)[grade], style=_STYLES[grade])

    def result(self, grade: Grade) -> Text:
        """Return the sign and the word of a result."""
        sign = self.symbol(grade)
        word = "deployable" if grade == "warning" else grade
        return sign.append(f" {word}") if self.view.unicode else sign
