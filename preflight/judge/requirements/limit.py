"""
``limits: {nofile: 65536}``: how much may a process of the start user use?

Known are the limits of the user who looked, in a log-in session (/proc/self/limits, proc(5)), and
of that user alone.  The soft limit counts, which is what a program has that does not raise it.
Limit: a service manager may set others (LimitNOFILE= of systemd.exec(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, size_bytes, unmet, unsure
from preflight.model.form import SIZE, Record, Text
from preflight.model.need import Need
from preflight.model.question import Failed, NotAsked, Said
from preflight.model.verdict import Finding

CODE = "requirement-limit"
AMOUNT = Text(rf"unlimited|[0-9]{{1,18}}|{SIZE.pattern}", "a limit", "65536", "or unlimited")
# As in limits.conf(5): how proc(5) calls them.
ROWS = {
    "nofile": "Max open files",
    "nproc": "Max processes",
    "core": "Max core file size",
    "stack": "Max stack size",
    "memlock": "Max locked memory",
    "as": "Max address space",
    "data": "Max data size",
    "fsize": "Max file size",
    "rss": "Max resident set",
    "cpu": "Max cpu time",
    "sigpending": "Max pending signals",
    "msgqueue": "Max msgqueue size",
    "rtprio": "Max realtime priority",
    "nice": "Max nice priority",
}


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The soft limit is as high."""
    run_as, looked_as = case.start.run_as, case.snapshot.facts.user
    if run_as is not None and run_as != looked_as:
        message = f"the limits of {run_as} are not known: {looked_as or 'another user'} looked"
        yield unsure(CODE, need, message, "the limits of another user are not seen from outside")
        return
    answer = case.inquiry.said("read", "/proc/self/limits")
    if isinstance(answer, NotAsked):
        return
    found = parse(answer.text, ROWS[need.subject]) if isinstance(answer, Said) else None
    if found is None:
        why = answer.errno if isinstance(answer, Failed) else "/proc/self/limits does not tell"
        yield unsure(CODE, need, f"the limit {need.subject} is not known: {why}")
        return
    soft, hard = found
    if number(soft) < number(need.value):
        message = f"the limit {need.subject} is {soft}, and {need.value} is needed"
        yield unmet(CODE, need, message, f"the hard limit is {hard}")


def parse(said: str, row: str) -> tuple[str, str] | None:
    """Return the soft and the hard limit of one *row* of /proc/self/limits."""
    found = re.search(rf"^{row} +(\d+|unlimited) +(\d+|unlimited)\b", said, re.MULTILINE)
    return (found[1], found[2]) if found else None


def number(amount: str) -> float:
    """Return the number that an amount stands for."""
    if amount == "unlimited":
        return float("inf")
    return int(amount) if amount.isdecimal() else size_bytes(amount)


KIND = Kind(Record(dict.fromkeys(ROWS, AMOUNT)), check)
