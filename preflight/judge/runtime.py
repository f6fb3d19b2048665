"""
Has the host what the program will want once it runs?  Advice: it blocks nothing.

What the binary gives cause for stands in `Requirements.runtime_needs`; a need is
reported where the host was seen to lack the thing, and never where it was not
asked: a program that starts is deployable, and silence about what nobody looked
at promises nothing.  Source: nsswitch.conf(5), nss(5), shm_overview(7),
sem_overview(7), locale(7), proc(5), Go src/crypto/x509/root_unix.go and
src/time/zoneinfo.go; glibc manual, "Running the C library in static programs".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from preflight.judge.case import Case
from preflight.model import text
from preflight.model.question import (
    Absent,
    BytesContent,
    FileQuestion,
    FileState,
    List,
    Listing,
    ReadBytes,
    Stat,
)
from preflight.model.runtime import CA_PLACES, ZONE_PLACES, RunTimeKind, RunTimeNeed
from preflight.model.verdict import Finding, Severity

_ZONES, _SHM = "/usr/share/zoneinfo/", "/dev/shm"  # noqa: S108 - asked for, not written to
_NSSWITCH = "/etc/nsswitch.conf"
_DATABASES = ("passwd", "group", "hosts")
_MOST = 8  # services of the name service switch that are looked at
_SERVICE = re.compile(r"[a-z0-9_]{1,32}")
_TRIPLETS = {"i686": "i386-linux-gnu", "i386": "i386-linux-gnu"}
_LOCALES = "/usr/lib/locale"
_ARCHIVE = f"{_LOCALES}/locale-archive"
# They need no file; C.UTF-8 is in glibc since 2.35, and distributions ship it before.
_OWN_LOCALES = ("", "c", "posix", "c.utf8")
_LOCALE = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_LOCALE_VARIABLES = ("LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG")


def common() -> tuple[FileQuestion, ...]:
    """Return what any program may have asked of a host, for whoever collects for later."""
    places = (*CA_PLACES, *ZONE_PLACES, f"{_LOCALES}/", _SHM, _ARCHIVE)
    asked = (List(p.rstrip("/")) if p.endswith("/") else Stat(p) for p in places)
    return (*asked, ReadBytes(_NSSWITCH))


def advise(case: Case) -> Iterator[Finding]:
    """Yield what the host lacks of the run-time needs."""
    for need in case.requirements.runtime_needs:
        yield from _CHECKS[need.kind](need, case)


def _certificates(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    told = case.start.variable("SSL_CERT_FILE") or case.start.variable("SSL_CERT_DIR")
    if not told and _lacks(case, need.places):
        yield _finding(
            "ca-certificates-missing",
            "CA certificates",
            f"no CA certificates on the host: no certificate of a server would be trusted "
            f"({need.because})",
            need.places,
        )


def _zones(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    if not case.start.variable("ZONEINFO") and _lacks(case, need.places):
        yield _finding(
            "timezone-data-missing",
            _ZONES.rstrip("/"),
            f"no time-zone data on the host: only UTC is known ({need.because})",
            need.places,
        )


def _shared_memory(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    state = case.asides.stat(_SHM)
    if isinstance(state, Absent) or (isinstance(state, FileState) and state.kind != "directory"):
        yield _finding(
            "shm-missing",
            _SHM,
            f"no {_SHM} on the host: shared memory and named semaphores fail ({need.because})",
        )


def _proc(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    if case.facts.proc_mounted is False:
        yield _finding(
            "proc-missing",
            "/proc",
            f"/proc is not mounted: the program does not find its own path ({need.because})",
        )


def _gconv(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    elf = case.elf
    if elf is None or (elf.interpreter is not None and case.requirements.libc != "glibc"):
        return
    places = need.places or tuple(f"{directory}/gconv/" for directory in _directories(case))
    if _lacks(case, places):
        yield _finding(
            "gconv-modules-missing",
            "gconv",
            f"no gconv modules on the host: only UTF-8, ASCII and UCS are converted "
            f"({need.because})",
            places,
        )


def _nss(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    """Look up the services that the host's switch names and the program's own libc lacks."""
    answer = case.asides.data(_NSSWITCH)
    if isinstance(answer, BytesContent):
        services = _services(text.decode(answer.data))
    elif isinstance(answer, Absent):
        services = ("files", "dns")  # nss/nsswitch.c: what is asked without the file
    else:
        return
    for service in [one for one in services if one not in need.places][:_MOST]:
        library = f"libnss_{service}.so.2"
        states = [case.asides.stat(f"{d}/{library}") for d in _directories(case)]
        if all(isinstance(state, Absent) for state in states):
            message = (
                f"{library} is not on the host: what {service} would know is not found "
                f"({need.because})"
            )
            yield _finding("nss-modules", library, message, severity="warning")
        elif any(isinstance(state, FileState) for state in states):
            yield _finding("nss-modules", library, _same_release(need, case, library), (), "info")


def _same_release(need: RunTimeNeed, case: Case, library: str) -> str:
    release = case.facts.ldd_version if case.facts.ldd_family == "glibc" else None
    return (
        f"{library} works only with the glibc that the static program was linked with; "
        f"the host has {release or 'one of unknown release'} ({need.because})"
    )


def _services(switch: str) -> tuple[str, ...]:
    """Return the services of the databases that programs ask most, each once."""
    found: dict[str, None] = {}
    for line in switch.splitlines():
        database, colon, rest = line.partition("#")[0].partition(":")
        if colon and database.strip() in _DATABASES:
            words = re.sub(r"\[[^]]*\]", " ", rest).split()
            found |= dict.fromkeys(word for word in words if _SERVICE.fullmatch(word))
    return tuple(found)


def _locale(need: RunTimeNeed, case: Case) -> Iterator[Finding]:
    """Look for the locale that the start names, where it is no archive that has it."""
    values = (case.start.variable(name) for name in _LOCALE_VARIABLES)
    name = next((value for value in values if value), "")
    if _normal(name) in _OWN_LOCALES or not _LOCALE.fullmatch(name):
        return
    if case.requirements.libc != "glibc" or case.start.variable("LOCPATH"):
        return
    if not isinstance(case.asides.stat(_ARCHIVE), Absent):
        return
    names = case.asides.names(_LOCALES)
    there = names.names if isinstance(names, Listing) else ()
    if not isinstance(names, Listing | Absent) or _normal(name) in map(_normal, there):
        return
    yield _finding(
        "locale-missing",
        name,
        f"the locale {name} is not on the host: the program gets C, or stops ({need.because})",
        (_ARCHIVE, f"{_LOCALES}/{name}"),
    )


def _normal(name: str) -> str:
    """Return the name as glibc compares it: the codeset in small letters, without dashes."""
    language, dot, codeset = name.partition(".")
    return f"{language}{dot}{codeset.replace('-', '')}".lower()


def _directories(case: Case) -> Sequence[str]:
    machine = case.facts.machine or ""
    elf = case.elf
    if elf is not None and elf.bits == 32 and machine == "x86_64":
        machine = "i386"
    triplet = _TRIPLETS.get(machine, f"{machine}-linux-gnu")
    wide = "64" if elf is not None and elf.bits == 64 else ""
    names = (f"/usr/lib/{triplet}", f"/usr/lib{wide}", "/usr/lib", f"/lib/{triplet}", f"/lib{wide}")
    return tuple(dict.fromkeys(names))


def _lacks(case: Case, places: Sequence[str]) -> bool:
    """Whether every one of *places* was looked at, and nothing is there."""
    absent = [_is_absent(case, place) for place in places]  # all are asked, in one round
    return bool(absent) and all(absent)


def _is_absent(case: Case, place: str) -> bool:
    if not place.endswith("/"):
        return isinstance(case.asides.stat(place), Absent)
    names = case.asides.names(place.rstrip("/"))
    return isinstance(names, Absent) or (isinstance(names, Listing) and not names.names)


def _finding(
    code: str,
    subject: str,
    message: str,
    places: Sequence[str] = (),
    severity: Severity = "warning",
) -> Finding:
    evidence = tuple(f"{place}: not there" for place in places)
    return Finding(
        code=code, severity=severity, subject=subject, message=message, evidence=evidence
    )


_CHECKS: dict[RunTimeKind, Callable[[RunTimeNeed, Case], Iterator[Finding]]] = {
    "ca-certificates": _certificates,
    "timezone-data": _zones,
    "shared-memory": _shared_memory,
    "proc": _proc,
    "gconv": _gconv,
    "nss": _nss,
    "locale": _locale,
}
