"""
On the host: the package to install, by the rules by which distributions name packages.

Source: Debian Policy 8.1 and its own exceptions (the .shlibs of bookworm);
rpm's dependency generator (elfdeps), which names a 64-bit library
``SONAME()(64bit)``; apk-tools, which names it ``so:SONAME``.  The host's own
package manager is not asked.  Limit: Debian's rule is for packages of one
library; of those that the tests find, four in five follow it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.model.verdict import Finding, Remedy

_DEBIAN = {"debian", "ubuntu", "raspbian", "linuxmint", "kali", "pop", "devuan"}
_RPM = {"rhel", "centos", "rocky", "almalinux", "fedora", "ol", "amzn"}
_SUSE = {"sles", "opensuse-leap", "opensuse-tumbleweed"}
_SONAME = re.compile(r"(lib[A-Za-z0-9_.+-]+?)\.so\.([0-9][0-9.]*)")
_LIBC = re.compile(r"lib(c|m|dl|rt|pthread|resolv|util|mvec|anl)\.so\.[0-9]")
_UNRULY = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libz.so.1": "zlib1g",
    "libgcc_s.so.1": "libgcc-s1",
    "libcrypto.so.3": "libssl3",
    "libcrypto.so.1.1": "libssl1.1",
    "libxml2.so.2": "libxml2",
    "libgobject-2.0.so.0": "libglib2.0-0",
    "libgio-2.0.so.0": "libglib2.0-0",
}
_LOADERS = {
    "/lib64/ld-linux-x86-64.so.2": ("libc6", "glibc", "gcompat"),
    "/lib/ld-linux-aarch64.so.1": ("libc6", "glibc", "gcompat"),
    "/lib/ld-linux.so.2": ("libc6:i386", "glibc.i686", None),
    "/lib/ld-musl-x86_64.so.1": ("musl", None, "musl"),
    "/lib/ld-musl-aarch64.so.1": ("musl", None, "musl"),
}


def remedies(finding: Finding, case: Case) -> Iterator[Remedy]:
    """Yield what to install for a library or loader that is not there; nothing on odd names."""
    if finding.severity != "error":
        return
    found = None
    if finding.code == "library-missing":
        found = _library(finding.subject, case)
    elif finding.code == "interpreter-missing":
        found = _loader(finding.subject, case.facts.os_id)
    elif finding.code == "version-missing":
        found = _release(finding.subject)
    if found is not None:
        yield found


def debian_package(soname: str) -> str | None:
    """Return the name of the package with *soname*, as Debian's rule has it (libfoo2, libx11-6)."""
    if soname in _UNRULY:
        return _UNRULY[soname]
    parts = _SONAME.fullmatch(soname)
    if parts is None:
        return None
    if _LIBC.fullmatch(soname):
        return "libc6"
    name = parts[1].lower().replace("_", "-")
    return f"{name}-{parts[2]}" if name[-1].isdigit() else f"{name}{parts[2]}"


def _library(soname: str, case: Case) -> Remedy | None:
    system, elf = case.facts.os_id, case.elf
    if not _SONAME.fullmatch(soname) or elf is None:
        return None
    capability = soname + ("()(64bit)" if elf.bits == 64 else "")
    if system in _DEBIAN and (package := debian_package(soname)):
        other = ":i386" if elf.bits == 32 and case.facts.machine == "x86_64" else ""
        return _install("apt-get install", package + other, soname)
    if system in _RPM:
        return _install("dnf install", capability, soname)
    if system in _SUSE:
        return _install("zypper install", capability, soname)
    return _install("apk add", f"so:{soname}", soname) if system == "alpine" else None


def _loader(path: str, system: str | None) -> Remedy | None:
    debian, rpm, alpine = _LOADERS.get(path, (None, None, None))
    if system in _DEBIAN and debian:
        return _install("apt-get install", debian, path)
    if system in _RPM and rpm:
        return _install("dnf install", rpm, path)
    return _install("apk add", alpine, path) if system == "alpine" and alpine else None


def _release(subject: str) -> Remedy:
    library = subject.partition(":")[0]
    if _LIBC.fullmatch(library):
        text = "the C library comes with the system's release: a newer one of the system, or a "
        return Remedy(where="host", text=f"{text}build against an older glibc", certainty="stated")
    return Remedy(where="host", text=f"a newer {library}", certainty="naming-rule")


def _install(command: str, package: str, thing: str) -> Remedy:
    return Remedy(
        where="host",
        text=f"{thing} may be in {package}: a naming rule says so, no package manager was asked",
        command=f"{command} {shlex.quote(package)}",
        certainty="naming-rule",
    )
