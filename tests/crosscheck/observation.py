"""What the loaders' own words mean, in the terms of `prediction`."""

from __future__ import annotations

import errno
import os
import re

from tests.crosscheck.oracle import Oracle, Run
from tests.crosscheck.prediction import Traced
from tests.hosts.outcome import loader_line

GLIBC_TRACE = {"LD_TRACE_LOADED_OBJECTS": "1", "LD_WARN": "1", "LD_BIND_NOW": "1"}
_NOT_FOUND = re.compile(r"^\t(.*) => not found$", re.MULTILINE)
_FOUND = re.compile(r"^\t(?:.* => )?(/.*) \(0x[0-9a-f]+\)$", re.MULTILINE)
_SYMBOL = re.compile(r"^(.*)\t\((.*)\)$", re.MULTILINE)
_MUSL_MISSING = re.compile(
    r"^Error loading shared library (.*?): .*\(needed by .*\)$", re.MULTILINE
)
_MUSL_SYMBOL = re.compile(r"^Error relocating (.*): (.*): symbol not found$", re.MULTILINE)
_MUSL_TYPE = re.compile(r"^Error relocating (.*): unsupported relocation type (.*)$", re.MULTILINE)
_KERNEL = {errno.ENOENT: 127}


def trace(oracle: Oracle, family: str, loader: str, path: str, env: dict[str, str]) -> Run:
    """Have *loader* trace the file at *path*."""
    if family == "musl":
        return oracle.run([loader, "--list", path], env, seconds=10)
    return oracle.run([loader, path], {**env, **GLIBC_TRACE}, seconds=10)


def traced(run: Run, family: str) -> Traced:
    """Return what a trace said is missing."""
    if family == "musl":
        return Traced(
            missing=frozenset(_MUSL_MISSING.findall(run.err)),
            versions=frozenset(),
            symbols=frozenset(
                (name, by)
                for pattern in (_MUSL_SYMBOL, _MUSL_TYPE)
                for by, name in pattern.findall(run.err)
            ),
        )
    lines = run.err.splitlines()
    return Traced(
        missing=frozenset(_NOT_FOUND.findall(run.out)),
        versions=frozenset(line for line in lines if "(required by " in line),
        symbols=frozenset(_SYMBOL.findall(run.err)),
    )


def found(run: Run) -> frozenset[str]:
    """Return the paths of what a trace found."""
    return frozenset(_FOUND.findall(run.out))


def refusal(run: Run, path: str) -> tuple[str, int] | None:
    """Return the line and exit status with which a start was refused, None where it was not."""
    if run.errno is not None:
        words = os.strerror(run.errno)
        return f"{path}: {words}", _KERNEL.get(run.errno, 126)
    if run.status and loader_line(path, run.err) is not None:
        return run.err.splitlines()[0], run.status
    return None
