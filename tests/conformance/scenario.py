"""What a scenario is: files, a start, and the roots to try it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from preflight.model.start import Start
from tests.conformance.builds import Build

GLIBC = ("bullseye", "bookworm", "trixie", "sid")
APP = "/opt/app/bin/app"
# CPUs of qemu-x86_64 that have AVX2; older loaders ask whose they are.
INTEL_V3, AMD_V3 = "max,vendor=GenuineIntel", "max,vendor=AuthenticAMD"


class Scenario(Struct, frozen=True, kw_only=True):
    """
    One rule, shown.

    *finds* are the findings ("code subject") but `info` ones, by root where
    they differ; the outcome, the first line and the exit status are the real
    loader's to say.
    """

    name: str
    files: Mapping[str, Build]
    finds: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    roots: tuple[str, ...] = GLIBC
    start: Start = Start(install_path=APP, cwd="/")
    cpu: str | None = None  # of qemu-x86_64; None: this machine's own
    uid: int = 0  # who starts it for real
    prepare: Callable[[Path], None] | None = None  # changes the root, after the files
    silent: bool = False  # preflight does not know the line
    undone: bool = False  # preflight may say "unknown" where the loader decides

    def findings_on(self, root: str) -> set[str]:
        """Return the findings that belong to *root*."""
        if isinstance(self.finds, Mapping):
            return set(self.finds[root])
        return set(self.finds)


def cases(*scenarios: Scenario) -> list[tuple[Scenario, str]]:
    """Return each scenario with each of its roots."""
    names = [scenario.name for scenario in scenarios]
    if len(set(names)) != len(names):
        raise ValueError(f"two scenarios share a name: {sorted(names)}")
    return [(scenario, root) for scenario in scenarios for root in scenario.roots]


def case_name(case: object) -> str:
    """Return how pytest calls a part of a case."""
    return case.name if isinstance(case, Scenario) else str(case)
