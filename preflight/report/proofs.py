"""What the hosts' own loaders said beside what was predicted: disagreement first, and loud."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from preflight.model.proof import Proof
from preflight.model.report import Report
from preflight.model.verdict import Verdict
from preflight.report.labels import Labels
from preflight.report.terminal import shown

_LINES = 20  # of what a loader said, unless all are wanted

K = TypeVar("K", bound=Hashable)


def proofs(report: Report, labels: Labels) -> Iterator[RenderableType]:
    """Yield the disagreements, what was not proven and why, and what no trace proves."""
    proved = [(verdict, verdict.proof) for verdict in report.verdicts if verdict.proof]
    for verdict, proof in proved:
        if proof.agrees is False:
            yield from _disagreement(verdict, proof, report, labels)
    agreeing = [verdict for verdict, proof in proved if proof.agrees]
    if agreeing and labels.view.verbosity >= 0:
        line = Text("proven: the hosts' own loaders agree about ", style="green")
        yield line.append_text(_pairs(agreeing, labels))
    refused = ((proof.refused, verdict) for verdict, proof in proved if proof.refused)
    for reason, verdicts in _grouped(refused).items():
        line = Text("not proven: ", style="yellow").append_text(_pairs(verdicts, labels))
        yield line.append_text(shown(f": {reason}"))
    for verdict, proof in proved:
        if proof.left is not None:
            yield Text("LEFT BEHIND ", style="bold red").append_text(
                shown(f"on {verdict.host}: {proof.left}")
            )
    for limits in dict.fromkeys(proof.not_proven for _, proof in proved if proof.not_proven):
        yield shown(limits, "dim")


def _disagreement(
    verdict: Verdict, proof: Proof, report: Report, labels: Labels
) -> Iterator[RenderableType]:
    binary = next(needs for needs in report.binaries if needs.id == verdict.binary)
    title = Text("PREDICTION AND FACT DISAGREE: ", style="bold red")
    yield title.append_text(_pairs([verdict], labels))
    for line in proof.differences:
        yield Padding(shown(line, "red"), (0, 0, 0, 2))
    yield Text("  the host's loader said:")
    shown_lines = proof.said if labels.view.verbosity > 0 else proof.said[:_LINES]
    for line in shown_lines:
        yield Padding(shown(line.strip()), (0, 0, 0, 4))
    if more := len(proof.said) - len(shown_lines):
        yield Text(f"    and {more} more lines (-v)", style="dim")
    yield shown(
        "  please report this, if the host did not change meanwhile: preflight "
        f"{report.version}, sha256 {binary.sha256}, the report of --format json, and the facts of "
        f"preflight probe --for {binary.path} --limit {verdict.host} --save facts.jsonl",
        "bold",
    )
    yield Text()


def _pairs(verdicts: list[Verdict], labels: Labels) -> Text:
    names = labels.some_binaries([verdict.binary for verdict in verdicts]).append(" on ")
    return names.append_text(labels.some_hosts([verdict.host for verdict in verdicts]))


def _grouped(pairs: Iterable[tuple[K, Verdict]]) -> dict[K, list[Verdict]]:
    groups: dict[K, list[Verdict]] = defaultdict(list)
    for key, verdict in pairs:
        groups[key].append(verdict)
    return groups
