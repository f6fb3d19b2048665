"""May this user execute a program that lies there already?"""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.question import Ask, BytesContent, ReadBytes, Said, Stat
from preflight.model.requirements import Requirements
from preflight.model.start import Start
from preflight.model.verdict import Verdict
from tests.builders import host as h

APP = "/opt/app"
IN_PLACE = Start(install_path=APP, in_place=True)


def outcome(start: Start, image=None, mode: int = 0o100644, **facts) -> str:
    """Return what becomes of a start of a file with this mode."""
    return verdict(start, h.requirements(image or h.program()), mode, **facts).outcome


def verdict(
    start: Start, needs: Requirements, mode: int, getent: str | None = None, **facts
) -> Verdict:
    """Return the verdict on a start of a file with this mode; *getent* tells of "nobody-knows"."""
    asked = {} if getent is None else {Ask("name", ("passwd", "nobody-knows")): Said(getent)}
    answers = (
        h.files({})
        | asked
        | {
            Stat(APP): h.state(mode=mode, real=APP),
            **{Stat(path): h.state(mode=0o040755, real=path) for path in ("/", "/opt", "/lib64")},
            ReadBytes("/etc/passwd"): BytesContent(h.state(), "", b"app:x:1000:1000::/:/bin/sh\n"),
        }
    )
    host = h.snapshot(answers, facts={"uid": 0, "gids": (0,)} | facts)
    return judge(needs, start, host).verdict


def test_program_in_place_needs_an_x_bit():
    """A file without any x bit is executed by nobody."""
    assert outcome(IN_PLACE) == "blocked"
    assert outcome(IN_PLACE, mode=0o100755) == "deployable"


def test_mode_of_an_older_file_says_nothing():
    """What lies at the install path is not the file that will lie there."""
    assert outcome(Start(install_path=APP)) == "deployable"


def test_library_in_place_needs_no_x_bit():
    """A loader only reads a library."""
    library = h.elf(soname="liba.so")

    assert outcome(IN_PLACE, library) != "blocked"


@pytest.mark.parametrize(("uid", "said"), [(0, "deployable"), (5, "blocked"), (None, "unknown")])
def test_mode_is_read_for_who_looked(uid, said):
    """Without another user it is the one who looked that starts the program."""
    assert outcome(IN_PLACE, mode=0o100744, uid=uid, gids=()) == said


@pytest.mark.parametrize(
    ("run_as", "said"), [("app", "deployable"), ("4711", "deployable"), ("nobody-knows", "unknown")]
)
def test_user_that_the_host_does_not_know_is_unknown(run_as, said):
    """A name that is not in /etc/passwd may be anybody, or nobody."""
    assert outcome(Start(install_path=APP, run_as=run_as)) == said


@pytest.mark.parametrize(
    ("getent", "code"),
    [("getent\n\nexit 2", "requirement-user"), ("files\n\nexit 2", "undecided")],
)
def test_user_of_whom_getent_knows_nothing_is_nobody(getent, code):
    """What getent said for a manifest counts for the start, too."""
    start = Start(install_path=APP, run_as="nobody-knows")

    found = verdict(start, h.requirements(h.program()), 0o100755, getent)

    assert [code] == [finding.code for finding in found.findings]
    assert found.predicted_error is None


@pytest.mark.parametrize(
    ("mode", "said"),
    [(0o100644, ("permission-denied", "Permission")), (0o100755, ("format-not-elf", "Exec"))],
)
def test_permission_comes_before_the_format(mode, said):
    """The kernel looks into no file that it may not execute, but people hear of both."""
    found = verdict(IN_PLACE, h.requirements(None, format="pe", head=b"MZ"), mode)

    assert said[0] == found.findings[0].code
    assert said[1] in found.predicted_error
    assert "format-not-elf" in {finding.code for finding in found.findings}


def test_what_is_not_known_leaves_the_first_line_open():
    """A user that may be nobody is looked up before the format is."""
    start = Start(install_path=APP, in_place=True, run_as="nobody-knows")

    found = verdict(start, h.requirements(None, format="pe", head=b"MZ"), 0o100755)

    assert ("blocked", None) == (found.outcome, found.predicted_error)
