"""Executable stacks and changed code under SELinux."""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.elf import DF_TEXTREL
from preflight.model.start import Start
from tests.builders import host as h


def outcome(selinux: str | None, **fields: object) -> str:
    """Return what becomes of a program on a host with SELinux in this mode."""
    snapshot = h.snapshot(facts={"selinux": selinux})
    return judge(h.requirements(h.program(**fields)), Start(), snapshot).verdict.outcome


@pytest.mark.parametrize(
    "fields", [{"exec_stack": True}, {"textrel_tag": True}, {"dt_flags": DF_TEXTREL}]
)
def test_what_selinux_may_deny_is_unknown_where_it_is_enforced(fields):
    """Its rules cannot be read; where it only watches, or is not there, it denies nothing."""
    assert ["unknown", "deployable", "deployable"] == [
        outcome(mode, **fields) for mode in ("enforcing", "permissive", None)
    ]


def test_ordinary_program_does_not_ask_selinux():
    """A program that wants neither is deployable."""
    assert outcome("enforcing") == "deployable"
