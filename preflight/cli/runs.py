"""
Run files: what each check over a network found out, on disk as soon as it is known.

A run file is a report of the format ``jsonl``, under ``$XDG_STATE_HOME``.  Who
writes one holds a lock on it, so that no other process removes it meanwhile.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import re
import secrets
import sys
from contextlib import suppress
from io import FileIO
from pathlib import Path

from preflight.errors import ReportError, UsageError
from preflight.report.merge import Part
from preflight.report.read import read_report

_KEPT = 50  # run files
LAST = "last"
_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}\.jsonl")


def runs_directory() -> Path:
    """Return where run files are (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # A relative one is invalid and to be ignored, says the specification.
    root = Path(base if base.startswith("/") else os.path.expanduser("~/.local/state"))  # noqa: PTH111
    return root / "preflight" / "runs"


def new_id() -> str:
    """Return a name for a run that begins now; names sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"


def create(run: str) -> FileIO:
    """Return the file of *run*, new, unbuffered and locked.  Raises OSError."""
    directory = runs_directory()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = os.open(directory / f"{run}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with suppress(OSError):  # a file system without locks
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return FileIO(place, "w")


def prune() -> None:
    """Remove the oldest run files, as far as nobody writes them."""
    with suppress(OSError):
        for path in _run_files()[:-_KEPT]:
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def read_run(name: str) -> Part:
    """
    Return the report in the file *name* ('-': standard input), or of the run with that id.

    Raises `ReportError`, or `UsageError` where there is no such run.
    """
    if name == "-":
        return Part("standard input", read_report(sys.stdin.buffer, "standard input"))
    path = _find(name)
    try:
        with path.open("rb") as lines:
            return Part(str(path), read_report(lines, str(path)))
    except OSError as error:
        raise ReportError(f"{path}: {error.strerror}", _known_runs()) from None


def read_finished(name: str) -> Part:
    """Return what `read_run` does, of a run that nobody is writing any more."""
    path = _find(name)
    with suppress(FileNotFoundError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{path}: the run is still going on", "wait for its end") from None
        except OSError:  # a file system without locks
            pass
    return read_run(name)


def _find(name: str) -> Path:
    """Return the file that *name* means: a path, 'last', or the beginning of an id."""
    if "/" in name or os.path.isfile(name):  # noqa: PTH113  (Path raises for what is no name)
        return Path(name)
    files = _run_files()
    if name == LAST and files:
        return files[-1]
    found = [path for path in files if path.stem == name] or [
        path for path in files if name and path.stem.startswith(name)
    ]
    if len(found) > 1:
        raise UsageError(f"several runs begin with {name!r}", "write more of the id")
    if not found:
        raise UsageError(f"there is no file and no run {name!r}", _known_runs())
    return found[0]


def _known_runs() -> str:
    files = _run_files()
    if not files:
        return f"no run was recorded under {runs_directory()}"
    return f"the last run is {files[-1].stem}; all are in {runs_directory()}"


def _run_files() -> list[Path]:
    """Return the run files, the oldest first."""
    found: list[Path] = []
    with suppress(OSError):
        found += (path for path in runs_directory().iterdir() if _NAME.fullmatch(path.name))
    # Of one second, the file that was written last.
    return sorted(found, key=lambda path: (path.name.partition("-")[0], _written_ns(path)))


def _written_ns(path: Path) -> int:
    with suppress(OSError):  # another process removed it
        return path.stat().st_mtime_ns
    return 0
