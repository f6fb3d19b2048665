"""
Where graphs are judged and started: every root with an oracle of its own.

A trial lays the graph out, lets kernel and loader speak, judges, compares.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from preflight.model.verdict import Verdict
from tests.crosscheck import observation
from tests.crosscheck.oracle import Oracle, Run
from tests.crosscheck.prediction import Target, requirements, start_of
from tests.fuzz.graph import PROGRAM, Graph
from tests.hosts import roots, runs

GLIBC, MUSL = "/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"
ROOTS = {"bullseye": GLIBC, "bookworm": GLIBC, "trixie": GLIBC, "sid": GLIBC, "musl": MUSL}
MUSL_PATH = "/etc/ld-musl-x86_64.path"
CACHE, PRELOAD = "/etc/ld.so.cache", "/etc/ld.so.preload"
CHANGING = (CACHE, PRELOAD, MUSL_PATH)
DIED = {-7: 135, -11: 139}


class Trial(msgspec.Struct, frozen=True):
    """Prediction and fact; *problem* is None where they agree."""

    problem: str | None
    predicted: str
    real: str


class Ring:
    """One root in which graphs are tried."""

    def __init__(self, name: str, root: Path, oracle: Oracle) -> None:
        self.name = name
        self.root = root
        self.interpreter = ROOTS[name]
        self._oracle = oracle
        self._target = Target(name, root)
        self._own_cache = self._read(CACHE)

    def _read(self, path: str) -> bytes | None:
        file = Path(f"{self.root}{path}")
        return file.read_bytes() if file.exists() else None

    def trial(self, graph: Graph) -> Trial:
        """Try one graph."""
        try:
            graph.lay_out(self.root)
            self._prepare(graph)
            run = self._oracle.run([PROGRAM], dict(graph.env))
            verdict = self._judged(graph)
        finally:
            graph.clear(self.root)
            self._restore(graph)
        return _compare(verdict, run)

    def _prepare(self, graph: Graph) -> None:
        directories = "\n".join(graph.cached)
        if graph.cached and self.interpreter == MUSL:
            Path(f"{self.root}{MUSL_PATH}").write_text(directories)
        elif graph.cached:
            Path(f"{self.root}/etc/ld.so.conf.d/fz.conf").write_text(directories)
            subprocess.run(
                ["chroot", self.root, "/sbin/ldconfig"], capture_output=True, check=False
            )
        if graph.preload is not None:
            Path(f"{self.root}{PRELOAD}").write_text(graph.preload)

    def _restore(self, graph: Graph) -> None:
        for path in (MUSL_PATH, PRELOAD, "/etc/ld.so.conf.d/fz.conf"):
            Path(f"{self.root}{path}").unlink(missing_ok=True)
        if graph.cached and self._own_cache is not None:
            Path(f"{self.root}{CACHE}").write_bytes(self._own_cache)
        answers = self._target.root.answers
        for question in [q for q in answers if "fz" in q.path or q.path in CHANGING]:
            del answers[question]

    def _judged(self, graph: Graph) -> Verdict:
        family = "musl" if self.interpreter == MUSL else "glibc"
        wanted = requirements(self._target, PROGRAM, libc=family)
        return self._target.verdict(wanted, start_of(PROGRAM, dict(graph.env)))


def _compare(verdict: Verdict, run: Run) -> Trial:
    real = _fact(run)
    if verdict.outcome == "unknown":
        reasons = [f.message for f in verdict.findings if f.severity == "unknown"]
        return Trial("unknown", "; ".join(reasons), str(real))
    predicted = (
        ("deployable", 0, None)
        if verdict.outcome == "deployable"
        else ("blocked", verdict.predicted_exit, verdict.predicted_error)
    )
    if predicted[2] is None and any(f.severity == "unknown" for f in verdict.findings):
        predicted = (*predicted[:2], real[2])  # it said that it does not know
    for what, ours, theirs in zip(("outcome", "exit", "line"), predicted, real, strict=True):
        if ours != theirs:
            return Trial(what, str(predicted), str(real))
    return Trial(None, str(predicted), str(real))


def _fact(run: Run) -> tuple[str, int | None, str | None]:
    """Return outcome, exit status as a shell has it, and the first line where it was refused."""
    refusal = observation.refusal(run, PROGRAM)
    if refusal is not None:
        return "blocked", DIED.get(refusal[1], refusal[1]), refusal[0]
    if run.status is not None and run.status != 0:
        lines = run.err.splitlines()
        return "blocked", DIED.get(run.status, run.status), lines[0] if lines else None
    return "deployable", run.status, None


@contextlib.contextmanager
def opened(names: tuple[str, ...] = tuple(ROOTS)) -> Iterator[dict[str, Ring]]:
    """Yield a ring for each root."""
    with runs.started() as directory, contextlib.ExitStack() as stack:
        rings = {}
        for name in names:
            root = runs.mount_root(roots.made_by(roots.RECIPES[name]), directory, name)
            oracle = stack.enter_context(Oracle(root))
            rings[name] = Ring(name, root, oracle)
        yield rings


def shrunk(ring: Ring, graph: Graph, problem: str, tries: int = 2000) -> Graph:
    """Return a smaller graph with the same problem."""
    progress = True
    while progress and tries > 0:
        progress = False
        for smaller in graph.smaller():
            tries -= 1
            with contextlib.suppress(KeyError, OSError):
                if ring.trial(smaller).problem == problem:
                    graph, progress = smaller, True
                    break
    return graph
