"""
``disk: {/opt: 2GiB}``: is there so much room, for a user who is not root?

Of a path that is not there yet, the file system that it would be made on
counts.  Source: df of POSIX.1-2017, with -P and -k.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, shown_size, size_bytes, unmet, unsure
from preflight.model.form import PATH, SIZE, Table
from preflight.model.need import Need
from preflight.model.question import Failed, Said
from preflight.model.verdict import Finding

CODE = "requirement-disk"


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The file system of the path has the room."""
    answer = case.inquiry.said("disk", need.subject)
    if isinstance(answer, Failed):
        yield unsure(CODE, need, f"the room at {need.subject} is not known: {answer.errno}")
    if not isinstance(answer, Said):
        return
    found = parse(answer.text)
    if found is None:
        yield unsure(
            CODE, need, f"df says nothing of {need.subject}", *answer.text.splitlines()[1:3]
        )
        return
    available, mount = found
    if available < size_bytes(need.value):
        message = f"{shown_size(available)} are free at {need.subject}, and {need.value} is needed"
        yield unmet(CODE, need, message, f"on {mount}")


def parse(said: str) -> tuple[int, str] | None:
    """Return the available bytes and the mount point that ``df -Pk`` told."""
    for line in said.splitlines():
        words = line.split(None, 5)
        if len(words) == 6 and words[1].isdecimal() and words[4].rstrip("%").isdecimal():
            # Negative where root has used what is reserved for it.
            available = words[3]
            if available.lstrip("-").isdecimal():
                return max(0, int(available)) << 10, words[5]
    return None


KIND = Kind(Table(PATH, SIZE), check)
