"""
Does the host's kernel run programs of this machine at all?

Source: Linux fs/binfmt_elf.c (elf_check_arch), fs/binfmt_misc.c (handlers
come first), arch/x86 IA32_EMULATION, arch/arm64 COMPAT.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from preflight.model.elf import EM_386, EM_AARCH64, EM_ARM, EM_X86_64, Elf, machine_name
from preflight.model.snapshot import BinfmtHandler, Facts

Machine = tuple[int, int, str]  # e_machine, bits, byte order

# uname -m → what its kernel runs by nature.
_UNAME: dict[str, Machine] = {
    "x86_64": (EM_X86_64, 64, "little"),
    "i386": (EM_386, 32, "little"),
    "i486": (EM_386, 32, "little"),
    "i586": (EM_386, 32, "little"),
    "i686": (EM_386, 32, "little"),
    "aarch64": (EM_AARCH64, 64, "little"),
    "arm64": (EM_AARCH64, 64, "little"),
    "armv5tel": (EM_ARM, 32, "little"),
    "armv6l": (EM_ARM, 32, "little"),
    "armv7l": (EM_ARM, 32, "little"),
    "armv8l": (EM_ARM, 32, "little"),
    "ppc64le": (21, 64, "little"),
    "ppc64": (21, 64, "big"),
    "s390x": (22, 64, "big"),
    "riscv64": (243, 64, "little"),
    "loongarch64": (258, 64, "little"),
    "mips": (8, 32, "big"),
    "mips64": (8, 64, "big"),
}


class Support(Struct, frozen=True):
    """The answer, with the handler's name or the reason for not knowing."""

    kind: Literal["native", "emulated", "mismatch", "unknown"]
    detail: str = ""
    handler: BinfmtHandler | None = None


NATIVE = Support("native")


def support_of(facts: Facts, elf: Elf, *, binfmt_unknown: str = "") -> Support:
    """Return how the kernel takes to *elf*'s machine."""
    machine: Machine = (elf.machine, elf.bits, elf.endian)
    if handler := handler_of(facts.binfmt or (), elf.head):
        return Support("emulated", handler.name, handler)
    native, translated = _native(facts)
    if native is None:
        return Support("unknown", "the host's machine is not known")
    if machine == translated:
        return Support("emulated", "the host's own programs run under an emulator")
    if machine in (native, _shell(facts)):
        return NATIVE
    compatible = _compatible(facts, native, machine)
    if compatible is not None:
        return compatible
    if facts.binfmt is None:
        reason = binfmt_unknown or "the registered emulators could not be seen"
        return Support("unknown", reason)
    return Support("mismatch")


def uname_machine(name: str | None) -> Machine | None:
    """Return the machine that a kernel with this ``uname -m`` runs by nature."""
    return _UNAME.get(name or "")


def describe(machine: Machine) -> str:
    """Return the machine's usual name."""
    return machine_name(*machine)


def _native(facts: Facts) -> tuple[Machine | None, Machine | None]:
    """
    Return (the real kernel's machine, the machine that uname pretends).

    Under qemu-user uname speaks of the emulated machine, while /proc/cpuinfo
    (before qemu 8.1) and the handlers still show the real one.
    """
    said = uname_machine(facts.machine)
    x86 = (EM_X86_64, 64, "little")
    if said is not None and said[0] not in (EM_X86_64, EM_386) and "lm" in facts.cpu_flags:
        return x86, said
    return said, None


def _shell(facts: Facts) -> Machine | None:
    """Return the machine of /bin/sh, which the kernel was seen to run."""
    head = facts.shell_head
    if len(head) < 20 or head[:4] != b"\x7fELF" or head[4] not in (1, 2):
        return None
    endian: Literal["little", "big"] = "little" if head[5] == 1 else "big"
    return (int.from_bytes(head[18:20], endian), 32 * head[4], endian)


def _compatible(facts: Facts, native: Machine, machine: Machine) -> Support | None:
    """Return what the kernel's compatibility options say; None where there is none to ask."""
    if native[0] == EM_X86_64 and machine == (EM_386, 32, "little"):
        if facts.ia32 is None or facts.machine != "x86_64":  # an emulator speaks for the kernel
            return Support("unknown", "whether the kernel runs i386 programs could not be seen")
        return NATIVE if facts.ia32 else None
    if native[0] == EM_X86_64 and machine == (EM_X86_64, 32, "little"):
        return Support("unknown", "whether the kernel runs x32 programs cannot be seen")
    if native == (EM_AARCH64, 64, "little") and machine == (EM_ARM, 32, "little"):
        return Support("unknown", "whether kernel and CPU run 32-bit ARM cannot be seen")
    if native == (EM_386, 32, "little") and machine == (EM_X86_64, 64, "little"):
        if "lm" in facts.cpu_flags:
            reason = "uname says 32 bits, but the CPU has 64: the kernel may run it"
            return Support("unknown", reason)
        return None
    return None


def handler_of(handlers: tuple[BinfmtHandler, ...], head: bytes) -> BinfmtHandler | None:
    """
    Return the first handler whose magic matches a file with this *head*.

    Source: Linux fs/binfmt_misc.c, search_binfmt_handler(); the kernel's
    buffer is filled up with zeros.
    """
    head = head.ljust(256, b"\0")
    for handler in handlers:
        window = head[handler.offset : handler.offset + len(handler.magic)]
        if len(window) == len(handler.magic) and all(
            (have ^ want) & mask == 0
            for have, want, mask in zip(window, handler.magic, handler.mask, strict=True)
        ):
            return handler
    return None
