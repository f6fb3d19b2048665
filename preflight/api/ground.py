"""
What hosts offer to programs in general: made by judging programs that nobody wrote.

For each platform there is a program that needs the libraries in question and
nothing of them; where the host's own loader would find a library, its versions
are read.  So the search rules are those of every other verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Literal

from preflight.judge import judge
from preflight.model.elf import (
    DT_NEEDED,
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    ET_DYN,
    PT_LOAD,
    Dependency,
    Elf,
    Segment,
    machine_name,
)
from preflight.model.ground import Footing, Ground, Platform
from preflight.model.question import ElfContent, ReadElf
from preflight.model.requirements import Requirements
from preflight.model.snapshot import Snapshot
from preflight.model.start import Start
from preflight.model.verdict import Verdict

LIBRARIES = (
    *("libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1"),
    *("libz.so.1", "libbz2.so.1.0", "liblzma.so.5", "libzstd.so.1", "liblz4.so.1"),
    *("libssl.so.3", "libcrypto.so.3", "libssl.so.1.1", "libcrypto.so.1.1", "libgnutls.so.30"),
    *("libcurl.so.4", "libxml2.so.2", "libexpat.so.1", "libsqlite3.so.0", "libffi.so.8"),
    *("libncursesw.so.6", "libtinfo.so.6", "libreadline.so.8", "libpcre2-8.so.0"),
    *("libuuid.so.1", "libcap.so.2", "libselinux.so.1", "libsystemd.so.0", "libglib-2.0.so.0"),
)
# Findings about the libraries themselves, at which the loader has arrived already.
_OF_LIBRARIES = {
    *("library-missing", "library-unusable", "version-missing", "version-inconsistent"),
    *("symbol-missing", "cpu-level-too-low"),
}
_HEAD_BYTES = 64
_Machine = tuple[int, Literal[32, 64]]
_GLIBC: dict[str, _Machine] = {
    "/lib64/ld-linux-x86-64.so.2": (EM_X86_64, 64),
    "/lib/ld-linux-aarch64.so.1": (EM_AARCH64, 64),
    "/lib/ld-linux.so.2": (EM_386, 32),
    "/lib/ld-linux-armhf.so.3": (EM_ARM, 32),
}
_MUSL: dict[str, _Machine] = {
    "/lib/ld-musl-x86_64.so.1": (EM_X86_64, 64),
    "/lib/ld-musl-aarch64.so.1": (EM_AARCH64, 64),
}
# A musl program names musl itself otherwise; the rest is called alike.
_OF_GLIBC = ("libc.so.6", "libm.so.6")


class Standing(Requirements, frozen=True, kw_only=True):
    """A program that stands for all of its platform."""

    platform: Platform


def standing(libraries: Sequence[str] = LIBRARIES) -> tuple[Standing, ...]:
    """Return a program for each platform, which needs *libraries* (sonames)."""
    others = [name for name in libraries if name not in _OF_GLIBC]
    programs = [_program("glibc", path, of, libraries) for path, of in _GLIBC.items()]
    return (*programs, *(_program("musl", path, of, others) for path, of in _MUSL.items()))


def ground_of(
    snapshot: Snapshot, programs: Iterable[Standing], verdicts: Sequence[Verdict] | None = None
) -> Ground:
    """
    Return what the host, probed for *programs*, offers to each platform that it starts.

    *verdicts* are those on *programs*, where they are known already.
    """
    if verdicts is None:
        verdicts = [judge(program, Start(), snapshot).verdict for program in programs]
    found = map(partial(_footing, snapshot), programs, verdicts)
    return Ground(snapshot.host, snapshot.facts, tuple(one for one in found if one))


def _program(libc: str, interpreter: str, of: _Machine, needed: Sequence[str]) -> Standing:
    machine, bits = of
    platform = Platform(machine_name(machine, bits, "little"), libc, interpreter)
    return Standing(
        id=f"{platform.machine}-{libc}",
        path=f"{platform.machine}-{libc}",
        name="program",
        sha256="",
        size_bytes=_HEAD_BYTES,
        format="elf",
        description=f"a program for {platform.machine} and {libc}",
        libc="musl" if libc == "musl" else "glibc",
        platform=platform,
        elf=Elf(
            size_bytes=_HEAD_BYTES,
            head=_head(machine, bits),
            bits=bits,
            type=ET_DYN,
            machine=machine,
            phentsize=56 if bits == 64 else 32,
            segments=(Segment(PT_LOAD, 5, 0, 0, _HEAD_BYTES, _HEAD_BYTES, 4096),),
            interpreter=interpreter,
            has_dynamic=True,
            dependencies=tuple(Dependency(DT_NEEDED, name) for name in needed),
        ),
    )


def _head(machine: int, bits: Literal[32, 64]) -> bytes:
    """Return an ELF header with one program header.  Source: gABI, Elf64_Ehdr, Elf32_Ehdr."""
    head = bytearray(_HEAD_BYTES)
    head[:7] = b"\x7fELF" + bytes([bits // 32, 1, 1])
    head[16:20] = ET_DYN.to_bytes(2, "little") + machine.to_bytes(2, "little")
    at = 56 if bits == 64 else 44
    head[at : at + 2] = b"\1\0"
    return bytes(head)


def _footing(snapshot: Snapshot, program: Standing, verdict: Verdict) -> Footing | None:
    """Return what the platform finds; None where the host does not start its programs."""
    doubts = {f.code for f in verdict.findings if f.severity in ("error", "unknown")}
    loader = snapshot.answers.get(ReadElf(program.platform.interpreter))
    if doubts - _OF_LIBRARIES or not isinstance(loader, ElfContent):
        return None  # nothing of this platform would start, or nobody knows
    libraries, files = {}, {program.platform.interpreter: loader.sha256}
    for library in verdict.libraries:
        content = snapshot.answers.get(ReadElf(library.path)) if library.path else None
        if isinstance(content, ElfContent):
            defined = content.elf.version_defs
            libraries[library.name] = tuple(one.name for one in defined if not one.base)
            files[library.name] = content.sha256
    releases = {libc.interpreter: libc.version for libc in snapshot.facts.libcs}
    release = releases.get(program.platform.interpreter)
    return Footing(program.platform, release, libraries, files)
