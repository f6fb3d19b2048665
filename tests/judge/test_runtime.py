"""Advice on run-time needs: only where the host was seen to lack the thing."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.judge import judge
from preflight.model.question import Failed, List, Listing, Stat
from preflight.model.runtime import CA_PLACES, RunTimeNeed
from preflight.model.start import Start
from tests.builders import host as h

ROOTS = RunTimeNeed("ca-certificates", "it does", CA_PLACES)
LOCALE = RunTimeNeed("locale", "it does")
GERMAN = Start(env=(("LANG", "de_DE.UTF-8"),))


def codes(need: RunTimeNeed, answers=None, start: Start | None = None) -> list[str]:
    """Return the codes of what is found of a program with *need*."""
    program = h.requirements(h.program(), runtime_needs=(need,))
    snapshot = h.snapshot(h.files({}) | (answers or {}))
    return [f.code for f in judge(program, start or Start(), snapshot).verdict.findings]


def test_nothing_is_said_of_what_nobody_looked_at():
    """The questions are open, and the verdict is certain all the same."""
    program = h.requirements(h.program(), runtime_needs=(ROOTS,))
    without = judge(h.requirements(h.program()), Start(), h.snapshot())
    answered = {question: h.snapshot().answers.get(question) for question in without.asked}
    host = structs.replace(h.snapshot(), answers=answered)

    judgement = judge(program, Start(), host)

    assert "deployable" == judgement.verdict.outcome
    assert () == judgement.verdict.findings
    assert {Stat(CA_PLACES[0]), List("/etc/ssl/certs")} <= set(judgement.questions)


@pytest.mark.parametrize(
    "answers",
    [
        {Stat(CA_PLACES[1]): h.state()},
        {List("/etc/ssl/certs"): Listing(("a.pem",))},
        {Stat(CA_PLACES[0]): Failed("EACCES")},
    ],
    ids=["a bundle", "a directory", "not allowed to look"],
)
def test_one_place_is_enough(answers):
    """Whatever is at one of the places, or may be, there is nothing to say."""
    assert [] == codes(ROOTS, answers)


def test_empty_directory_is_no_certificate():
    """A directory is a place only with something in it."""
    assert ["ca-certificates-missing"] == codes(ROOTS, {List("/etc/ssl/certs"): Listing(())})


def test_user_who_names_a_bundle_is_not_advised():
    """SSL_CERT_FILE says where the certificates are."""
    assert [] == codes(ROOTS, start=Start(env=(("SSL_CERT_FILE", "/x"),)))


def test_blocked_program_is_not_advised():
    """First it has to start."""
    program = h.requirements(h.program("libgone.so.1"), runtime_needs=(ROOTS,))

    found = judge(program, Start(), h.snapshot()).verdict.findings

    assert ["library-missing"] == [finding.code for finding in found]


def test_locale_is_looked_for_only_where_the_start_names_one():
    """C needs nothing; names are compared as glibc does, with utf8 for UTF-8."""
    there = {List("/usr/lib/locale"): Listing(("de_DE.utf8",))}

    assert [] == codes(LOCALE)
    assert [] == codes(LOCALE, start=Start(env=(("LANG", "C.UTF-8"),)))
    assert [] == codes(LOCALE, there, GERMAN)
    assert ["locale-missing"] == codes(LOCALE, start=GERMAN)
