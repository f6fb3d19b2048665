"""
``system: {release: ["debian>=12"], kernel: ">=5.4", machine: [x86_64], memory: 2GiB, cpus: 2}``.

A release is ID of os-release, or one that ID_LIKE names.  The number is compared for the system
itself and for rebuilds, which have the number of what they rebuild; others that are "like" it
count from a number of their own.
Sources: os-release(5); proc(5), /proc/meminfo; nproc(1).
Limit: memory is that of the machine, whatever a control group may allow.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, shown_size, size_bytes, unmet, unsure
from preflight.judge.requirements.orders import dotted, meets
from preflight.model.form import CONDITION, SIZE, WHOLE, Record, Text, Texts
from preflight.model.need import Need
from preflight.model.question import Absent, BytesContent, Failed, NotAsked, Said
from preflight.model.verdict import Finding

CODE = "requirement-system"
RELEASE = Text(
    rf"[a-z0-9][a-z0-9._-]*(?: ?{CONDITION.pattern})?", "a release", '"debian>=12"', "in quotes"
)
MACHINE = Text(r"[A-Za-z0-9_.-]{1,32}", "a machine", "x86_64", "as uname -m says it")
# Systems that have the release numbers of another.
REBUILDS = {
    "rhel": ("almalinux", "centos", "circle", "eurolinux", "ol", "rocky", "scientific"),
    "sles": ("sled", "sles_sap"),
}
_SPLIT = re.compile(r"([a-z0-9][a-z0-9._-]*?) ?((?:[<>=!]).*)?")


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The system is one of those that are wanted."""
    yield from _CHECKS[need.subject](need, case)


def parse_os_release(data: bytes) -> dict[str, str]:
    """Return the variables of os-release; lines that are none are passed over."""
    values: dict[str, str] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            try:
                values[name] = " ".join(shlex.split(value))
            except ValueError:
                continue
    return values


def _release(need: Need, case: Case) -> Iterator[Finding]:
    answer = case.inquiry.data("/etc/os-release")
    if isinstance(answer, Absent):
        answer = case.inquiry.data("/usr/lib/os-release")
    if isinstance(answer, NotAsked):
        return
    if not isinstance(answer, BytesContent):
        why = answer.errno if isinstance(answer, Failed) else "there is none"
        yield unsure(CODE, need, f"the release is not known: os-release: {why}")
        return
    system = parse_os_release(answer.data)
    results = [is_release(system, wanted) for wanted in need.all("value")]
    if True in results:
        return
    name = system.get("PRETTY_NAME") or system.get("ID", "a system without a name")
    wanted = " or ".join(need.all("value"))
    if None in results:
        message = f"{name} has no release number, and {wanted} is needed"
        yield unsure(CODE, need, message, "os-release has no VERSION_ID")
    else:
        yield unmet(CODE, need, f"the system is {name}, and {wanted} is needed")


def is_release(system: dict[str, str], wanted: str) -> bool | None:
    """Return whether os-release names the *wanted* one; None where it has no number to compare."""
    found = _SPLIT.fullmatch(wanted)
    name, condition = (found[1], found[2]) if found else (wanted, None)
    own = system.get("ID", "linux")
    if condition is None:
        return name == own or name in system.get("ID_LIKE", "").split()
    if name != own and own not in REBUILDS.get(name, ()):
        return False
    version = system.get("VERSION_ID")
    if not version:
        return None
    try:
        return meets(version, condition, dotted)
    except ValueError:
        return None


def _kernel(need: Need, case: Case) -> Iterator[Finding]:
    kernel = case.snapshot.facts.kernel
    numbers = re.match(r"\d+(?:\.\d+)*", kernel or "")
    if numbers is None:
        yield unsure(CODE, need, "the kernel's release is not known")
    elif not meets(numbers[0], need.value, dotted):
        yield unmet(CODE, need, f"the kernel is {kernel}, and {need.value} is needed")


def _machine(need: Need, case: Case) -> Iterator[Finding]:
    machine = case.snapshot.facts.machine
    wanted = need.all("value")
    if machine is None:
        yield unsure(CODE, need, "the machine is not known")
    elif machine not in wanted:
        yield unmet(CODE, need, f"the machine is {machine}, and {' or '.join(wanted)} is needed")


def _memory(need: Need, case: Case) -> Iterator[Finding]:
    answer = case.inquiry.said("read", "/proc/meminfo")
    if isinstance(answer, NotAsked):
        return
    total = parse_meminfo(answer.text) if isinstance(answer, Said) else None
    if total is None:
        yield unsure(CODE, need, "the memory is not known: /proc/meminfo does not tell")
    elif total < size_bytes(need.value):
        message = f"the host has {shown_size(total)} of memory, and {need.value} is needed"
        yield unmet(CODE, need, message, "MemTotal of /proc/meminfo")


def parse_meminfo(said: str) -> int | None:
    """Return MemTotal in bytes."""
    found = re.search(r"^MemTotal: *(\d+) kB$", said, re.MULTILINE)
    return int(found[1]) << 10 if found else None


def _cpus(need: Need, case: Case) -> Iterator[Finding]:
    answer = case.inquiry.said("cpus")
    if isinstance(answer, NotAsked):
        return
    found = re.match(r"\d+", answer.text) if isinstance(answer, Said) else None
    if found is None:
        yield unsure(CODE, need, "the number of CPUs is not known: nproc does not tell")
    elif int(found[0]) < int(need.value):
        yield unmet(CODE, need, f"the host has {found[0]} CPUs, and {need.value} are needed")


_CHECKS = {
    "release": _release,
    "kernel": _kernel,
    "machine": _machine,
    "memory": _memory,
    "cpus": _cpus,
}
KIND = Kind(
    Record(
        {
            "release": Texts(RELEASE, alone=True),
            "kernel": CONDITION,
            "machine": Texts(MACHINE, alone=True),
            "memory": SIZE,
            "cpus": WHOLE,
        }
    ),
    check,
)
