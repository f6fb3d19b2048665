"""
``packages: {libssl3: ">=3.0.9", ca-certificates: "*"}``: is it installed, and how new is it?

By dpkg-query(1) or rpm(8), whichever has a database there; versions as that one orders them.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, ended, unmet, unsure
from preflight.judge.requirements.orders import dpkg, meets, rpm
from preflight.model.form import CONDITION, Table, Text
from preflight.model.need import Need
from preflight.model.question import Failed, Said
from preflight.model.verdict import Finding

CODE = "requirement-package"
PACKAGE = Text(r"[A-Za-z0-9][A-Za-z0-9.+_:-]{0,99}", "a package's name", "libssl3")
ANY_OR_CONDITION = Text(rf"\*|{CONDITION.pattern}", "a version condition", '">=3.0.9" or "*"')
_ORDERS = {"dpkg": dpkg, "rpm": rpm}
_NO_SUCH = 1  # dpkg-query(1), "EXIT STATUS"; rpm: the number of packages that are not there


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The package is installed, and one of its versions is as wanted."""
    name = need.subject
    answer = case.inquiry.said("package", name)
    if isinstance(answer, Failed):
        yield unsure(CODE, need, f"whether {name} is installed is not known: {answer.errno}")
    if not isinstance(answer, Said):
        return
    manager, _, printed = answer.text.partition("\n")
    versions, status = parse(printed)
    order = _ORDERS.get(manager)
    if order is None or (not versions and status not in (0, _NO_SUCH)):
        message = f"whether {name} is installed is not known: {manager} failed"
        yield unsure(CODE, need, message, *printed.splitlines()[:1])
    elif not versions:
        yield unmet(CODE, need, f"{name} is not installed, and it is needed")
    elif need.value != "*" and not any(meets(one, need.value, order) for one in versions):
        message = f"{name} is {' and '.join(versions)}, and {need.value} is needed"
        yield unmet(CODE, need, message, f"{manager} has it")


def parse(printed: str) -> tuple[tuple[str, ...], int | None]:
    """Return the installed versions and the manager's exit status."""
    text, status = ended(printed)
    words = [line.split() for line in text.splitlines()]
    found = (line[1] for line in words if len(line) == 2 and line[0] == "installed")
    return tuple(dict.fromkeys(found)), status


KIND = Kind(Table(PACKAGE, ANY_OR_CONDITION), check)
