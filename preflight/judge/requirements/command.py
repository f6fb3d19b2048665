"""
``commands: {python3: ">=3.11", tar: "*"}``: is the command there, and of that version?

It is searched in the PATH of the start, else in the usual one.  Where a version is wanted the
command is run, as ``NAME --version`` or as VERSION_WORDS say, for five seconds at most.
Limit: whether the user who starts the program may run it is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.env import USUAL_PATH
from preflight.judge.requirements.kind import Kind, ended, unmet, unsure
from preflight.judge.requirements.orders import Order, dotted, meets, pep440
from preflight.model.form import CONDITION, Table, Text
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, Said
from preflight.model.verdict import Finding

CODE = "requirement-command"
COMMAND = Text(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,63}", "a command's name", "python3", "no path")
ANY_OR_CONDITION = Text(rf"\*|{CONDITION.pattern}", "a version condition", '">=3.11" or "*"')
# What asks for the version where --version does not, as each one's manual says.
VERSION_WORDS = {
    "go": "version",
    "helm": "version",
    "java": "-version",
    "javac": "-version",
    "kubectl": "version --client",
    "lsof": "-v",
    "nginx": "-v",
    "openssl": "version",
    "ssh": "-V",
    "tmux": "-V",
    "unzip": "-v",
    "zip": "-v",
}
_PYTHONS = re.compile(r"(?:python|pypy|pip|pipx|uv|poetry|tox|virtualenv)[0-9.]*")
_VERSION = re.compile(r"(?<![0-9.])([0-9]+(?:\.[0-9]+)+[0-9A-Za-z+]*(?:-[A-Za-z]+[.0-9]*)?)")
_NUMBER = re.compile(r"(?<![\w.])([0-9]+)(?![\w.])")
_PATH_LIMIT = 2000  # characters


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The command is found, and its version is as wanted."""
    path = case.start.variable("PATH") or USUAL_PATH
    directories = ":".join(one for one in path.split(":") if one.startswith("/"))[:_PATH_LIMIT]
    wanted = need.value
    words = VERSION_WORDS.get(need.subject, "--version").split() if wanted != "*" else []
    answer = case.inquiry.said("command", need.subject, directories or "/", *words)
    if isinstance(answer, Absent):
        searched = f"searched in {directories}"
        yield unmet(CODE, need, f"{need.subject} is not there, and it is needed", searched)
    elif isinstance(answer, Failed):
        yield unsure(CODE, need, f"{need.subject} was not looked for: {answer.errno}")
    elif isinstance(answer, Said) and wanted != "*":
        yield from _version(need, answer.text)


def _version(need: Need, said: str) -> Iterator[Finding]:
    path, _, printed = said.partition("\n")
    version = parse(printed)
    line = next(filter(None, printed.splitlines()), "")[:200]
    if version is None:
        ran = f"{path} tells no version"
        yield unsure(CODE, need, ran, line or "it printed nothing")
        return
    try:
        met = meets(version, need.value, order_of(need.subject))
    except ValueError:
        yield unsure(CODE, need, f"{path} is {version}, which cannot be compared", line)
        return
    if not met:
        message = f"{need.subject} is {version}, and {need.value} is needed"
        yield unmet(CODE, need, message, f"{path} says: {line}")


def parse(printed: str) -> str | None:
    """Return the first version in what a command prints; None where it was stopped or has none."""
    text, status = ended(printed)
    if status is None or status > 128:  # killed
        return None
    for pattern in (_VERSION, _NUMBER):
        for line in text.splitlines()[:5]:
            if found := pattern.search(line):
                return found[1]
    return None


def order_of(command: str) -> Order:
    """Return the order of a command's versions: PEP 440 for Python's own."""
    return pep440 if _PYTHONS.fullmatch(command) else dotted


KIND = Kind(Table(COMMAND, ANY_OR_CONDITION), check)
