"""On which releases a program would start: an estimate, shown as one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding

from preflight.model.estimate import Estimate, Outlook, Reason
from preflight.model.text import to_json
from preflight.report.terminal import columns, render, shown
from preflight.report.view import View

_WORDS = {
    "starts": ("starts", "green"),
    "needs-packages": ("needs packages", "green"),
    "does-not-start": ("does not start", "red"),
    "unknown": ("unknown", "yellow"),
}
_TITLE = "by a table of releases: an estimate, no verdict"
_HINT = "a verdict for your hosts: preflight check -i INVENTORY"
_REASONS = 3  # that are shown of each row, unless verbose
_PACKAGES = 6


def releases_json(outlooks: Iterable[Outlook]) -> Iterator[dict[str, Any]]:
    """Yield the elements of ``releases``: one for each binary."""
    for outlook in outlooks:
        yield {
            "binary": outlook.binary,
            "certainty": "estimate",
            "note": None if outlook.note is None else to_json(outlook.note),
            "estimates": [_estimate_json(one) for one in outlook.estimates],
        }


def releases_table(outlooks: Sequence[Outlook], view: View) -> Iterator[str]:
    """Yield a table for each program, one row for neighbours of a family with equal answers."""
    for number, outlook in enumerate(outlooks):
        block = render(_block(outlook, view), view)
        yield "\n" + block if number else block
    if any(outlook.estimates for outlook in outlooks):
        yield "\n" + render([shown(_HINT, "dim")], view)


def _block(outlook: Outlook, view: View) -> Iterator[RenderableType]:
    if outlook.note is not None:
        yield shown(f"{outlook.path}: {outlook.note}", "bold")
        return
    yield shown(f"{outlook.path}, {_TITLE}", "bold")
    table = columns("releases", "answer", "because")
    for _, group in itertools.groupby(outlook.estimates, _folded):
        same = list(group)
        word, style = _WORDS[same[0].answer]
        table.add_row(shown(_names(same)), shown(word, style), shown(_why(same, view)))
    yield Padding(table, (0, 0, 0, 2))


def _folded(one: Estimate) -> tuple[Any, ...]:
    """Return what estimates share that stand in one row."""
    texts = tuple(reason.text for reason in one.reasons)
    return one.release.family, one.answer, texts, one.packages, one.conditions


def _names(same: Sequence[Estimate]) -> str:
    """Return ``Debian 12, 13``: what the names begin with alike stands once."""
    first, *others = (one.release.name.partition(" (")[0] for one in same)
    return ", ".join([first, *(_without_start(other, first) for other in others)])


def _without_start(name: str, first: str) -> str:
    """Return *name* without the words that *first* begins with, too."""
    pairs = zip(name.split(), first.split(), strict=False)
    alike = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return " ".join(name.split()[alike:])


def _why(same: Sequence[Estimate], view: View) -> str:
    first = same[0]
    limit = None if view.verbosity > 0 else _REASONS
    reasons = [_reason(same, number) for number in range(len(first.reasons))]
    parts = _cut(reasons, limit)
    if first.packages:
        limit = None if view.verbosity > 0 else _PACKAGES
        parts.append(", ".join(_cut(first.packages, limit)))
    return "; ".join([*parts, *first.conditions])


def _cut(items: Sequence[str], limit: int | None) -> list[str]:
    if limit is None or len(items) <= limit + 1:
        return list(items)
    return [*items[:limit], f"{len(items) - limit} more"]


def _reason(same: Sequence[Estimate], number: int) -> str:
    """Return one reason with what each of the releases has instead."""
    reasons: list[Reason] = [one.reasons[number] for one in same]
    has = ", ".join(dict.fromkeys(reason.has for reason in reasons if reason.has))
    return f"{reasons[0].text} (has {has})" if has else reasons[0].text


def _estimate_json(one: Estimate) -> dict[str, Any]:
    release = one.release
    return {
        "name": release.name,
        "id": release.id,
        "version": release.version,
        "measured": release.measured,
        "answer": one.answer,
        "reasons": [{"text": to_json(r.text), "has": to_json(r.has)} for r in one.reasons],
        "packages": list(one.packages),
        "conditions": list(one.conditions),
    }
