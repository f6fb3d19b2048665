"""Each artefact on each root of the fleet: the verdict beside what kernel and loader really do."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

from preflight.model.verdict import Verdict
from tests.catalogue import making, unpacking
from tests.catalogue.artefact import HOSTS, Artefact
from tests.catalogue.artefacts import CATALOGUE
from tests.crosscheck import observation
from tests.crosscheck.oracle import Oracle, Run

LOADERS = {
    ("x86_64", "glibc"): "/lib64/ld-linux-x86-64.so.2",
    ("x86_64", "musl"): "/lib/ld-musl-x86_64.so.1",
    ("i386", "glibc"): "/lib/ld-linux.so.2",
    ("aarch64", "glibc"): "/lib/ld-linux-aarch64.so.1",
}
MANY = 200


class Roots(Struct, frozen=True):
    """The roots, with the artefacts in them, and who starts programs there."""

    roots: Mapping[str, Path]
    oracles: Mapping[str, Oracle]


@pytest.fixture(scope="module")
def there(fleet, laid, judged, tmp_path_factory) -> Iterator[Roots]:
    """Every root with the artefacts in place, after all were judged without them."""
    assert judged
    place = tmp_path_factory.mktemp("unpacked")
    place.chmod(0o755)
    for artefact in CATALOGUE:
        if (laid / artefact.name).exists():
            _place(laid / artefact.name, place / artefact.name)
    roots = {name: fleet.root(name) for name in HOSTS}
    with contextlib.ExitStack() as stack:
        stack.enter_context(unpacking.bound(place, roots))
        oracles = {name: stack.enter_context(Oracle(root)) for name, root in roots.items()}
        yield Roots(roots, oracles)


def _place(artefact: Path, place: Path) -> None:
    kind = unpacking.kind_of(artefact)
    if artefact.is_dir():
        shutil.copytree(artefact, place, symlinks=True)
    elif kind is None:
        place.hardlink_to(artefact)
    else:
        unpacking.unpack(artefact, place, kind)


def is_foreign(host: str, machine: str | None) -> bool:
    """Whether *host* is one that cannot be compared: its kernel is ours, and runs our programs."""
    return host == "arm64" and machine not in ("aarch64", None)


@contextlib.contextmanager
def installed(there: Roots, host: str, artefact: Artefact) -> Iterator[str]:
    """Yield where the program lies on the host: a package's where its package has it."""
    inner = f"{artefact.name}/{artefact.starts}" if artefact.starts else artefact.name
    place = f"/{unpacking.PLACE}/{inner}"
    if not artefact.is_package:
        yield place
        return
    program = there.roots[host] / str(artefact.starts)
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(f"{there.roots[host]}{place}", program)
    try:
        yield f"/{artefact.starts}"
    finally:
        program.unlink()


def differences(verdict: Verdict, run: Run, path: str) -> Iterator[str]:
    """Yield what is not the same: the outcome, the first line, the exit status."""
    refusal = observation.refusal(run, path)
    said = (verdict.predicted_error, verdict.predicted_exit)
    codes = sorted(finding.code for finding in verdict.findings)
    if verdict.outcome == "unknown":
        yield f"undecided: {codes}; {refusal}"
    elif verdict.outcome == "deployable":
        if refusal:
            yield f"outcome: deployable; {refusal}"
    elif refusal is None and (run.status == 0 or not _is_told(run, *said)):
        yield f"outcome: {said} {codes}; {run.status} {run.err[:200]}"
    elif refusal is not None and said != refusal:
        yield f"line: {said}; {refusal}"


def _is_told(run: Run, line: str | None, status: int | None) -> bool:
    """Whether what env, PyInstaller or a signal ended is what was told of it, if anything was."""
    return status in (None, run.status) and (line is None or line in run.err)


PROGRAMS = [
    artefact
    for artefact in CATALOGUE
    if artefact.starts
    or (
        artefact.says.format not in ("archive", "directory")
        and artefact.says.kind != "shared-object"
    )
]


@pytest.mark.parametrize("artefact", PROGRAMS, ids=lambda one: one.name)
def test_programs_end_as_judged(there, judged, artefact):
    """Every host's kernel and loader do what the verdict says, word for word."""
    if tool := making.lacking(artefact.source):
        pytest.skip(f"without {tool}")
    inner = f"{artefact.name}/{artefact.starts}" if artefact.starts else artefact.name
    found = []
    for host in HOSTS:
        if host in artefact.undecided or is_foreign(host, artefact.says.machine):
            continue
        with installed(there, host, artefact) as path:
            run = there.oracles[host].run([path, *artefact.argv], seconds=10)
        found += [f"{host}: {one}" for one in differences(judged[host, inner], run, path)]

    assert not found, "\n".join(found)
    assert {judged[host, inner].outcome for host in artefact.undecided} <= {"unknown"}


def test_libraries_miss_what_the_loader_misses(inspected, there, judged):
    """Each library and extension module, in a bundle or not, lacks what the host's loader lacks."""
    found, traced = [], 0
    for host in HOSTS:
        for inner, machine, libc in _libraries(inspected):
            loader, verdict = LOADERS.get((machine, libc)), judged[host, inner]
            codes = {finding.code for finding in verdict.findings}
            if loader is None or "install-path-unknown" in codes or host == "arm64":
                continue
            if not (there.roots[host] / loader[1:]).exists():
                continue
            run = observation.trace(
                there.oracles[host], libc, loader, f"/{unpacking.PLACE}/{inner}", {}
            )
            real, traced = observation.traced(run, libc), traced + 1
            ours = _lacks(verdict, "library-missing"), bool(_lacks(verdict, "version-missing"))
            if ours != (real.missing, bool(real.versions)):
                found.append(f"{host} {inner}: {ours}; {real.missing} {sorted(real.versions)[:2]}")

    assert not found, "\n".join(found)
    assert traced > MANY


def _libraries(inspected: Mapping[str, list[dict]]) -> Iterator[tuple[str, str, str]]:
    """Yield path, machine and C library of what cannot be started itself."""
    for name, said in inspected.items():
        for one in said:
            inside = one["path"].partition(name)[2].removeprefix("!").removeprefix("/")
            if one["kind"] == "shared-object" and one["libc"] and not name.startswith("pyinst"):
                yield f"{name}/{inside}".rstrip("/"), one["machine"], one["libc"]


def _lacks(verdict: Verdict, code: str) -> frozenset[str]:
    return frozenset(
        finding.subject
        for finding in verdict.findings
        if finding.code == code and finding.severity in ("error", "unknown")
    )
