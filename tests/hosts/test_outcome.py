"""What a real start came to is told apart: kernel, loader, or the program itself."""

import errno
import shutil
import signal

import pytest

from tests.hosts import binfmt
from tests.hosts.outcome import loader_line, real_start

REFUSALS = [
    "/a: error while loading shared libraries: libx.so: cannot open shared object file: No such",
    "/a: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /a)",
    "/a: symbol lookup error: /a: undefined symbol: f",
    "/a: relocation error: /a: symbol f, version V not defined in file l.so with link time ref",
    "/a: CPU ISA level is lower than required",
    "FATAL: kernel too old",
    "Fatal glibc error: CPU does not support x86-64-v2",
    "Error loading shared library liba.so: No such file or directory (needed by /a)",
    "Error relocating /a: f: symbol not found",
    "qemu-aarch64-static: Could not open '/lib/ld-linux-aarch64.so.1': No such file or directory",
]


@pytest.mark.parametrize("line", REFUSALS)
def test_loader_line_is_found(line):
    """A line with which a loader refuses the program is found among others."""
    assert line == loader_line("/a", f"first\n{line}\nlast\n")


@pytest.mark.parametrize(
    "said", ["/b: error while loading shared libraries: x", "/a: no such file"]
)
def test_other_lines_are_no_refusal(said):
    """A loader's line about another program, or the program's own line, is no refusal."""
    assert loader_line("/a", said) is None


def test_program_of_the_root_starts(fleet):
    """A program that belongs to the root starts and ends by itself."""
    outcome = real_start(fleet.root("bullseye"), ["/bin/ls", "--version"])

    assert (outcome.refused, outcome.status) == (False, 0)


def test_newer_program_is_refused_by_the_loader(fleet):
    """A program of sid meets an older C library, and its loader says so."""
    shutil.copy(fleet.root("sid") / "bin/ls", fleet.root("bullseye") / "root/ls")

    outcome = real_start(fleet.root("bullseye"), ["/root/ls"])

    assert "version `GLIBC_2." in str(outcome.loader_line)


def test_kernel_refusal_keeps_its_errno(fleet):
    """A program whose interpreter is not there is refused with ENOENT."""
    shutil.copy(fleet.root("sid") / "bin/ls", fleet.root("musl") / "root/ls")

    assert real_start(fleet.root("musl"), ["/root/ls"]).errno == errno.ENOENT


def test_foreign_program_needs_the_handler(fleet):
    """An arm64 program starts through qemu, and is refused while the handler is off."""
    arm64 = fleet.root("arm64")

    assert real_start(arm64, ["/bin/true"]).status == 0
    with binfmt.switched_off():
        assert real_start(arm64, ["/bin/true"]).errno == errno.ENOEXEC


def test_noexec_mount_refuses(fleet):
    """A program on the root's noexec mount is refused with EACCES."""
    root = fleet.root("trixie")
    shutil.copy(root / "bin/true", root / "mnt/noexec/true")

    assert real_start(root, ["/mnt/noexec/true"]).errno == errno.EACCES


def test_old_processor_stands_in(fleet):
    """A program starts on the processor that qemu stands in for."""
    assert real_start(fleet.root("bookworm"), ["/bin/true"], cpu="Nehalem").status == 0


def test_signal_is_told(fleet):
    """A program that a signal ends was started."""
    outcome = real_start(fleet.root("bookworm"), ["/bin/sh", "-c", "kill -ILL $$"])

    assert (outcome.refused, outcome.signal) == (False, signal.SIGILL)


def test_what_runs_on_is_ended(fleet):
    """A program that does not end counts as started, and is ended."""
    outcome = real_start(fleet.root("bookworm"), ["/bin/sleep", "60"], timeout_s=0.5)

    assert (outcome.refused, outcome.timed_out) == (False, True)
