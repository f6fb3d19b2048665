"""What the kernel is set to do: foreign programs, 32-bit programs, SELinux."""

from __future__ import annotations

import re

from preflight.model import text
from preflight.model.snapshot import BinfmtHandler
from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of
from preflight.probe.facts.system import parse_machine

_IA32_OFF = re.compile(r"(?:^|\s)ia32_emulation=(?:0|off|false|n)\b", re.IGNORECASE)
_IMA_ON = re.compile(
    r"(?:^|\s)(?:ima_appraise=enforce|ima_policy=\S*(?:appraise_tcb|secure_boot))\b"
)
_X86_32 = re.compile(r"i[3-6]86")


def parse_proc_mounted(outputs: Outputs) -> bool:
    """Whether /proc is mounted, where the script looked for it."""
    return "proc" in outputs


def parse_ia32(outputs: Outputs) -> bool | Unknown:
    """
    Whether an x86 kernel runs i386 programs.

    Source: Linux arch/x86/entry/vdso/vdso32-setup.c (abi.vsyscall32 exists
    where IA32_EMULATION is built in), kernel-parameters.txt (ia32_emulation).
    """
    machine = parse_machine(outputs)
    if isinstance(machine, Unknown):
        return machine
    if _X86_32.fullmatch(machine):
        return True
    if machine != "x86_64":
        return False
    if "abi" not in outputs:
        return NO_PROC if "proc" not in outputs else Unknown("/proc/sys/abi is not there")
    switched_off = any(map(_IA32_OFF.search, lines_of(outputs, "cmdline")))
    return "vsyscall32" in lines_of(outputs, "abi") and not switched_off


def parse_selinux(outputs: Outputs) -> str | Unknown | None:
    """Return "enforcing" or "permissive", None where there is no SELinux.  Source: selinuxfs."""
    if "selinux" in outputs:
        return "enforcing" if lines_of(outputs, "selinux")[:1] == ["1"] else "permissive"
    if "selinuxfs" in outputs:
        return Unknown("/sys/fs/selinux is not readable")
    if "filesystems" not in outputs:
        return NO_PROC
    if _filesystem(outputs, "selinuxfs"):
        return Unknown("the kernel has SELinux, and /sys/fs/selinux is not mounted")
    return None


def parse_ima_appraise(outputs: Outputs) -> bool | Unknown:
    """
    Whether the kernel was started to refuse files that IMA does not appraise.

    Source: Linux kernel-parameters.txt (ima_appraise, ima_policy).  Limit: a
    policy that was loaded later is not seen.
    """
    if "cmdline" not in outputs:
        return NO_PROC
    return any(map(_IMA_ON.search, lines_of(outputs, "cmdline")))


def parse_binfmt(outputs: Outputs) -> tuple[BinfmtHandler, ...] | Unknown:
    """
    Return the enabled handlers that match by magic, by name.

    The kernel tries the newest first, and tells nobody which that is.  In a
    chroot the handlers are those that the first process sees; where that is
    the machine's own and sees no mount of binfmt_misc, there are none, since
    unmounting it ends them.
    Source: Linux Documentation/admin-guide/binfmt-misc.rst, fs/binfmt_misc.c.
    """
    if "filesystems" not in outputs:
        return NO_PROC
    if not _filesystem(outputs, "binfmt_misc"):
        return ()
    if "binfmt" not in outputs:
        if _nobody_mounts_binfmt(outputs):
            return ()
        return Unknown("the kernel has binfmt_misc, and its handlers are not visible here")
    files = dict(map(_file, re.split(r"^= ", _said(outputs), flags=re.MULTILINE)[1:]))
    if files.get("status", "enabled").strip() != "enabled":
        return ()
    handlers = (_handler(name, said) for name, said in files.items() if name != "status")
    return tuple(handler for handler in handlers if handler is not None)


def _nobody_mounts_binfmt(outputs: Outputs) -> bool:
    """Whether process 2 is the kernel's own, so that 1 is init, and init has no such mount."""
    initial = lines_of(outputs, "kthreadd")[:1] == ["kthreadd"]
    return initial and "initmounts" in outputs and not any(lines_of(outputs, "initmounts"))


def _said(outputs: Outputs) -> str:
    return text.decode(outputs["binfmt"])


def _filesystem(outputs: Outputs, name: str) -> bool:
    return any(line.split()[-1] == name for line in lines_of(outputs, "filesystems"))


def _file(part: str) -> tuple[str, str]:
    name, _, said = part.partition("\n")
    return name, said


def _handler(name: str, said: str) -> BinfmtHandler | None:
    """Return one entry, None where it is disabled or matches by a file's extension."""
    lines = said.split("\n")
    pairs = dict(line.partition(" ")[::2] for line in lines[1:])
    if lines[0] != "enabled" or "magic" not in pairs:
        return None
    magic = bytes.fromhex(pairs["magic"])
    mask = bytes.fromhex(pairs.get("mask", "")) or b"\xff" * len(magic)
    flags = pairs.get("flags:", "").strip()
    return BinfmtHandler(name, pairs["interpreter"], flags, int(pairs["offset"]), magic, mask)
