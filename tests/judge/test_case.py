"""Where the program will really lie."""

from __future__ import annotations

from preflight.judge import judge
from preflight.judge.case import Case
from preflight.model.question import Stat
from preflight.model.snapshot import Mount
from preflight.model.start import Start
from tests.builders import host as h

_DIRECTORY = 0o040755
_MOUNTS = (
    Mount("/", "/dev/vda", "ext4", ("rw",)),
    Mount("/data", "/dev/vdb", "ext4", ("rw", "noexec")),
)


def test_install_path_is_resolved_through_the_nearest_directory_that_exists():
    """A release that is not unpacked yet lies where its existing ancestor really is."""
    answers = h.files({}) | {Stat("/opt"): h.state(mode=_DIRECTORY, real="/data/opt")}
    start = Start(install_path="/opt/app/1.2/bin/app")

    case = Case(h.requirements(h.program()), start, h.snapshot(answers))

    assert case.real_path == "/data/opt/app/1.2/bin/app"


def test_noexec_mount_is_seen_through_a_symbolic_link():
    """A link from /opt into a noexec mount does not hide the mount."""
    answers = h.files({}) | {Stat("/opt"): h.state(mode=_DIRECTORY, real="/data/opt")}
    snapshot = h.snapshot(answers, facts={"mounts": _MOUNTS})

    verdict = judge(h.requirements(h.program()), Start(install_path="/opt/app"), snapshot).verdict

    assert verdict.predicted_error == "/opt/app: Permission denied"
