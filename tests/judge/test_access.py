"""Permissions by mode.  Source: path_resolution(7)."""

from __future__ import annotations

import pytest

from preflight.judge.access import EXECUTE, READ, Access, User, allows, user_of
from preflight.model.inquiry import Inquiry
from preflight.model.question import (
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    ReadBytes,
    ReadElf,
    Stat,
)
from tests.builders import host as h

ROOT, OWNER = User(0, frozenset({0})), User(1000, frozenset({1000}))
MEMBER, OTHER = User(7, frozenset({100})), User(8, frozenset({8}))
UNKNOWN, NO_GROUPS = User(None, None), User(8, None)


def state(mode: int) -> FileState:
    """Return a file of user 1000 and group 100."""
    return FileState(0o100000 | mode, 1000, 100, 1, 1, 1, 0, 0, "/x")


@pytest.mark.parametrize(
    ("mode", "user", "allowed"),
    [
        (0o400, OWNER, True),
        (0o077, OWNER, False),
        (0o040, MEMBER, True),
        (0o404, MEMBER, False),
        (0o004, OTHER, True),
        (0o440, OTHER, False),
        (0o000, ROOT, True),
        (0o444, UNKNOWN, True),
        (0o000, UNKNOWN, False),
        (0o440, UNKNOWN, None),
        (0o400, NO_GROUPS, False),
        (0o440, NO_GROUPS, None),
    ],
)
def test_one_class_decides(mode, user, allowed):
    """Owner, else group, else others; where that is not known, only if all agree."""
    assert allowed is allows(state(mode), user, READ)


def test_root_executes_only_what_somebody_may():
    """Without any x bit not even root may execute a file."""
    assert allows(state(0o100), ROOT, EXECUTE) is True
    assert allows(state(0o666), ROOT, EXECUTE) is False


def test_user_is_found_with_all_groups():
    """The primary group and those that list the user count."""
    answers = {
        ReadBytes("/etc/passwd"): BytesContent(h.state(), "", b"app:x:1000:50::/:/bin/sh\nbad\n"),
        ReadBytes("/etc/group"): BytesContent(h.state(), "", b"a:x:60:x,app\nb:x:70:apple\n"),
    }

    by_name, by_number = (user_of(name, Inquiry(answers)) for name in ("app", "1000"))

    assert by_name == by_number == User(1000, frozenset({50, 60}), 50)


def test_user_of_a_directory_service_is_not_known():
    """Whom /etc/passwd does not name may be anybody."""
    answers = {ReadBytes("/etc/passwd"): BytesContent(h.state(), "", b"")}

    assert user_of("ldap", Inquiry(answers)) == User(None, None)


def test_closed_directory_hides_an_open_file():
    """Every directory on the way has to be searchable."""
    answers = h.Elsewhere(
        {
            ReadElf("/a/b/x"): ElfContent(h.state(mode=0o100644, real="/a/b/x"), "", h.elf()),
            Stat("/"): h.state(mode=0o040755),
            Stat("/a"): h.state(mode=0o040700),
            Stat("/a/b"): h.state(mode=0o040755),
        }
    )

    seen = Access(Inquiry(answers), OTHER).elf("/a/b/x")

    assert seen == Failed("EACCES")


def test_refusal_to_another_user_proves_nothing():
    """What the one who looked may not read, the program's user perhaps may."""
    answers = {ReadElf("/x"): Failed("EACCES")}

    assert Access(Inquiry(answers), OTHER).elf("/x") != Failed("EACCES")
