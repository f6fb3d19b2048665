"""What becomes of a file that is no ELF program."""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.foreign import Foreign
from preflight.model.snapshot import BinfmtHandler
from preflight.model.start import Start
from tests.builders import host as h

_WINE = BinfmtHandler("wine", "/usr/bin/wine", "", 0, b"MZ", b"\xff\xff")


@pytest.mark.parametrize(
    ("head", "binfmt", "outcome"),
    [
        (b"MZ", (), "blocked"),
        (b"MZ", (_WINE,), "unknown"),
        (b"hello", (_WINE,), "blocked"),
        (b"hello", None, "unknown"),
    ],
)
def test_foreign_file_is_refused_unless_a_handler_may_take_it(head, binfmt, outcome):
    """The kernel's answer is certain where its handlers are known and none matches."""
    needs = h.requirements(None, format="pe", head=head)

    verdict = judge(needs, Start(), h.snapshot(facts={"binfmt": binfmt})).verdict

    assert verdict.outcome == outcome


def test_program_for_another_system_is_told_with_what_it_needs():
    """The evidence names its run-time and libraries; the kernel refuses it all the same."""
    needs = Foreign(runtime="Windows", minimum_os="Windows 6.1", imports=("KERNEL32.dll",))
    requirements = h.requirements(None, format="pe", foreign=needs)

    verdict = judge(requirements, Start(), h.snapshot()).verdict

    finding = next(f for f in verdict.findings if f.code == "format-not-elf")
    assert finding.evidence == ("needs Windows", "at least Windows 6.1", "imports KERNEL32.dll")
    assert verdict.outcome == "blocked"
