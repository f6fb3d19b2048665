"""Names and versions: kernel, distribution, libc, loaders, user, clock."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from preflight.model import text
from preflight.probe.facts.outputs import Outputs, Unknown, lines_of

_RHEL = {"rhel", "centos", "ol", "scientific"}  # ID, and ID_LIKE of the others
_NO_UNAME = Unknown("uname -srm gave no answer")
_NO_ID = Unknown("id gave no answer")
_GLIBC_LDD = re.compile(r"^ldd \(.*\) (\d+\.\d+(?:\.\d+)*)\s*$", re.MULTILINE)
_MUSL_LDD = re.compile(r"^musl libc\b.*?^Version (\d+\.\d+(?:\.\d+)*)", re.MULTILINE | re.DOTALL)


def parse_system(outputs: Outputs) -> str | Unknown:
    """Return ``uname -s``."""
    words = _uname(outputs)
    return words[0] if words else _NO_UNAME


def parse_kernel(outputs: Outputs) -> str | Unknown:
    """Return ``uname -r``."""
    words = _uname(outputs)
    return " ".join(words[1:-1]) if words else _NO_UNAME


def parse_machine(outputs: Outputs) -> str | Unknown:
    """Return ``uname -m``: the kernel's machine, not the user land's."""
    words = _uname(outputs)
    return words[-1] if words else _NO_UNAME


def _uname(outputs: Outputs) -> list[str]:
    words = " ".join(lines_of(outputs, "uname")).split()
    return words if len(words) >= 3 else []


def parse_os(outputs: Outputs) -> str | Unknown | None:
    """Return PRETTY_NAME.  Source: os-release(5)."""
    release = _os_release(outputs)
    if isinstance(release, Unknown):
        return release
    return release.get("PRETTY_NAME") or release.get("NAME")


def parse_os_id(outputs: Outputs) -> str | Unknown | None:
    """Return ID, which is "linux" by default.  Source: os-release(5)."""
    release = _os_release(outputs)
    return release if isinstance(release, Unknown) else release.get("ID", "linux")


def parse_os_version(outputs: Outputs) -> str | Unknown | None:
    """Return VERSION_ID, which rolling distributions lack.  Source: os-release(5)."""
    release = _os_release(outputs)
    return release if isinstance(release, Unknown) else release.get("VERSION_ID")


def rhel_release(outputs: Outputs) -> str | None:
    """Return the major release of RHEL that the system is, or is built from; None for others."""
    release = _os_release(outputs)
    if isinstance(release, Unknown):
        return None
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return release.get("VERSION_ID", "").partition(".")[0] if names & _RHEL else None


def _os_release(outputs: Outputs) -> Mapping[str, str] | Unknown:
    if "os" not in outputs:
        return Unknown("there is no readable os-release file")
    return _pairs(outputs["os"])


@lru_cache(maxsize=256)
def _pairs(release: bytes) -> Mapping[str, str]:
    """Read an os-release file; a fleet has few different ones."""
    lines = (line for line in text.decode(release).split("\n") if line and line[0] != "#")
    pairs = (line.partition("=") for line in lines)
    return MappingProxyType({n.strip(): _unquoted(value.strip()) for n, _, value in pairs})


def _unquoted(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value


def parse_ldd_version(outputs: Outputs) -> str | Unknown:
    """Return the release of the C library that ``ldd --version`` names."""
    found = _ldd(outputs)
    return found if isinstance(found, Unknown) else found[1]


def parse_ldd_family(outputs: Outputs) -> str | Unknown:
    """Return "glibc" or "musl", by the form of ``ldd --version``."""
    found = _ldd(outputs)
    return found if isinstance(found, Unknown) else found[0]


def _ldd(outputs: Outputs) -> tuple[str, str] | Unknown:
    """
    Read ``ldd --version``.

    musl prints it to stderr and exits 1.  Distributions put their own words
    in glibc's parentheses, and the release stands at the end of the first line.
    """
    said = text.decode(outputs.get("ldd", b"")).strip()
    if found := _MUSL_LDD.search(said):
        return "musl", found[1]
    if found := _GLIBC_LDD.search(said):
        return "glibc", found[1]
    return Unknown(f"ldd --version said {text.printable(said[:60])!r}")


def parse_loaders(outputs: Outputs) -> tuple[str, ...] | Unknown:
    """Return the ELF interpreters at the usual paths."""
    if "loaders" not in outputs:
        return Unknown("the host did not look for loaders")
    return tuple(dict.fromkeys(lines_of(outputs, "loaders")))


def parse_shell_head(outputs: Outputs) -> bytes | Unknown:
    """Return the first 20 bytes of /bin/sh: the user land's machine."""
    return outputs.get("shell") or Unknown("/bin/sh is not readable")


def parse_uid(outputs: Outputs) -> int | Unknown:
    """Return ``id -u``."""
    lines = lines_of(outputs, "ids")
    return int(lines[0]) if lines and lines[0].isdecimal() else _NO_ID


def parse_gids(outputs: Outputs) -> tuple[int, ...] | Unknown:
    """Return ``id -G``."""
    words = "".join(lines_of(outputs, "ids")[1:2]).split()
    return tuple(map(int, words)) if words and all(w.isdecimal() for w in words) else _NO_ID


def parse_user(outputs: Outputs) -> str | Unknown:
    """Return ``id -un``; a user id need not have a name."""
    lines = lines_of(outputs, "ids")
    return lines[2] if len(lines) == 3 else Unknown("the user id has no name")


def parse_clock(outputs: Outputs) -> int | Unknown:
    """Return the host's time in seconds since 1970."""
    line = "".join(lines_of(outputs, "clock"))
    return int(line) if line.isdecimal() else Unknown("date +%s gave no answer")
