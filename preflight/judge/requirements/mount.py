"""
``mounts: {/tmp: exec, /data: [rw, mountpoint]}``: how is the file system mounted?

An option or its opposite as in /proc/self/mountinfo (proc(5)); ``mountpoint``: something is
mounted at the path itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, unmet, unsure
from preflight.model.form import PATH, Table, Text, Texts
from preflight.model.need import Need
from preflight.model.question import Absent, FileState, NotAsked
from preflight.model.snapshot import Mount
from preflight.model.verdict import Finding

CODE = "requirement-mount"
OPPOSITES = {"exec": "noexec", "suid": "nosuid", "dev": "nodev", "rw": "ro"}
WORDS = (*OPPOSITES, *OPPOSITES.values(), "mountpoint")
OPTION = Text("|".join(WORDS), "an option of a mount", "exec", "or " + ", ".join(WORDS[1:]))


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The mount that holds the path has the options."""
    facts, path = case.snapshot.facts, need.subject.rstrip("/") or "/"
    if facts.mounts is None:
        why = case.snapshot.facts_unknown.get("mounts", "the host did not tell")
        yield unsure(CODE, need, f"how {path} is mounted is not known: {why}")
        return
    answer = case.inquiry.stat(path)
    if isinstance(answer, NotAsked):
        return
    if isinstance(answer, Absent):
        yield unmet(CODE, need, f"{path} is not there, and it is to be mounted {_wanted(need)}")
        return
    real = (answer.real if isinstance(answer, FileState) else "") or path
    mount = facts.mount_of(real)
    if mount is None:
        yield unsure(CODE, need, f"no mount holds {path}")
        return
    lacking = [word for word in need.all("value") if not has(mount, word, real)]
    if lacking:
        found = f"{real} is on {mount.source} ({mount.fstype}), mounted at {mount.point}"
        message = f"{path} is not mounted {', '.join(lacking)}, and that is needed"
        yield unmet(CODE, need, message, found, f"options {','.join(dict.fromkeys(mount.options))}")


def has(mount: Mount, word: str, real: str) -> bool:
    """Return whether *mount* is as *word* says, for the path *real*."""
    if word == "mountpoint":
        return mount.point == real
    if word in OPPOSITES:
        return OPPOSITES[word] not in mount.options
    return word in mount.options


def _wanted(need: Need) -> str:
    return ", ".join(need.all("value"))


KIND = Kind(Table(PATH, Texts(OPTION, alone=True)), check)
