"""What a program opens later, by its own notes, is looked for as dlopen(3) would, and is advice."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import Options, check
from preflight.inventory import load
from preflight.judge import judge
from preflight.model.elf import LaterNeed
from preflight.model.question import List
from preflight.model.start import Start
from tests.builders import host as h
from tests.hosts.outcome import real_start


def verdict(*needs: tuple[str, ...], priority="required", start: Start | None = None, **there):
    """Return the verdict on a program with these notes, on a host with these libraries."""
    later = tuple(LaterNeed(sonames=names, priority=priority) for names in needs)
    libraries = {f"/lib/{name}.so": image for name, image in there.items()}
    program = h.program(later=later, runpath="$ORIGIN/lib")
    place = start or Start(install_path="/opt/app/app")
    return judge(h.requirements(program), place, h.snapshot(h.files(libraries))).verdict


def codes(found) -> list[tuple[str, str, str]]:
    """Return what was found."""
    return [(f.code, f.severity, f.subject) for f in found.findings]


@pytest.mark.parametrize(
    ("priority", "severity"),
    [("required", "warning"), ("recommended", "warning"), ("suggested", "info")],
)
def test_what_is_not_there_is_advice_by_its_priority(priority, severity):
    """The program starts without it, whatever the note calls it."""
    found = verdict(("libz.so",), priority=priority)

    assert "deployable" == found.outcome
    assert [("dlopen-missing", severity, "libz.so")] == codes(found)


def test_one_of_several_names_is_enough():
    """The note lists names in the order of preference."""
    assert [] == codes(verdict(("liba.so", "libb.so"), libb=h.elf()))
    assert [("dlopen-missing", "warning", "liba.so")] == codes(verdict(("liba.so", "libc.so")))


def test_what_it_needs_in_turn_counts():
    """A library that lacks a library of its own cannot be opened."""
    found = verdict(("liba.so",), liba=h.elf("libnowhere.so"))

    assert [("dlopen-missing", "warning", "liba.so")] == codes(found)
    assert "libnowhere.so was not found" in found.findings[0].evidence[0]


def test_an_older_library_without_the_version_cannot_be_opened():
    """Versions are compared for what is opened, too."""
    wants = h.wants("libb.so", "B_2")
    older = h.elf(version_defs=h.defines("B_1"))

    found = verdict(("liba.so",), liba=h.elf("libb.so", version_needs=wants), libb=older)

    assert [("dlopen-missing", "warning", "liba.so")] == codes(found)


def test_the_search_is_that_of_the_program():
    """Its RUNPATH and LD_LIBRARY_PATH lead there."""
    answers = h.files({"/opt/app/lib/liba.so": h.elf(), "/env/libb.so": h.elf()})
    needs = tuple(LaterNeed(sonames=(f"lib{x}.so",), priority="required") for x in "ab")
    program = h.requirements(h.program(later=needs, runpath="$ORIGIN/lib"))
    start = Start(install_path="/opt/app/app", env=(("LD_LIBRARY_PATH", "/env"),))

    assert [] == codes(judge(program, start, h.snapshot(answers)).verdict)


class Unseen(h.Elsewhere):
    """Answers of a host that was never asked about libz."""

    def get(self, question, default=None):
        unseen = "libz" in question.path or isinstance(question, List)
        return None if unseen else super().get(question, default)


def test_what_nobody_looked_at_leaves_no_host_unknown():
    """The questions are asked; without an answer it is said, and the verdict stands."""
    program = h.program(later=(LaterNeed(sonames=("libz.so",), priority="required"),))
    snapshot = structs.replace(h.snapshot(), answers=Unseen(h.files({})))

    judgement = judge(h.requirements(program), Start(install_path="/opt/app"), snapshot)

    assert "deployable" == judgement.verdict.outcome
    assert [("dlopen-unknown", "info", "libz.so")] == codes(judgement.verdict)
    assert judgement.questions


_OPEN = """
import ctypes, sys
for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
        print(name, file=sys.stderr)
    except OSError:
        pass
"""


def test_notes_of_real_programs_are_judged_as_dlopen_finds(fleet):
    """What systemd's own programs would open, python's dlopen(3) opens on that host, or not."""
    root = fleet.root("sid")
    hosts = [host for host in load([str(fleet.inventory)]).hosts if host.name == "sid"]
    names = ("systemctl", "systemd-analyze", "systemd-sysext")
    binaries = [analyze(str(root / "usr/bin" / name), id=name) for name in names]
    place = lambda _, needed: Start(install_path=f"/usr/bin/{needed.name}", in_place=True)  # noqa: E731

    verdicts = check(binaries, hosts, starts=place, options=Options()).verdicts

    later = {needed.id: needed.elf.later for needed in binaries}
    wanted = {name for needs in later.values() for need in needs for name in need.sonames}
    opened = real_start(root, ["/usr/bin/python3", "-ISc", _OPEN, *sorted(wanted)])
    there = set(opened.stderr.split())
    assert there
    assert wanted - there
    for found in verdicts:
        missing = {f.subject for f in found.findings if f.code == "dlopen-missing"}
        assert missing == {
            need.sonames[0] for need in later[found.binary] if there.isdisjoint(need.sonames)
        }
