"""One pair: a file of one root in another root; what was predicted beside what is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from preflight.model.elf import Elf, machine_name
from preflight.model.requirements import Requirements
from preflight.model.verdict import Verdict
from tests.crosscheck import observation
from tests.crosscheck.oracle import Oracle, Run
from tests.crosscheck.prediction import Target, Traced, requirements, start_of

Kind = Literal["start", "trace"]
MUSL = "/lib/ld-musl-x86_64.so.1"


class Evidence(msgspec.Struct, frozen=True):
    """What really happened; None: was not tried."""

    start: Run | None
    trace: Run | None


class Difference(msgspec.Struct, frozen=True):
    """One thing in which prediction and fact are not the same."""

    what: str  # outcome, line, exit, missing, versions, symbols, paths
    target: str
    path: str
    env: str
    predicted: str
    real: str


class Pair(msgspec.Struct, frozen=True):
    """One file in one target, started with *env*."""

    target: str
    path: str
    env: dict[str, str]
    family: str  # whose loader


def gather(pair: Pair, wanted: Requirements, target: Target, oracle: Oracle) -> Evidence:
    """Let kernel and loader speak."""
    elf = wanted.elf
    if elf is None:
        raise TypeError(pair.path)
    start = None
    if pair.family == "glibc" and is_program(elf) and target.may_execute(pair.path):
        start = oracle.run([pair.path, "--version"], pair.env)
    loader = loader_of(pair, elf, target)
    trace = observation.trace(oracle, pair.family, loader, pair.path, pair.env) if loader else None
    return Evidence(start, trace)


def is_program(elf: Elf) -> bool:
    """Whether it makes sense to start the file."""
    return elf.kind in ("executable", "static", "static-pie")


def loader_of(pair: Pair, elf: Elf, target: Target) -> str | None:
    """Return the loader that can trace the file."""
    if elf.kind in ("static", "static-pie") or not elf.has_dynamic:
        return None
    return target.libc(pair.family, machine_name(elf.machine, elf.bits, elf.endian))


def is_comparable(pair: Pair, elf: Elf, target: Target) -> bool:
    """Whether anything can be tried: a library needs a loader of its machine there."""
    return is_program(elf) or loader_of(pair, elf, target) is not None


def wanted_of(pair: Pair, target: Target) -> Requirements:
    """Return the file's requirements; a program to be tried with musl names musl's loader."""
    wanted = requirements(target, pair.path, libc=pair.family)
    if pair.family == "musl" and wanted.elf is not None and wanted.elf.interpreter is not None:
        elf = msgspec.structs.replace(wanted.elf, interpreter=MUSL)
        return msgspec.structs.replace(wanted, elf=elf)
    return wanted


def compare(
    pair: Pair, wanted: Requirements, target: Target, evidence: Evidence
) -> Iterator[Difference]:
    """Judge the pair and yield what differs from the evidence."""
    start = start_of(pair.path, pair.env)
    verdict = target.verdict(wanted, start)
    found: list[tuple[str, object, object]] = []
    if evidence.start is not None:
        found += _of_start(verdict, evidence.start, pair.path)
    elif verdict.outcome == "unknown":
        found.append(("undecided", [f.message for f in verdict.findings], ""))
    if evidence.trace is not None:
        predicted = target.trace(wanted, start)
        if predicted is not None:
            found += _of_trace(predicted, verdict, evidence.trace, pair.family)
    for what, said, real in found:
        yield Difference(what, pair.target, pair.path, str(pair.env), str(said), str(real))


_Found = list[tuple[str, object, object]]


def _of_start(verdict: Verdict, run: Run, path: str) -> _Found:
    refusal = observation.refusal(run, path)
    if verdict.outcome == "unknown":
        return [("undecided", [f.message for f in verdict.findings], refusal)]
    if verdict.outcome == "deployable":
        late = any(f.code == "symbol-missing-lazy" for f in verdict.findings)
        if refusal is None or (late and "symbol lookup error" in refusal[0]):
            return []
        return [("outcome", "deployable", refusal)]
    if refusal is None:
        said = (verdict.predicted_error, [f.message for f in verdict.findings][:3])
        return [("outcome", said, (run.status, run.err[:200]))]
    found: _Found = []
    if verdict.predicted_error != refusal[0]:
        found.append(("line", verdict.predicted_error, refusal[0]))
    if verdict.predicted_exit != refusal[1]:
        found.append(("exit", verdict.predicted_exit, refusal[1]))
    return found


def _of_trace(predicted: Traced, verdict: Verdict, run: Run, family: str) -> _Found:
    real = observation.traced(run, family)
    found: _Found = []
    for what, ours, theirs in (
        ("missing", predicted.missing, real.missing),
        ("versions", predicted.versions, real.versions),
        ("symbols", _sharp(predicted, predicted.symbols), _sharp(predicted, real.symbols)),
    ):
        if ours != theirs:
            found.append((what, sorted(ours - theirs)[:5], sorted(theirs - ours)[:5]))
    paths = {lib.path for lib in verdict.libraries if lib.path}
    theirs = observation.found(run)
    if theirs and not _same_files(paths, theirs):
        found.append(("paths", sorted(paths - theirs)[:5], sorted(theirs - paths)[:5]))
    return found


def _sharp(predicted: Traced, symbols: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    return frozenset((words, by) for words, by in symbols if by not in predicted.blurred)


def _same_files(ours: set[str], theirs: Mapping[str, object] | frozenset[str]) -> bool:
    def plain(paths: object) -> set[str]:
        return {p for p in paths if "/ld-" not in p}  # type: ignore[attr-defined]

    return plain(ours) == plain(theirs)
