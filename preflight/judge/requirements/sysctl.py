"""
``sysctl: {vm.max_map_count: ">=262144", net.ipv4.ip_forward: 1}``: how is the kernel set?

Read from /proc/sys as the user who looked; a value without a sign has to be equal.
Source: sysctl(8), of which slashes in names are understood, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, unmet, unsure
from preflight.judge.requirements.orders import dotted, meets
from preflight.model.form import CONDITION, Table, Text
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, Said
from preflight.model.verdict import Finding

CODE = "requirement-sysctl"
KEY = Text(r"[a-z][a-z0-9_]*(?:[./][A-Za-z0-9_-]+)+", "a name of sysctl", "vm.max_map_count")
SETTING = Text(
    rf"{CONDITION.pattern}|[A-Za-z0-9_.:/-]+(?: [A-Za-z0-9_.:/-]+)*", "a setting", '">=262144"'
)


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The kernel's setting is as wanted."""
    answer = case.inquiry.said("read", path_of(need.subject))
    if isinstance(answer, Absent):
        yield unmet(CODE, need, f"the kernel has no {need.subject}, and it is needed")
    elif isinstance(answer, Failed):
        yield unsure(CODE, need, f"{need.subject} could not be read: {answer.errno}")
    elif isinstance(answer, Said):
        found = " ".join(answer.text.split())
        met = is_met(found, need.value)
        if met is None:
            yield unsure(CODE, need, f"{need.subject} is {found[:80]!r}, which is no number")
        elif not met:
            message = f"{need.subject} is {found[:80]}, and {need.value} is needed"
            yield unmet(CODE, need, message, path_of(need.subject))


def is_met(found: str, wanted: str) -> bool | None:
    """Return whether a setting is as *wanted*; None where a condition meets no number."""
    if wanted[0] not in "<>=!":
        return found == " ".join(wanted.split())
    try:
        return meets(found, wanted, dotted)
    except ValueError:
        return None


def path_of(name: str) -> str:
    """Return the file under /proc/sys."""
    first = next((sign for sign in name if sign in "./"), ".")
    return "/proc/sys/" + (name.replace(".", "/") if first == "." else name)


KIND = Kind(Table(KEY, SETTING), check)
