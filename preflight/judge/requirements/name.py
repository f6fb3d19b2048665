"""
``users: [app]``, ``groups: [app]``: does the host know them?

By getent(1), which asks what programs ask (NSS); without it /etc/passwd and /etc/group count, and
who is not in them is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Check, Kind, ended, unmet, unsure
from preflight.model.form import NAME, Texts
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, NotAsked, Said, SaidAnswer
from preflight.model.verdict import Finding

Database = Literal["passwd", "group"]
_NO_SUCH = 2  # getent(1), "EXIT STATUS"


def number_of(answer: SaidAnswer, name: str) -> int | Absent | Failed:
    """Return the uid or gid that *answer*, to the topic "name", has for *name*."""
    if not isinstance(answer, Said):
        return answer if isinstance(answer, Failed) else Failed("the host did not tell")
    text, status = ended(answer.text)
    by_getent = text.startswith("getent\n")
    for line in text.splitlines():
        fields = line.split(":")
        if len(fields) > 2 and name in (fields[0], fields[2]) and fields[2].isdecimal():
            return int(fields[2])
    if by_getent and status == _NO_SUCH:
        return Absent()
    return Failed(f"getent ended with {status}" if by_getent else "there is no getent to ask")


def _check(code: str, noun: str, database: Database) -> Check:
    def check(need: Need, case: Case) -> Iterator[Finding]:
        """Yield a finding where the name is missing, or nobody can tell."""
        answer = case.inquiry.said("name", database, need.subject)
        if isinstance(answer, NotAsked):
            return
        number = number_of(answer, need.subject)
        if isinstance(number, Absent):
            yield unmet(code, need, f"there is no {noun} {need.subject}, and it is needed")
        elif isinstance(number, Failed):
            message = f"whether there is a {noun} {need.subject} is not known: {number.errno}"
            yield unsure(code, need, message)

    return check


USERS = Kind(Texts(NAME), _check("requirement-user", "user", "passwd"))
GROUPS = Kind(Texts(NAME), _check("requirement-group", "group", "group"))
