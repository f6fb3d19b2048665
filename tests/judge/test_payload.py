"""A program that carries others is not taken for the small one in front."""

from __future__ import annotations

import pytest

from preflight.analyze import analyze
from preflight.judge import judge
from preflight.model.start import Start
from tests.builders import host as h
from tests.builders.elf import build_elf

COOKIE = b"MEI\014\013\012\013\016" + bytes(80)


@pytest.mark.parametrize(
    ("tail", "maker"),
    [(COOKIE, "PyInstaller"), (COOKIE + bytes(4000), "PyInstaller"), (b"MEI", None)],
)
def test_the_mark_at_the_end_of_the_file_is_seen(tmp_path, tail, maker):
    """Section headers may follow it, as objcopy writes them."""
    path = tmp_path / "app"
    path.write_bytes(build_elf(interpreter="/lib64/ld-linux-x86-64.so.2") + bytes(9000) + tail)

    assert maker == analyze(path).payload


def test_a_boot_loader_that_starts_is_not_deployable():
    """What it unpacks was not looked at."""
    needs = h.requirements(h.program(), payload="PyInstaller")

    verdict = judge(needs, Start(), h.snapshot()).verdict

    assert "unknown" == verdict.outcome
    assert ["payload-not-judged"] == [finding.code for finding in verdict.findings]


def test_appimage_is_not_judged_further(tmp_path):
    """It is an ELF file that mounts another file system, which needs FUSE."""
    path = tmp_path / "app.AppImage"
    path.write_bytes(b"\x7fELF\2\1\1\0AI\2" + bytes(200))
    needs = h.requirements(h.program(), payload="AppImage")

    verdict = judge(needs, Start(), h.snapshot()).verdict

    assert analyze(path).payload == "AppImage"
    assert verdict.outcome == "unknown"
    assert "needs FUSE" in verdict.findings[0].message
