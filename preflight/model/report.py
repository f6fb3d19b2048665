"""The whole of one run: what the reports render."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Self

from msgspec import Struct

from preflight.model.elf import LaterNeed
from preflight.model.foreign import Foreign
from preflight.model.requirements import GlibcFloor, GlibcStep, Requirements
from preflight.model.runtime import RunTimeNeed
from preflight.model.shebang import Shebang
from preflight.model.snapshot import Snapshot
from preflight.model.toolchain import Toolchain
from preflight.model.verdict import Verdict


class Summary(Struct, frozen=True):
    """How many verdicts of each outcome."""

    deployable: int
    blocked: int
    unknown: int

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Self:
        """Count *verdicts*."""
        outcomes = Counter(verdict.outcome for verdict in verdicts)
        return cls(outcomes["deployable"], outcomes["blocked"], outcomes["unknown"])


class LibraryVersions(Struct, frozen=True):
    """The versions that a binary needs of one library."""

    library: str
    versions: tuple[str, ...]  # without which the loader stops
    weak: tuple[str, ...]


class Go(Struct, frozen=True):
    """The build of a Go program."""

    release: str
    package: str
    module: str | None
    version: str | None  # of the module
    linkage: str | None  # a word of `GoLinkage`; None: not for Linux
    reasons: tuple[str, ...]
    build_mode: str | None  # a word of `BuildMode`; None: neither told nor seen
    settings: Mapping[str, str]


class Binary(Struct, frozen=True, kw_only=True):
    """A binary as a report describes it; what only an ELF file has is None or () for others."""

    id: str
    path: str
    member_of: str | None
    sha256: str
    format: str
    machine: str | None
    bits: int | None
    endian: str | None
    kind: str | None
    interpreter: str | None
    libc: str | None
    soname: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    runpath: tuple[str, ...]
    flags: tuple[str, ...]
    version_needs: tuple[LibraryVersions, ...]
    version_defs: tuple[str, ...]
    glibc_floor: GlibcFloor | None
    build_id: str | None
    abi_note: str | None
    x86_isa_needed: str | None
    exec_stack: bool | None
    size_bytes: int
    description: str
    script: Shebang | None = None  # what its first line has the kernel start
    go: Go | None = None
    glibc_steps: tuple[GlibcStep, ...] = ()
    glibcxx_steps: tuple[GlibcStep, ...] = ()
    toolchain: tuple[Toolchain, ...] = ()
    runtime_needs: tuple[RunTimeNeed, ...] = ()
    dlopen: tuple[LaterNeed, ...] = ()  # what it says that it opens later
    foreign: Foreign | None = None  # what it needs on its own system

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name


class GivenStart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """
    The start that command line and manifest described; None: the inventory's, or nobody's.

    Of the environment only what a loader reads: the rest may be secret.
    """

    install_path: str | None = None
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    run_as: str | None = None
    loaded_by: str | None = None
    loaded_by_sha256: str | None = None
    loaded_by_path: str | None = None  # on the hosts


class Run(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which run of the command a report is of; None: it does not say."""

    id: str | None = None  # sortable by the time it began
    shard: str | None = None  # "2/5"; "1,2/5" of several that were put together
    resumed: str | None = None  # the id of the run whose results it took over
    hosts_expected: int | None = None
    start: GivenStart | None = None


class Report(Struct, frozen=True, kw_only=True):
    """
    Binaries, hosts and one verdict for each pair of them, hosts in the inventory's order.

    In one that was read from a file the binaries are those of the file.
    """

    version: str
    started_at: str  # RFC 3339, UTC, "…Z"
    elapsed_s: float
    binaries: tuple[Requirements | Binary, ...]
    hosts: tuple[Snapshot, ...]
    verdicts: tuple[Verdict, ...]
    run: Run = Run()
    cut: str | None = None  # of one that was read: where its file ends before the run did

    @property
    def summary(self) -> Summary:
        """Count the verdicts."""
        return Summary.of(self.verdicts)

    @property
    def missing(self) -> int:
        """How many hosts were to be asked and are not in it, at least."""
        missing = max(0, (self.run.hosts_expected or 0) - len(self.hosts))
        return max(missing, 1) if self.cut and self.run.hosts_expected is None else missing
