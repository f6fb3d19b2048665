"""
On the host: the package to install or to upgrade.

The host's own package manager is asked, by what it has on disk (`offers`).
Where it cannot tell, or was not asked, the rules by which distributions name
packages suggest one (`naming`), and that is said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.remedies import naming, offers
from preflight.model.question import Failed, NotAsked, Offers, Package
from preflight.model.verdict import Finding, Remedy

_INSTALL = {
    "debian": "apt-get install",
    "rpm": "dnf install",
    "suse": "zypper install",
    "alpine": "apk add",
}


def remedies(finding: Finding, case: Case) -> Iterator[Remedy]:
    """Yield what to install for what is missing; nothing on odd names."""
    if finding.severity != "error":
        return
    question = _question(finding, case)
    answer = case.package(question) if question else None
    found: tuple[Remedy, ...] = ()
    if question is not None and isinstance(answer, Offers):
        found = tuple(offers.remedies(question, answer))
    if found:
        yield from found
    elif (rule := _by_rule(finding, case, _why(answer))) is not None:
        yield rule


def _question(finding: Finding, case: Case) -> Package | None:
    """Return what the package manager is asked, None where a package would not mend it."""
    elf = case.elf
    if finding.code == "interpreter-missing":
        return _of_interpreter(finding.subject, case)
    if elf is None:
        return None
    if finding.code == "library-missing" and "/" not in finding.subject:
        guesses = naming.debian_guesses(finding.subject, elf)
        return Package(finding.subject, elf.bits or 64, guesses=guesses)
    if finding.code == "version-missing":
        library, _, node = finding.subject.partition(":")
        if file := _file_of(library, case):
            return Package(library, elf.bits or 64, node, file)
    return None


def _of_interpreter(path: str, case: Case) -> Package | None:
    elf = case.elf
    if elf is not None and elf.interpreter == path:
        guesses = naming.loader_guesses(path, elf)
        return Package(path.rpartition("/")[2], elf.bits or 64, guesses=guesses)
    if not path:
        return None
    where = path if path.startswith("/") else f"/usr/bin/{path}"
    return Package(where, guesses=(naming.command_guess(path),))


def _file_of(library: str, case: Case) -> str | None:
    """Return where the loader found *library*."""
    objects = case.resolution.objects if case.resolution else ()
    return next((one.path for one in objects if library in (one.name, *one.names)), None)


def _why(answer: object) -> str:
    """Return why there is but a rule."""
    if isinstance(answer, Failed):
        return f"the package manager cannot tell offline: {answer.errno}"
    if isinstance(answer, Offers):
        return f"the package manager cannot tell offline: {answer.reason}"
    return "no package manager was asked" if answer is None or isinstance(answer, NotAsked) else ""


# --- by rules alone ---


def _by_rule(finding: Finding, case: Case, why: str) -> Remedy | None:
    family = naming.family_of(case.facts.os_id)
    package = None
    if finding.code == "library-missing":
        package = _library(finding.subject, family, case)
    elif finding.code == "interpreter-missing" and family:
        package = naming.loader_package(finding.subject, family)
    elif finding.code == "version-missing":
        return _release(finding.subject)
    if package is None or family is None:
        return None
    return Remedy(
        where="host",
        text=f"{finding.subject} may be in {package}: a naming rule says so, {why}",
        command=f"{_INSTALL[family]} {shlex.quote(package)}",
        certainty="naming-rule",
    )


def _library(soname: str, family: naming.Family | None, case: Case) -> str | None:
    elf = case.elf
    if not naming.SONAME.fullmatch(soname) or elf is None:
        return None
    if family == "debian" and (package := naming.debian_package(soname)):
        other = ":i386" if elf.bits == 32 and case.facts.machine == "x86_64" else ""
        return package + other
    if family in ("rpm", "suse"):
        return soname + ("()(64bit)" if elf.bits == 64 else "")
    return f"so:{soname}" if family == "alpine" else None


def _release(subject: str) -> Remedy:
    library = subject.partition(":")[0]
    if naming.LIBC.fullmatch(library):
        text = "the C library comes with the system's release: a newer one of the system, or a "
        return Remedy(where="host", text=f"{text}build against an older glibc", certainty="stated")
    return Remedy(where="host", text=f"a newer {library}", certainty="naming-rule")
