"""How a preload that cannot be had is told."""

from __future__ import annotations

import pytest

from preflight.judge import judge
from preflight.model.elf import LoaderIdentity
from preflight.model.question import BytesContent, ReadBytes
from preflight.model.start import Start
from preflight.model.verdict import Finding
from tests.builders import host as h

PRE, LIST = "/opt/pre.so", "/etc/ld.so.preload"
MUSL = LoaderIdentity("musl", "1.2.3", None, (), (), None, None)
WITH_PRELOAD = Start(env=(("LD_PRELOAD", PRE),))
CUT = h.elf(size_bytes=200, soname="pre.so")


def finding(start: Start, loader=None, *, listed: bytes = b"", images=None) -> Finding:
    """Return what is found at a start of a program that lacks nothing itself."""
    answers = h.files({h.LOADER: loader or h.loader()} | (images or {}))
    answers[ReadBytes(LIST)] = BytesContent(h.state(), "", listed)
    host = h.snapshot(answers, facts={"page_size": 64})
    (found,) = judge(h.requirements(h.program()), start, host).verdict.findings
    return found


@pytest.mark.parametrize("loader", [h.loader(), h.loader(identity=MUSL)], ids=["glibc", "musl"])
def test_variable_is_what_names_the_preload(loader):
    """It is LD_PRELOAD that wants the file, and no DT_NEEDED."""
    found = finding(WITH_PRELOAD, loader)

    assert found.needed_by == "LD_PRELOAD"
    assert found.evidence[0].endswith("(path in LD_PRELOAD)")


def test_file_of_preloads_is_what_names_the_preload():
    """What every program of the host preloads is wanted by the file that says so."""
    found = finding(Start(), listed=PRE.encode())

    assert found.needed_by == LIST
    assert found.evidence == (f"{PRE}: no such file (path in {LIST})",)


def test_musl_crash_is_called_a_crash():
    """Where the loader has no errno to tell there is no talk of one."""
    found = finding(WITH_PRELOAD, h.loader(identity=MUSL), images={PRE: CUT})

    assert found.evidence == (f"{PRE}: the loader crashes on it (path in LD_PRELOAD)",)
