"""One need on one host, judged."""

from __future__ import annotations

from collections.abc import Mapping

from preflight.judge import judge
from preflight.model.need import Need
from preflight.model.question import Absent, Answer, Ask, Failed, Question, Said
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.verdict import Finding
from tests.builders import host as h


def manifest(*needs: Need) -> Requirements:
    """Return what a manifest with these needs is judged by."""
    return h.requirements(None, format="manifest", path="preflight.yaml", needs=needs)


def need(kind: str, subject: str, value: str | None = None, **more: str) -> Need:
    """Return a need as the reader makes it; *more* are the keys of a record."""
    pairs = more.items() if value is None else [("value", one) for one in value.split(" or ")]
    return Need(kind=kind, subject=subject, wanted=tuple(pairs), place="preflight.yaml:3")


def said(topic: str, *words: str, text: str | None = None, failed: str | None = None) -> dict:
    """Return one answer; without *text* it is absent."""
    answer: Answer = Absent() if text is None else Said(text)
    return {Ask(topic, words): Failed(failed) if failed else answer}


def findings(
    one: Need, answers: Mapping[Question, Answer] | None = None, start: Start | None = None, **facts
) -> tuple[Finding, ...]:
    """Return what is found where every other question has the answer "absent"."""
    host = h.snapshot(dict(answers or {}), facts=facts)
    return judge(manifest(one), start or Start(), host).verdict.findings


def outcome(*args, **kwargs) -> str:
    """Return "met", or the severity and the message of the one finding."""
    found = findings(*args, **kwargs)
    assert len(found) <= 1
    return f"{found[0].severity}: {found[0].message}" if found else "met"
