"""Writes the outputs that grow while the run goes on: the run file and ``--format jsonl``."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterable
from io import FileIO, TextIOWrapper
from typing import Self

from msgspec import Struct

from preflight.api import Outcome
from preflight.cli import runs
from preflight.cli.output import naming
from preflight.cli.voice import warn
from preflight.model.report import Report
from preflight.report.jsonl import Lines

FORMAT = "jsonl"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class _Sink(Struct):
    """One place to write to; *file* None is standard output."""

    file: str | None
    write: Callable[[str], None]
    close: Callable[[], None]


class Recorder:
    """
    Takes each host as it is done, and has it written whole before it returns.

    What cannot be written any more is left out from then on, and named in
    *failures*.  A context manager: leaving it closes the files.
    """

    def __init__(self, *, explain: bool) -> None:
        self.failures: list[OSError] = []
        self._lines = Lines(explain=explain)
        self._sinks: list[_Sink] = []

    @property
    def deserted(self) -> bool:
        """Whether nobody reads standard output any more."""
        return any(error.errno == errno.EPIPE and not error.filename for error in self.failures)

    def add_run_file(self, run: str) -> None:
        """Write the file of *run* too; a state directory that cannot be written is a warning."""
        path = runs.runs_directory() / f"{run}.jsonl"
        try:
            self._sinks.append(_to_file(str(path), runs.create(run)))
        except OSError as error:
            if error.errno in _FULL:
                self.failures.append(naming(error, str(path)))
            else:
                warn(f"{path}: {error.strerror}; the run cannot be resumed", "--no-run-file")
        else:
            runs.prune()

    def add(self, file: str | None) -> None:
        """Write a report to *file*, or to standard output, too."""
        try:
            self._sinks.append(_to_stdout() if file is None else _to_file(file, FileIO(file, "w")))
        except OSError as error:
            self.failures.append(naming(error, file))

    def begin(self, report: Report) -> None:
        """Write what is known before the first host."""
        self._write(self._lines.begin(report))

    def host(self, outcome: Outcome) -> None:
        """Write one host and the verdicts on it."""
        self._write(self._lines.host(outcome.snapshot, outcome.verdicts))

    def end(self, elapsed_s: float) -> None:
        """Write that nothing follows."""
        self._write((self._lines.end(elapsed_s),))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for sink in self._sinks:
            sink.close()

    def _write(self, lines: Iterable[str]) -> None:
        text = "".join(lines)
        for sink in list(self._sinks):
            try:
                sink.write(text)
            except OSError as error:
                self.failures.append(naming(error, sink.file))
                self._sinks.remove(sink)
                sink.close()


def _to_file(name: str, file: FileIO) -> _Sink:
    def write(text: str) -> None:
        data = memoryview(text.encode())
        while data:
            data = data[file.write(data) :]

    return _Sink(name, write, file.close)


def _to_stdout() -> _Sink:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # a contract, whatever the locale

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    return _Sink(None, write, lambda: None)
