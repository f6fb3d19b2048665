"""The waivers of a run: applied as hosts are done, and warned of where they are of no use."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from preflight.api import Outcome
from preflight.cli.voice import warn
from preflight.judge.waive import concerns, waive
from preflight.model.host import Host
from preflight.model.report import Report
from preflight.model.requirements import Requirements
from preflight.model.verdict import Verdict
from preflight.model.waiver import Waiver


class Waiving:
    """
    Applies *waivers* to what is found on *hosts*; those that expired before *today* do nothing.

    `warn_of_useless` is for the end of the run.
    """

    def __init__(
        self,
        waivers: Sequence[Waiver],
        hosts: Iterable[Host],
        binaries: Sequence[Requirements],
        today: dt.date,
    ) -> None:
        day = today.isoformat()
        self._expired = [waiver for waiver in waivers if waiver.expires < day]
        self._valid = [waiver for waiver in waivers if waiver.expires >= day]
        self._groups: Mapping[str, tuple[str, ...]] = {host.name: host.groups for host in hosts}
        self._binaries = binaries
        self._used: set[str] = set()
        self._met: set[str] = set()  # that could have been used

    def outcome(self, outcome: Outcome) -> Outcome:
        """Return *outcome* with its waived findings marked."""
        snapshot = outcome.snapshot
        verdicts = self._apply(snapshot.host, outcome.verdicts, asked=snapshot.status == "probed")
        return structs.replace(outcome, verdicts=verdicts)

    def report(self, report: Report) -> Report:
        """Return *report* with its waived findings marked."""
        by_host: dict[str, list[Verdict]] = {snapshot.host: [] for snapshot in report.hosts}
        for verdict in report.verdicts:
            by_host[verdict.host].append(verdict)
        asked = {snapshot.host for snapshot in report.hosts if snapshot.status == "probed"}
        verdicts = (
            verdict
            for host, its in by_host.items()
            for verdict in self._apply(host, its, asked=host in asked)
        )
        return structs.replace(report, verdicts=tuple(verdicts))

    def warn_of_useless(self) -> None:
        """Warn of waivers that have expired, and of those that had nothing to waive."""
        for waiver in self._expired:
            hint = "mend what it was for, or give it another date"
            warn(f"{waiver.place}: the waiver of {waiver.code} expired on {waiver.expires}", hint)
        for waiver in self._valid:
            if waiver.place in self._met - self._used:
                warn(f"{waiver.place}: the waiver of {waiver.code} waives nothing", "remove it")

    def _apply(self, host: str, verdicts: Sequence[Verdict], *, asked: bool) -> tuple[Verdict, ...]:
        groups = self._groups.get(host, ())
        waived = waive(verdicts, self._valid, self._binaries, groups)
        findings = (finding for verdict in waived for finding in verdict.findings)
        self._used |= {finding.waived.place for finding in findings if finding.waived}
        if asked:
            self._met |= {
                waiver.place
                for waiver in self._valid
                if waiver.place not in self._met and concerns(waiver, host, groups, self._binaries)
            }
        return waived
