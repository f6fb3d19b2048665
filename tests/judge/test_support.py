"""Which kernel runs which machine.  Source: Linux fs/binfmt_elf.c, fs/binfmt_misc.c."""

from __future__ import annotations

import pytest
from msgspec import structs

from preflight.elf import read_bytes
from preflight.judge.support import support_of
from preflight.model.elf import EM_386, EM_AARCH64, EM_ARM, EM_X86_64, Elf
from preflight.model.snapshot import BinfmtHandler, Facts
from tests.builders import host as h
from tests.builders.elf import build_elf

ARM64 = BinfmtHandler("qemu-aarch64", "/gone/qemu", "F", 0, b"\x7fELF\x02", b"\xff" * 5)
MAGIC_ARM64 = BinfmtHandler("qemu-aarch64", "/gone/qemu", "F", 18, b"\xb7\0", b"\xff\xff")


def image(machine: int = EM_X86_64, bits: int = 64, **more: object) -> Elf:
    """Return a program for a machine."""
    return read_bytes(build_elf(machine=machine, bits=bits, **more))


def facts(**fields: object) -> Facts:
    """Return the facts of an x86-64 host, but for *fields*."""
    return structs.replace(h.FACTS, **fields)


@pytest.mark.parametrize(
    ("uname", "machine", "bits", "kind"),
    [
        ("x86_64", EM_X86_64, 64, "native"),
        ("x86_64", EM_AARCH64, 64, "mismatch"),
        ("x86_64", EM_ARM, 32, "mismatch"),
        ("x86_64", EM_X86_64, 32, "unknown"),  # x32
        ("aarch64", EM_AARCH64, 64, "native"),
        ("aarch64", EM_X86_64, 64, "mismatch"),
        ("aarch64", EM_ARM, 32, "unknown"),
        ("armv7l", EM_ARM, 32, "native"),
        ("armv7l", EM_AARCH64, 64, "mismatch"),
        ("i686", EM_386, 32, "native"),
        ("i686", EM_X86_64, 64, "mismatch"),
        ("strange", EM_X86_64, 64, "unknown"),
    ],
)
def test_machines(uname, machine, bits, kind):
    """A kernel runs its own machine, and what is compatible with it."""
    assert kind == support_of(facts(machine=uname), image(machine, bits)).kind


@pytest.mark.parametrize(
    ("ia32", "kind"), [(True, "native"), (False, "mismatch"), (None, "unknown")]
)
def test_i386_on_x86_64_depends_on_the_kernel(ia32, kind):
    """IA32_EMULATION decides, and may not be seen."""
    assert kind == support_of(facts(ia32=ia32), image(EM_386, 32)).kind


def test_handler_takes_foreign_programs_though_its_file_is_gone():
    """With flag F the interpreter was opened long ago; its path is not looked at."""
    support = support_of(facts(binfmt=(MAGIC_ARM64,)), image(EM_AARCH64))

    assert ("emulated", "qemu-aarch64") == (support.kind, support.detail)


def test_handler_comes_before_the_kernels_own_formats():
    """A handler that matches native programs gets them, too."""
    assert support_of(facts(binfmt=(ARM64,)), image()).kind == "emulated"


def test_mask_leaves_bits_out():
    """Bits that are not in the mask may differ."""
    handler = BinfmtHandler("any", "/x", "", 18, b"\xb6\0", b"\xfe\xff")

    assert support_of(facts(binfmt=(handler,)), image(EM_AARCH64)).kind == "emulated"


def test_unseen_handlers_leave_foreign_programs_unknown():
    """Where binfmt_misc could not be read, an emulator may be registered."""
    assert support_of(facts(binfmt=None), image(EM_AARCH64)).kind == "unknown"


def test_shell_of_32_bits_proves_that_its_kind_runs():
    """A 32-bit user land on a 64-bit kernel: /bin/sh runs, and what is like it."""
    shell = build_elf(machine=EM_ARM, bits=32)[:20]

    assert (
        support_of(facts(machine="aarch64", shell_head=shell), image(EM_ARM, 32)).kind == "native"
    )


def test_user_land_under_an_emulator():
    """Uname says aarch64 and the CPU is x86: arm64 programs are emulated, x86 ones native."""
    host = facts(machine="aarch64", cpu_flags=("lm", "sse2"))

    assert [support_of(host, image(machine)).kind for machine in (EM_AARCH64, EM_X86_64)] == [
        "emulated",
        "native",
    ]
