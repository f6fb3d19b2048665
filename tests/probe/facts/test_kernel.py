"""Foreign programs, 32-bit programs, SELinux, mounts."""

from __future__ import annotations

import pytest

from preflight.model.snapshot import BinfmtHandler, Mount
from preflight.probe.facts import kernel, mounts
from preflight.probe.facts.outputs import NO_PROC, Unknown

WITH = {"proc": b"", "filesystems": b"nodev\tproc\nnodev\tbinfmt_misc\n\text4\n"}
QEMU = b"= qemu-arm\nenabled\ninterpreter /usr/bin/qemu arm\nflags: OCF\noffset 0\n"
MASKED = QEMU + b"magic 7f454c46\nmask ffffff00\n"


def test_enabled_handlers_are_read():
    """Interpreter, flags, offset, magic and mask come back; blanks may stand in a path."""
    outputs = WITH | {"binfmt": MASKED + b"= status\nenabled\n"}

    expected = BinfmtHandler(
        "qemu-arm", "/usr/bin/qemu arm", "OCF", 0, b"\x7fELF", b"\xff\xff\xff\0"
    )
    assert kernel.parse_binfmt(outputs) == (expected,)


def test_handler_without_a_mask_compares_every_bit():
    """A missing mask is all ones."""
    (handler,) = kernel.parse_binfmt(WITH | {"binfmt": QEMU + b"magic 4d5a\n"})

    assert (handler.magic, handler.mask) == (b"MZ", b"\xff\xff")


@pytest.mark.parametrize(
    "said",
    [
        b"= status\ndisabled\n" + MASKED,
        MASKED.replace(b"enabled", b"disabled"),
        b"= py\nenabled\ninterpreter /usr/bin/python3\nflags: \nextension .pyc\n",
        b"= status\nenabled\n",
    ],
)
def test_handlers_that_run_no_elf_file_are_left_out(said):
    """Everything switched off, one handler switched off, a match by extension."""
    assert kernel.parse_binfmt(WITH | {"binfmt": said}) == ()


def test_kernel_without_binfmt_has_no_handlers():
    """The kernel does not know the file system: nothing can be registered."""
    assert kernel.parse_binfmt({"proc": b"", "filesystems": b"nodev\tproc\n"}) == ()


def test_handlers_that_init_does_not_mount_do_not_exist():
    """The machine's own init sees no binfmt_misc: its last unmount ended all handlers."""
    seen = WITH | {"kthreadd": b"kthreadd\n", "initmounts": b""}

    assert kernel.parse_binfmt(seen) == ()


MOUNTED = b"36 25 0:32 / /proc/sys/fs/binfmt_misc rw - binfmt_misc binfmt_misc rw\n"


@pytest.mark.parametrize(
    "seen",
    [
        {},
        {"kthreadd": b"kthreadd\n"},
        {"initmounts": b""},
        {"kthreadd": b"bash\n", "initmounts": b""},
        {"kthreadd": b"kthreadd\n", "initmounts": MOUNTED},
    ],
)
def test_handlers_out_of_sight_are_unknown(seen):
    """Not visible here, and init cannot be asked, is a container's, or does mount them."""
    assert isinstance(kernel.parse_binfmt(WITH | seen), Unknown)


def test_handlers_without_proc_are_unknown():
    """Nobody has looked."""
    assert kernel.parse_binfmt({}) == NO_PROC


@pytest.mark.parametrize(
    ("machine", "abi", "cmdline", "expected"),
    [
        ("x86_64", b"vsyscall32\n", b"ro quiet", True),
        ("x86_64", b"vsyscall32\n", b"ro ia32_emulation=1", True),
        ("x86_64", b"vsyscall32\n", b"ro ia32_emulation=0 quiet", False),
        ("x86_64", b"vsyscall32\n", b"ia32_emulation=off", False),
        ("x86_64", b"", b"ro", False),
        ("i686", b"", b"", True),
        ("aarch64", b"", b"", False),
    ],
)
def test_i386_programs_need_a_kernel_that_runs_them(machine, abi, cmdline, expected):
    """Built in and not switched off at boot, or a 32-bit kernel."""
    outputs = {
        "proc": b"",
        "uname": f"Linux 6.1 {machine}\n".encode(),
        "abi": abi,
        "cmdline": cmdline,
    }

    assert kernel.parse_ia32(outputs) is expected


def test_i386_without_proc_is_unknown():
    """An x86-64 kernel that cannot be asked is not guessed at."""
    assert kernel.parse_ia32({"uname": b"Linux 6.1 x86_64\n"}) == NO_PROC


def test_selinux_is_told_from_none():
    """Enforcing, permissive, not there, and there but out of sight."""
    assert kernel.parse_selinux({"selinux": b"1\n"}) == "enforcing"
    assert kernel.parse_selinux({"selinux": b"0\n"}) == "permissive"
    assert kernel.parse_selinux(WITH) is None
    assert isinstance(kernel.parse_selinux(WITH | {"selinuxfs": b""}), Unknown)
    hidden = {"proc": b"", "filesystems": b"nodev\tselinuxfs\n"}
    assert isinstance(kernel.parse_selinux(hidden), Unknown)


def test_mounts_hold_both_kinds_of_options():
    """Options of the mount and of the file system; octal escapes are resolved."""
    line = b"36 35 98:0 /m /mnt/my\\040disk rw,noexec shared:1 - ext4 /dev/sd\\134a rw,errors=x\n"

    assert mounts.parse_mounts({"proc": b"", "mountinfo": line}) == (
        Mount("/mnt/my disk", "/dev/sd\\a", "ext4", ("rw", "noexec", "errors=x")),
    )


@pytest.mark.parametrize("said", [b"rubbish\n", b"1 2 3 / /x rw\n"])
def test_mounts_of_another_form_are_unknown(said):
    """One line that is not understood may be the one that matters."""
    assert isinstance(mounts.parse_mounts({"proc": b"", "mountinfo": said}), Unknown)


@pytest.mark.parametrize(
    ("cmdline", "expected"),
    [
        (b"ro quiet\n", False),
        (b"ro ima_appraise=enforce\n", True),
        (b"ima_policy=tcb|appraise_tcb\n", True),
        (b"ima_policy=secure_boot\n", True),
        (b"ima_policy=tcb ima_appraise=log\n", False),
    ],
)
def test_ima_refuses_by_the_kernel_command_line(cmdline, expected):
    """Measuring or logging alone refuses nothing."""
    assert kernel.parse_ima_appraise({"proc": b"", "cmdline": cmdline}) is expected
