"""
Is what the host's own loader says of a program what was predicted?

Compared are the files that are loaded, and by name what is missing: libraries,
versions, symbols.  Source of the lines: glibc elf/rtld.c, dl_main() in trace
mode, print_missing_version(), print_unresolved(); musl ldso/dynlink.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field, structs

from preflight.judge.remedies import with_remedies
from preflight.model.proof import Proof, Trace
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Finding, Verdict, outcome_of

# The kernel's own objects, which are no files.
_VDSO = ("linux-vdso.so.1", "linux-gate.so.1", "linux-vdso32.so.1", "linux-vdso64.so.1")
_LIBRARY = re.compile(r"\t(?:(?P<name>.*?) => )?(?P<path>.*) \(0x[0-9a-f]+\)")
_ABSENT = re.compile(
    r"\t(?P<glibc>.*?) => not found"
    r"|Error loading shared library (?P<musl>.*): .* \(needed by .*\)"
)
_VERSION = re.compile(r".*: version `(?P<version>.*)' not found \(required by (?P<by>.*)\)")
_SYMBOL = re.compile(
    r"undefined symbol: (?P<symbol>.*?)(?:, version (?P<version>.*))?\t\((?P<by>.*)\)"
    r"|symbol (?P<symbol2>.*), version (?P<version2>.*) not defined in file .*\t\((?P<by2>.*)\)"
    r"|Error relocating (?P<by3>.*): (?P<symbol3>.*): symbol not found"
)
_FATAL = re.compile(
    r".*: error while loading shared libraries: |Inconsistency detected by ld\.so: "
    r"|Error loading shared library |Error relocating "
)
_SYMBOL_CODES = ("symbol-missing", "symbol-missing-lazy")
# With these the loader goes on in a trace, and the rest can be compared by name.
_NAMED = {"library-missing", "version-missing", *_SYMBOL_CODES}
# What the kernel or the CPU refuses; a trace knows nothing of it.
_UNSEEN = {"cpu-level-too-low", "mount-noexec", "permission-denied", "kernel-too-old"}
_KEPT_LINES = 200
_SIGNALS = 128  # an exit status above it stands for a signal, in a shell
_LIMITS = (
    "a trace does not show what the kernel or the CPU refuses, "
    "nor which missing symbol ends the start"
)


class _Picture(Struct):
    """What is loaded and what is missing, told alike by prediction and trace."""

    files: set[str] = field(default_factory=set)
    libraries: set[str] = field(default_factory=set)
    versions: set[str] = field(default_factory=set)
    symbols: set[str] = field(default_factory=set)


def unprovable(requirements: Requirements, start: Start, snapshot: Snapshot) -> str | None:
    """Return why no trace could prove anything of this start; None where one can."""
    elf = requirements.elf
    if snapshot.status != "probed":
        return "the host was not reached"
    if elf is None:
        return "only an ELF program has a loader to ask"
    if start.loaded_by is not None:
        return "a library that a program opens is not traced by itself"
    if elf.interpreter is None:
        return "it names no loader: there is none to ask"
    if not elf.interpreter.startswith("/"):
        return f"its loader {elf.interpreter} is looked for in the working directory"
    if start.secure:
        return "a trace is not a secure start (AT_SECURE)"
    return None


def depends_on_origin(requirements: Requirements, start: Start) -> bool:
    """Return whether $ORIGIN of the program decides what is loaded."""
    elf = requirements.elf
    if elf is None:
        return False
    own = (elf.rpath, elf.runpath, *(dependency.name for dependency in elf.dependencies))
    given = (start.variable(name) for name in ("LD_LIBRARY_PATH", "LD_PRELOAD"))
    return any("$ORIGIN" in text or "${ORIGIN}" in text for text in (*own, *given) if text)


def compare(requirements: Requirements, start: Start, verdict: Verdict, trace: Trace) -> Proof:
    """Return *verdict* beside what the host's loader said."""
    if trace.refused is not None:
        return Proof(refused=trace.refused, left=trace.left)
    notes = [_LIMITS]
    if start.run_as is not None:
        notes.append(f"it was traced by the user who looked, not by {start.run_as}")
    name = start.argv0 or start.install_path or f"./{requirements.name}"
    lines = [line.replace(trace.program, name) for line in trace.lines]
    differences = tuple(_differences(verdict, lines, trace.status))
    if any(finding.severity == "unknown" for finding in verdict.findings):
        notes.append("what was unknown is not compared")
    return Proof(
        said=_shortened(trace.lines),
        agrees=not differences,
        differences=differences,
        not_proven="; ".join(notes),
        left=trace.left,
    )


def _shortened(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return what is worth keeping of *lines*: one missing library can make thousands."""
    more = len(lines) - _KEPT_LINES
    return lines if more <= 0 else (*lines[:_KEPT_LINES], f"({more} more lines)")


def with_proof(requirements: Requirements, start: Start, verdict: Verdict, trace: Trace) -> Verdict:
    """Return *verdict* with what the host's loader said; where that is another thing, unknown."""
    proof = compare(requirements, start, verdict, trace)
    findings = verdict.findings
    if proof.agrees is False:
        disagreement = Finding(
            code="proof-disagrees",
            severity="unknown",
            subject=verdict.path,
            message="the host's own loader says otherwise",
            evidence=proof.differences,
        )
        findings = (*findings, *with_remedies([disagreement]))
    return structs.replace(verdict, findings=findings, outcome=outcome_of(findings), proof=proof)


def _differences(verdict: Verdict, lines: list[str], status: int | None) -> Iterator[str]:
    errors = {finding.code for finding in verdict.findings if finding.severity == "error"}
    doubtful = any(finding.severity == "unknown" for finding in verdict.findings)
    predicted, fact = _predicted(verdict), _fact(lines)
    if not doubtful:
        yield from _between("missing library", predicted.libraries, fact.libraries)
    if errors - _NAMED - _UNSEEN:  # the loader stops there, in its own words
        if verdict.predicted_error is not None and verdict.predicted_error not in lines:
            yield f"predicted, but not said: {verdict.predicted_error}"
        return
    if doubtful:
        return
    yield from _between("file loaded", predicted.files, fact.files)
    yield from _between("missing version", predicted.versions, fact.versions)
    if not errors - set(_SYMBOL_CODES):  # only then it was judged
        yield from _between("missing symbol", predicted.symbols, fact.symbols)
    if not errors & _NAMED:
        yield from _complaints(lines, status, predicted)


def _complaints(lines: list[str], status: int | None, predicted: _Picture) -> Iterator[str]:
    if not predicted.symbols:
        yield from (f"said, but not predicted: {line}" for line in lines if _FATAL.match(line))
    if status is not None and status > _SIGNALS:
        yield f"the loader was ended by signal {status - _SIGNALS}"


def _between(what: str, predicted: set[str], fact: set[str]) -> Iterator[str]:
    yield from (f"predicted, but not said: {what} {item}" for item in sorted(predicted - fact))
    yield from (f"said, but not predicted: {what} {item}" for item in sorted(fact - predicted))


def _predicted(verdict: Verdict) -> _Picture:
    def subjects(*codes: str) -> Iterable[Finding]:
        return (finding for finding in verdict.findings if finding.code in codes)

    found = (library for library in verdict.libraries if library.path is not None)
    return _Picture(
        files={library.path or "" for library in found if library.name not in _VDSO},
        libraries={f.subject for f in subjects("library-missing") if f.severity == "error"},
        versions={
            _by(f.subject.partition(":")[2], f.needed_by) for f in subjects("version-missing")
        },
        symbols={_by(f.subject, f.needed_by) for f in subjects(*_SYMBOL_CODES)},
    )


def _fact(lines: list[str]) -> _Picture:
    picture = _Picture()
    for line in lines:
        if found := _ABSENT.fullmatch(line):
            picture.libraries.add(found["glibc"] or found["musl"])
        elif found := _LIBRARY.fullmatch(line):
            if found["path"] not in _VDSO and found["name"] not in _VDSO:
                picture.files.add(found["path"])
        elif found := _VERSION.fullmatch(line):
            picture.versions.add(_by(found["version"], found["by"]))
        elif found := _SYMBOL.fullmatch(line):
            symbol = found["symbol"] or found["symbol2"] or found["symbol3"]
            version = found["version"] or found["version2"]
            by = found["by"] or found["by2"] or found["by3"]
            picture.symbols.add(_by(f"{symbol}@{version}" if version else symbol, by))
    return picture


def _by(what: str, needed_by: str | None) -> str:
    return f"{what}, needed by {needed_by}"
