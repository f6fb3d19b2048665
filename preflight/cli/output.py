"""Where reports go: ``--format NAME[=FILE]``, several from one run; and files of any kind."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO, TypeAlias

from preflight.cli.voice import colored, complain, speaks_unicode, width
from preflight.errors import UsageError
from preflight.model.report import Report
from preflight.report import FORMATS, View

_FOR_PEOPLE = "table"
Formats: TypeAlias = Sequence[tuple[str, str | None]]  # and its file; None: standard output


def parse_formats(values: Sequence[str]) -> list[tuple[str, str | None]]:
    """
    Return (format, file) pairs; file None is standard output, which only one may use.

    Raises `UsageError`, also for a file that cannot be written later.
    """
    pairs: list[tuple[str, str | None]] = []
    for value in values or (_FOR_PEOPLE,):
        name, equals, file = value.partition("=")
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise UsageError(f"--format {name}: no such format", f"one of: {known}")
        if equals:
            check_writable(file, f"--format {name}={file}")
        pairs.append((name, file if equals else None))
    targets = [file and os.path.realpath(file) for _, file in pairs]
    for target in targets:
        if targets.count(target) > 1:
            raise UsageError(
                f"two formats for {target or 'standard output'}", "--format json=report.json"
            )
    return pairs


def check_writable(file: str, option: str, example: str = "report.json") -> None:
    """Raise `UsageError` where writing *file* is bound to fail: better now than after the run."""
    if file in ("", "-"):
        raise UsageError(f"{option}: a file's name is wanted", f"such as {example}")
    try:
        _check_writable(Path(file), option, example)
    except PermissionError:  # not even looking is allowed
        raise _forbidden(option) from None


def _check_writable(path: Path, option: str, example: str) -> None:
    if path.is_dir():
        raise UsageError(f"{option}: a file's name is wanted", f"such as {example}")
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"{option}: there is no directory {path.parent}", f"mkdir -p {path.parent}"
        )
    if not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise _forbidden(option)


def _forbidden(option: str) -> UsageError:
    return UsageError(f"{option}: this user may not write there", "name another file")


def refuse_to_overwrite(
    inputs: Iterable[str | None], outputs: Iterable[tuple[str, str | None]]
) -> None:
    """Raise `UsageError` where one of *outputs*, (option, file) pairs, is one of *inputs*."""
    read = list(filter(_is_file, inputs))
    for option, file in filter(lambda output: _is_file(output[1]), outputs):
        for name in read:
            if os.path.samefile(str(file), str(name)):  # noqa: PTH121
                raise UsageError(
                    f"{option}: {file} would overwrite the input {name}", "name another file"
                )


def _is_file(name: str | None) -> bool:
    # Path raises for what can be no name, such as a list of many hosts.
    return name is not None and os.path.isfile(name)  # noqa: PTH113


def write_reports(
    report: Report, formats: Formats, *, explain: bool, verbosity: int
) -> list[OSError]:
    """
    Render *report* in each format; standard output last, so that files are complete first.

    Returns why which of them could not be written.
    """
    failures: list[OSError] = []
    for name, file in sorted(formats, key=lambda pair: pair[1] is None):
        try:
            with _opened(file, name) as stream:
                view = _view(stream, explain=explain, verbosity=verbosity, to_file=file is not None)
                stream.writelines(FORMATS[name](report, view))
                stream.flush()
            if (name, file) == ("github", None):
                _add_step_summary(report)
        except OSError as error:
            failures.append(naming(error, file))
    return failures


def _add_step_summary(report: Report) -> None:
    """Append to the summary of the workflow's step, where the annotations go to its log."""
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as stream:
            stream.writelines(FORMATS["markdown"](report, View()))


def settle(failures: Iterable[OSError]) -> None:
    """Raise the last of *failures* after naming the others; a reader who left comes first."""
    for error in (ordered := sorted(failures, key=lambda error: error.errno != errno.EPIPE)):
        if error is ordered[-1]:
            raise error
        if error.errno != errno.EPIPE:
            complain(unwritable(error))


def unwritable(error: OSError) -> str:
    """Say which output is not whole: the disk is full, or the terminal is gone."""
    return f"{error.filename or 'standard output'}: {error.strerror}; the output is not whole"


def put(pieces: Iterable[str]) -> None:
    """Write *pieces* to standard output."""
    sys.stdout.writelines(pieces)


def view_of_output(verbosity: int = 0) -> View:
    """Return what standard output can show."""
    return _view(sys.stdout, explain=False, verbosity=verbosity, to_file=False)


def replace_file(file: str, lines: Iterable[bytes]) -> None:
    """
    Write *lines* beside *file* and rename: an interrupted write leaves the old file.

    What is no regular file (a device, a pipe) is written itself.  Raises OSError.
    """
    target = Path(file).resolve()
    try:
        if target.exists() and not target.is_file():
            with target.open("wb") as stream:
                stream.writelines(lines)
        else:
            _write_beside(target, lines)
    except OSError as error:
        raise naming(error, file) from None


def _write_beside(target: Path, lines: Iterable[bytes]) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.writelines(lines)
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _view(stream: TextIO, *, explain: bool, verbosity: int, to_file: bool) -> View:
    return View(
        explain=explain,
        verbosity=verbosity,
        color=not to_file and colored(stream),
        width=width(stream),
        unicode=speaks_unicode(stream),
    )


@contextmanager
def _opened(file: str | None, name: str) -> Iterator[TextIO]:
    if file is not None:
        with Path(file).open("w", encoding="utf-8") as stream:
            yield stream
        return
    if name != _FOR_PEOPLE and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # a contract, whatever the locale
    yield sys.stdout


def naming(error: OSError, file: str | None) -> OSError:
    """Return *error* with the name of the file that it is about."""
    return error if file is None else OSError(error.errno, error.strerror, file)
