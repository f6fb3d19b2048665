"""Where reports go: ``--format NAME[=FILE]``, several from one run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from preflight.cli.voice import colored, speaks_unicode, width
from preflight.errors import UsageError
from preflight.model.report import Report
from preflight.report import FORMATS, View


def parse_formats(values: Sequence[str]) -> list[tuple[str, str | None]]:
    """Return (format, file) pairs; file None is standard output, which only one may use."""
    pairs = []
    for value in values or ("table",):
        name, _, file = value.partition("=")
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise UsageError(f"--format {name}: no such format", f"one of: {known}")
        pairs.append((name, file or None))
    if sum(file is None for _, file in pairs) > 1:
        raise UsageError("two formats for standard output", "--format json=report.json")
    return pairs


def write_reports(
    report: Report, formats: Sequence[tuple[str, str | None]], *, explain: bool, verbosity: int
) -> None:
    """Render *report* in each format; standard output last, so that files are complete first."""
    for name, file in sorted(formats, key=lambda pair: pair[1] is None):
        with _opened(file) as stream:
            view = View(
                explain=explain,
                verbosity=verbosity,
                color=file is None and colored(stream),
                width=width(stream),
                unicode=speaks_unicode(stream),
            )
            for piece in FORMATS[name](report, view):
                stream.write(piece)
            stream.flush()


@contextmanager
def _opened(file: str | None) -> Iterator[TextIO]:
    if file is None:
        yield sys.stdout
        return
    try:
        with Path(file).open("w", encoding="utf-8") as stream:
            yield stream
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
