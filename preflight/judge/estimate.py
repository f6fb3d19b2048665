"""
On which releases would it start?  An estimate by a table, without any host; never a verdict.

It compares what a program needs with what `preflight.model.releases` says of a
release as it is installed from its repositories.  Symbols, mounts, policies
and whatever else only a host can tell are not looked at, and musl has no
versions to compare.  Source: ld.so(8); gcc's "ABI Policy and Guidelines" for
the versions of libstdc++.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from preflight.model.elf import X86_LEVELS, Elf, machine_name
from preflight.model.estimate import Answer, Estimate, Outlook, Reason
from preflight.model.nodes import kind, newest
from preflight.model.releases import Release, releases, stem
from preflight.model.requirements import Requirements

# What belongs to glibc itself on every distribution.  libnsl.so.1 is a package of its own on some.
_GLIBC = re.compile(
    r"(lib(c|m)\.so\.6|lib(pthread|thread_db)\.so\.[01]|lib(dl|resolv)\.so\.2"
    r"|lib(rt|util|anl|mvec|BrokenLocale)\.so\.1|ld-linux.*\.so\.\d|ld64\.so\.\d)"
)
_MUSL = re.compile(r"libc\.so|libc\.musl-\w+\.so\.1|ld-musl-\w+\.so\.1")
_GLIBC_LOADER = re.compile(r"/lib(64|x32)?/ld(-linux[\w-]*|64)?\.so\.\d")
_MUSL_LOADER = re.compile(r"/lib/ld-musl-[\w-]+\.so\.1")
_MUSL_PACKAGE = {"Debian": "musl", "Ubuntu": "musl"}
# gcc's releases, and the newest version of libstdc++ since then.
_LIBSTDCXX: dict[tuple[int, ...], tuple[str, ...]] = {
    (4, 8): ("GLIBCXX_3.4.18", "CXXABI_1.3.7"),
    (4, 8, 3): ("GLIBCXX_3.4.19", "CXXABI_1.3.7"),
    (4, 9): ("GLIBCXX_3.4.20", "CXXABI_1.3.8"),
    (5,): ("GLIBCXX_3.4.21", "CXXABI_1.3.9"),
    (6,): ("GLIBCXX_3.4.22", "CXXABI_1.3.10"),
    (7,): ("GLIBCXX_3.4.23", "CXXABI_1.3.11"),
    (7, 2): ("GLIBCXX_3.4.24", "CXXABI_1.3.11"),
    (8,): ("GLIBCXX_3.4.25", "CXXABI_1.3.11"),
    (9,): ("GLIBCXX_3.4.26", "CXXABI_1.3.12"),
    (9, 2): ("GLIBCXX_3.4.27", "CXXABI_1.3.12"),
    (9, 3): ("GLIBCXX_3.4.28", "CXXABI_1.3.12"),
    (11,): ("GLIBCXX_3.4.29", "CXXABI_1.3.13"),
    (12,): ("GLIBCXX_3.4.30", "CXXABI_1.3.13"),
    (13,): ("GLIBCXX_3.4.31", "CXXABI_1.3.14"),
    (13, 2): ("GLIBCXX_3.4.32", "CXXABI_1.3.14"),
    (14,): ("GLIBCXX_3.4.33", "CXXABI_1.3.15"),
    (15,): ("GLIBCXX_3.4.34", "CXXABI_1.3.16"),
}
# Source: gcc libgcc/config/i386/libgcc-glibc.ver.
_LIBGCC: dict[tuple[int, ...], tuple[str, ...]] = {
    (4, 8): ("GCC_4.8.0",),
    (7,): ("GCC_7.0.0",),
    (12,): ("GCC_12.0.0",),
    (13,): ("GCC_13.0.0",),
    (14,): ("GCC_14.0.0",),
}
_BY_GCC = {"libstdc++.so.6": _LIBSTDCXX, "libgcc_s.so.1": _LIBGCC}
_DT_RELR, _RELR_SINCE = "GLIBC_ABI_DT_RELR", (2, 36)


def outlook(needs: Requirements, on: Iterable[Release] | None = None) -> Outlook:
    """Return what the table says of *needs* on some releases, or all, or why it says nothing."""
    if note := no_estimate(needs):
        return Outlook(needs.id, needs.path, note)
    found = tuple(estimate(needs, release) for release in (releases() if on is None else on))
    return Outlook(needs.id, needs.path, None, found)


def no_estimate(needs: Requirements) -> str | None:
    """Return why there is nothing to estimate of *needs*; None where there is."""
    if needs.bundle is not None and not any(member.elf for member in needs.bundle.members):
        return "no Linux program or library is in it"
    if needs.elf is None and needs.bundle is None:
        if needs.format == "script":
            return "a script starts where its interpreter does: inspect that"
        return f"{needs.description}: no program for Linux"
    if needs.elf is not None and needs.elf.kind == "other" and not needs.elf.defect:
        return "neither a program nor a shared library"
    system = needs.go.setting("GOOS") if needs.go else None
    return f"a Go program for {system}, not Linux" if system not in (None, "linux") else None


def estimate(needs: Requirements, release: Release) -> Estimate:
    """Return what the table says of *needs*, or of all members of a bundle, on *release*."""
    members = needs.bundle.members if needs.bundle else ()
    own = frozenset(name for one in members for name in _names(one))
    found = [_Look(one, release, own) for one in (needs, *members)]
    no, unknown = _merged(look.no for look in found), _merged(look.unknown for look in found)
    packages = sorted({package for look in found for package in look.packages})
    conditions = tuple(dict.fromkeys(text for look in found for text in look.conditions))
    answer: Answer = "needs-packages" if packages else "starts"
    if no:
        return Estimate(release, "does-not-start", no)
    if unknown:
        return Estimate(release, "unknown", unknown, (), conditions)
    return Estimate(release, answer, (), tuple(packages), conditions)


def versions_of(release: Release, library: str) -> tuple[str, ...]:
    """Return the newest versions of each kind that *release*'s *library* has; () if not known."""
    if library in release.nodes:
        return release.nodes[library]
    if release.libc == "glibc" and release.libc_version and _GLIBC.fullmatch(library):
        relr = (_DT_RELR,) if _number(release.libc_version) >= _RELR_SINCE else ()
        return (f"GLIBC_{release.libc_version}", *relr)
    table = _BY_GCC.get(library)
    if table is None or release.gcc is None:
        return ()
    newest_of_gcc = table[max(since for since in table if since <= _number(release.gcc))]
    return (*newest_of_gcc, "CXXABI_TM_1") if library == "libstdc++.so.6" else newest_of_gcc


class _Look:
    """One program or library on one release: what speaks against it, and what it needs."""

    def __init__(self, needs: Requirements, release: Release, own: frozenset[str]) -> None:
        self.release = release
        self.no: list[Reason] = []
        self.unknown: list[Reason] = []
        self.packages: set[str] = set()
        self.conditions: list[str] = []
        self._own = own
        self._of = f", for {needs.inner}" if needs.inner else ""
        if needs.elf is not None and needs.elf.defect:
            self._doubt(needs.elf.defect)
            return
        if needs.elf is None or not self._machine(needs.elf):
            return
        self._level(needs)
        self._kernel(needs.elf)
        if needs.elf.kind in ("static", "static-pie"):
            return
        if self._loader(needs, needs.elf):
            for soname in needs.elf.needed:
                self._library(soname, needs.elf)
            self._versions(needs.elf)

    def _refuse(self, text: str, has: str = "") -> None:
        self.no.append(Reason(text + self._of, has))

    def _doubt(self, text: str, has: str = "") -> None:
        self.unknown.append(Reason(text + self._of, has))

    def _machine(self, elf: Elf) -> bool:
        name, machines = machine_name(elf.machine, elf.bits, elf.endian), self.release.machines
        if name in machines:
            if name == "i386" and "x86_64" in machines and elf.interpreter:
                self.conditions.append("with the 32-bit packages")
            return True
        none = self.release.closed or "ld-linux.so.2" in self.release.absent
        if name == "i386" and "x86_64" in machines and (elf.interpreter is None or not none):
            self._doubt("whether it runs 32-bit programs")
        else:
            self._refuse(f"no release for {name}")
        return False

    def _level(self, needs: Requirements) -> None:
        levels = [X86_LEVELS.index(self.release.x86_level)]
        for level in (needs.x86_isa_needed, needs.go_level):
            if level in X86_LEVELS and X86_LEVELS.index(level) > levels[0]:
                levels.append(X86_LEVELS.index(level))
        if len(levels) > 1:
            self.conditions.append(f"on CPUs from {X86_LEVELS[max(levels)]} on")

    def _kernel(self, elf: Elf) -> None:
        tag = elf.abi_tag
        if tag is None or tag.system != 0 or self.release.kernel is None:
            return
        if tag.release > _number(self.release.kernel):
            wanted = ".".join(map(str, tag.release))
            self._doubt(f"made for kernels from {wanted} on", self.release.kernel)

    def _loader(self, needs: Requirements, elf: Elf) -> bool:
        libc, release = needs.libc, self.release
        standard = _MUSL_LOADER if libc == "musl" else _GLIBC_LOADER
        if libc is None:
            self._doubt("needs a C library that is neither glibc nor musl")
        elif elf.interpreter and not standard.fullmatch(elf.interpreter):
            self._refuse(f"no package has its loader {elf.interpreter}")
        elif libc == release.libc:
            if libc == "musl":
                self.conditions.append("if its musl has the functions (not compared)")
            return True
        elif package := self._musl_package(libc, elf):
            self.packages.add(package)
        else:
            self._refuse(f"no loader {elf.interpreter or f'of {libc}'}", release.libc or "no libc")
        return False

    def _musl_package(self, libc: str, elf: Elf) -> str | None:
        alone = all(_MUSL.fullmatch(soname) for soname in elf.needed)
        return _MUSL_PACKAGE.get(self.release.family) if libc == "musl" and alone else None

    def _library(self, soname: str, elf: Elf) -> None:
        release = self.release
        libc = _MUSL if release.libc == "musl" else _GLIBC
        if libc.fullmatch(soname) or soname in self._own:
            return
        if soname == "libnsl.so.1" and soname in release.nodes:
            return
        if soname in release.libraries:
            if soname not in release.always:
                self.packages.add(release.libraries[soname])
        elif path := elf.runpath or elf.rpath:
            self._doubt(f"{soname} has to lie in {path}")
        elif release.lacks(soname):
            others = [name for name in release.libraries if stem(name) == stem(soname)]
            self._refuse(f"no package has {soname}", ", ".join(others))
        else:
            self._doubt(f"{soname} is not in the table")

    def _versions(self, elf: Elf) -> None:
        for need in elf.version_needs:
            if need.library not in self._own and need.library not in self.release.absent:
                wanted = (version.name for version in need.versions if not version.weak)
                for _, node in sorted(newest(wanted).items()):
                    self._version(need.library, node)

    def _version(self, library: str, node: str) -> None:
        release, has = self.release, versions_of(self.release, library)
        name, number = kind(node)
        same = next((one for one in has if kind(one)[0] == name), None)
        if node == "GLIBC_PRIVATE":
            self._doubt(f"uses glibc's own internals of {library}")
        elif same is not None and number <= kind(same)[1]:
            return
        elif library not in release.libraries and not _GLIBC.fullmatch(library):
            return  # what there is to say of it was said of the library
        elif not self._ends_with(library, same):
            known = f"at least {same}" if same else ""
            self._doubt(f"whether {library} has {node}", known)
        else:
            self._refuse(f"{library} has no {node}", same or "")

    def _ends_with(self, library: str, same: str | None) -> bool:
        """Whether *same* is the last of its kind that the release's *library* has."""
        release = self.release
        if _GLIBC.fullmatch(library):
            # Some add a later release's symbols to the loader alone (rseq in RHEL 9).
            derived = same is not None and not library.startswith("ld")
            return "libc" not in release.grows and (derived or release.measured)
        if library in ("libstdc++.so.6", "libgcc_s.so.1"):
            return "gcc" not in release.grows and (same is not None or release.measured)
        return release.measured and library in release.nodes and "libc" not in release.grows


def _names(needs: Requirements) -> Iterator[str]:
    """Yield what other members of its bundle may call a library."""
    yield needs.name
    if needs.elf is not None and needs.elf.soname:
        yield needs.elf.soname


def _merged(lists: Iterable[list[Reason]]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(reason for reasons in lists for reason in reasons))


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
