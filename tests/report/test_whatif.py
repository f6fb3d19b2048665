"""What an older glibc floor would win."""

from __future__ import annotations

import pytest

from preflight.model.requirements import GlibcStep
from preflight.report.whatif import told, what_if, what_if_json
from tests.builders.report import binary, finding, report, verdict

STEPS = (
    GlibcStep("2.38", ("__isoc23_strtol",), 1),
    GlibcStep("2.34", ("__libc_start_main", "dlsym", "pthread_create"), 12),
    GlibcStep("2.2.5", ("free",), 80),
)


def lacks(name: str, *versions: str, needed_by: str = "./app", extra: tuple = ()):
    """Return the verdict of a host that lacks these versions of glibc."""
    missing = [
        finding(code="version-missing", subject=f"libc.so.6:GLIBC_{v}", needed_by=needed_by)
        for v in versions
    ]
    return verdict(name, *missing, *extra)


def lines(*verdicts, steps=STEPS) -> list[str]:
    """Return what is told of one binary with these verdicts."""
    found = report(list(verdicts), binaries=[binary(glibc_steps=steps)])
    return list(told(found, {"b1": "app"}))


def test_each_lower_step_tells_what_it_wins():
    """Symbols that hold the floor up come first, then how many hosts each step wins in all."""
    old = ("2.38", "2.34")

    (line,) = lines(lacks("a", "2.38"), lacks("b", *old), lacks("c", *old))

    why, wins = line.split("; ")
    assert why == (
        "app needs glibc 2.38 because of __isoc23_strtol, "
        "2.34 because of __libc_start_main, dlsym and 10 more"
    )
    assert wins == "a floor of 2.34 wins 1 host more, 2.2.5 wins all 3 that lack nothing else"


def test_a_host_that_lacks_more_is_not_won():
    """A missing library, or a library of the host that is too old itself, is not mended by that."""
    library = finding(code="library-missing", subject="libz.so.1", needed_by="./app")

    assert lines(lacks("a", "2.38", extra=(library,))) == []
    assert lines(lacks("a", "2.38", needed_by="/lib/libother.so")) == []


@pytest.mark.parametrize("steps", [(), STEPS[:1]])
def test_nothing_is_told_where_no_step_is_lower(steps):
    """A binary whose only step is missing wins nothing."""
    assert lines(lacks("a", "2.38"), steps=steps) == []


def test_libstdcxx_has_a_floor_of_its_own():
    """What its newer versions are needed for, and the hosts that older ones would win."""
    lacks_cxx = finding(
        code="version-missing", subject="libstdc++.so.6:GLIBCXX_3.4.30", needed_by="./app"
    )
    steps = (GlibcStep("3.4.30", ("_ZSt4wcin",), 1), GlibcStep("3.4", ("_ZSt4cout",), 9))
    given = report([verdict("a", lacks_cxx)], binaries=[binary(glibcxx_steps=steps)])

    (line,) = told(given, {"b1": "app"})

    because = "app needs GLIBCXX_3.4.30 because of _ZSt4wcin"
    assert line == f"{because}; a floor of 3.4 wins the one host that lacks it"


def test_what_keeps_the_other_hosts_is_told():
    """A host that lacks a library, too, is not won, and that is the reason."""
    library = finding(code="library-missing", subject="libz.so.1", needed_by="./app")
    verdicts = [lacks("a", "2.38"), lacks("b", "2.38", extra=(library,))]
    given = report(verdicts, binaries=[binary(glibc_steps=STEPS)])

    (line,) = told(given, {"b1": "app"})
    (found,) = what_if(given)

    assert line.endswith(
        "wins the one host that lacks it; not won by that: libz.so.1 (library-missing) on 1 host"
    )
    assert what_if_json(found) == {
        "binary": "b1",
        "reasons": [{"version": "GLIBC_2.38", "symbols": ["__isoc23_strtol"], "count": 1}],
        "steps": [{"version": "GLIBC_2.34", "hosts": 1}],
        "hosts": 1,
        "not_won": [{"code": "library-missing", "subject": "libz.so.1", "hosts": 1}],
    }
