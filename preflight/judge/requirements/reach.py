"""
``reach: ["db.internal:5432", "https://api.example.com/health"]``: does the host get there?

Tried from the host, without a proxy, with what it has: a TCP connection by bash, python3 or nc
(ten seconds at most, five to connect), an HTTP request by curl, python3 or GNU wget, with their
own certificates' check.  An answer below 400 is one; redirects are not followed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.judge.requirements.kind import Kind, ended, unmet, unsure
from preflight.model.form import Text, Texts
from preflight.model.need import Need
from preflight.model.question import Absent, Failed, Said
from preflight.model.verdict import Finding

CODE = "requirement-reach"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])"
_PORT = r":[1-9][0-9]{0,4}"
TARGET = Text(
    rf"https?://{_HOST}(?:{_PORT})?(?:[/?][A-Za-z0-9._~:/?&=%+,;@!-]*)?|{_HOST}{_PORT}",
    "HOST:PORT or an http:// or https:// URL",
    '"db.internal:5432"',
    "without a user or a password",
)
# What the tools say, in the C locale: the first that fits.
_CAUSES = (
    (
        "its name cannot be resolved",
        r"not known|name resolution|(could not|unable to|does not) resolve|bad address|exit 6$",
    ),
    ("the connection is refused", r"connection refused"),
    ("there is no route to it", r"no route to host|network is unreachable|host is unreachable"),
    ("TLS fails", r"\bssl|certificate|\btls\b"),
    ("it does not answer in time", r"timed out|timeout|exit 137$"),
)
_STATUS = re.compile(r"^(?: *HTTP/[0-9.]+|http) ([1-9][0-9]{2})\b", re.MULTILINE)


def check(need: Need, case: Case) -> Iterator[Finding]:
    """The target answers."""
    target = need.subject
    answer = case.inquiry.said(*question(target))
    if isinstance(answer, Failed | Absent):
        yield unsure(CODE, need, f"{target} was not tried: {answer.errno}")
    elif isinstance(answer, Said):
        tool, _, printed = answer.text.partition("\n")
        problem = parse(tool, printed)
        if problem is None:
            said = next(filter(None, printed.splitlines()), "nothing")
            yield unsure(CODE, need, f"whether {target} answers is not known", f"{tool}: {said}")
        elif problem:
            line = next(filter(None, printed.splitlines()), "")
            message = f"{target} is not reached: {problem}"
            yield unmet(CODE, need, message, f"{tool}: {line[:200]}")


def question(target: str) -> tuple[str, ...]:
    """Return the topic and the words that ask for *target*."""
    if "://" in target:
        return "fetch", target
    host, _, port = target.rpartition(":")
    return "connect", host.strip("[]"), port


def parse(tool: str, printed: str) -> str | None:
    """Return what went wrong, "" where nothing did; None where *tool* does not tell."""
    text, status = ended(printed if printed.startswith("\n") else f"\n{printed}")
    if found := _STATUS.findall(text):
        return "" if int(found[-1]) < 400 else f"it answers HTTP {found[-1]}"
    if status == 0 and (tool == "nc" or re.search(r"^open$", text, re.MULTILINE)):
        return ""
    said = f"{text}\nexit {status}"
    for problem, words in _CAUSES:
        if re.search(words, said, re.IGNORECASE | re.MULTILINE):
            return problem
    return None


KIND = Kind(Texts(TARGET), check)
