"""
What an ELF file says of itself: all that a kernel and a loader look at, and nothing else.

The values come from the file header, the program headers and the dynamic
table.  Names are text as in `preflight.model.text`; strings that a loader
expands or splits (rpath, runpath) stand here as they stand in the file.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Endian = Literal["little", "big"]

# gABI "ELF Header": e_type.
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
# gABI "Program Header": p_type.
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS = 1, 2, 3, 4, 6, 7
PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY = 0x6474E551, 0x6474E552, 0x6474E553
PF_X, PF_W, PF_R = 1, 2, 4
# Dynamic tags that more than the reader looks at.
DT_NEEDED, DT_AUXILIARY, DT_FILTER = 1, 0x7FFFFFFD, 0x7FFFFFFF
# DT_FLAGS and DT_FLAGS_1.
DF_ORIGIN, DF_SYMBOLIC, DF_TEXTREL, DF_BIND_NOW, DF_STATIC_TLS = 1, 2, 4, 8, 16
DF_1_NOW, DF_1_NOOPEN, DF_1_NODEFLIB, DF_1_PIE = 0x1, 0x40, 0x800, 0x08000000
# Machines whose loader rules preflight knows (e_machine).
EM_386, EM_ARM, EM_X86_64, EM_AARCH64 = 3, 40, 62, 183


class Segment(Struct, frozen=True):
    """One program header; offsets, addresses and sizes in bytes."""

    type: int
    flags: int
    offset: int
    vaddr: int
    filesz: int
    memsz: int
    align: int


class Dependency(Struct, frozen=True):
    """One DT_NEEDED, DT_AUXILIARY or DT_FILTER entry."""

    tag: int
    name: str


class NeededVersion(Struct, frozen=True):
    """One version that an object wants of a library (Vernaux)."""

    name: str
    weak: bool  # VER_FLG_WEAK: its absence is a warning
    index: int  # what the symbol version table calls it (vna_other)


class VersionNeed(Struct, frozen=True):
    """The versions that an object wants of one library (Verneed)."""

    library: str
    versions: tuple[NeededVersion, ...]


class VersionDef(Struct, frozen=True):
    """One version that an object defines (Verdef); the base definition is the file's own name."""

    name: str
    index: int
    base: bool


class AbiTag(Struct, frozen=True):
    """NT_GNU_ABI_TAG: operating system (0 is Linux) and its oldest release."""

    system: int
    release: tuple[int, int, int]


class LaterNeed(Struct, frozen=True, kw_only=True):
    """
    What the program says that it opens with dlopen(3), once it runs: one of *sonames*.

    Source: UAPI group, "ELF dlopen metadata" (note type 0x407c0c0a).
    """

    sonames: tuple[str, ...]  # the preferred one first
    priority: Literal["required", "recommended", "suggested"]
    feature: str = ""
    description: str = ""


class LoaderIdentity(Struct, frozen=True):
    """What the bytes of an ELF interpreter (or of a libc) say of its origin."""

    family: Literal["glibc", "musl", "gcompat", "nix-stub"]
    release: str | None  # "2.36"; None where the bytes do not say
    banner: str | None  # the whole line that said so
    system_dirs: tuple[str, ...]  # compiled in, in the loader's order, with trailing "/"
    hwcaps: tuple[str, ...]  # glibc-hwcaps subdirectories it knows, best first
    cache_path: str | None  # where it looks for its cache
    preload_path: str | None  # where it looks for the list of preloads


class SymbolTable(Struct, frozen=True, weakref=True):
    """
    The dynamic symbols, in columns: entry *i* is the *i*-th name and the *i*-th record.

    *names* holds the names, each ended by a NUL.  *records* holds one
    `SYMBOL_RECORD` each.  Entry 0 is the null symbol.
    """

    names: bytes
    records: bytes


# version index (DT_VERSYM, hidden bit included; 0xFFFF without the table),
# st_info, st_other, PLACE_*, USE_* bits, st_size (cut to 32 bits; 0 of code, so that
# builds of one library are alike), where it first stands in DT_REL and DT_RELA, and
# where in DT_JMPREL (from 1 on; 0: not there).
SYMBOL_RECORD = "<HBBBBIII"
NO_VERSYM = 0xFFFF
# Where a symbol is defined.
PLACE_UNDEFINED, PLACE_SECTION, PLACE_ABSOLUTE, PLACE_COMMON = 0, 1, 2, 3
PLACE_ZERO = 0x10  # ored in where st_value is 0
# How relocations use it; several bits may be set.
USE_DATA = 0x01  # an eager relocation of DT_REL, DT_RELA: pointer, GLOB_DAT, TLS …
USE_SLOT = 0x02  # a JUMP_SLOT of DT_JMPREL: eager only with BIND_NOW
USE_COPY = 0x04  # a copy relocation
USE_TLS = 0x08  # a thread-local reference (also USE_DATA)
USE_POINTER = 0x20  # an address in data, other than in the GOT (also USE_DATA)
USE_EAGER_SLOT = 0x10  # in DT_JMPREL, yet resolved at start (TLSDESC, variant PCS)


class Elf(Struct, frozen=True, kw_only=True):
    """
    One ELF file, or what could be read of it.

    *defect* says where reading had to stop, in words; all that was read before
    stands.  A file that is no ELF file has its first bytes in *head* and
    *bits* 0: a loader that opens it decides by those bytes.
    """

    size_bytes: int
    head: bytes  # the first 64 bytes, as they are
    defect: str | None = None
    bits: Literal[0, 32, 64] = 0
    endian: Endian = "little"
    osabi: int = 0
    abi_version: int = 0
    type: int = 0
    machine: int = 0
    flags: int = 0  # e_flags
    phentsize: int = 0
    segments: tuple[Segment, ...] = ()
    interpreter: str | None = None  # PT_INTERP up to its first NUL
    interpreter_terminated: bool = True  # its last byte is NUL, as the kernel demands
    has_dynamic: bool = False
    dependencies: tuple[Dependency, ...] = ()  # in file order
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    dt_flags: int = 0
    dt_flags_1: int = 0
    bind_now_tag: bool = False  # the old DT_BIND_NOW
    symbolic_tag: bool = False  # the old DT_SYMBOLIC
    textrel_tag: bool = False  # the old DT_TEXTREL
    has_relr: bool = False
    has_version_table: bool = False  # DT_VERSYM together with needs or definitions
    version_needs: tuple[VersionNeed, ...] = ()
    version_defs: tuple[VersionDef, ...] = ()
    build_id: str | None = None  # hexadecimal
    abi_tag: AbiTag | None = None
    later: tuple[LaterNeed, ...] = ()  # .note.dlopen, in file order
    isa_needed: int = 0  # GNU_PROPERTY_X86_ISA_1_NEEDED, as the loader reads it
    indirect_access: bool = False  # GNU_PROPERTY_1_NEEDED_INDIRECT_EXTERN_ACCESS
    exec_stack: bool | None = None  # PT_GNU_STACK asks for it; None where the header is absent
    symbols: SymbolTable | None = None
    irelative: bool = False  # has IRELATIVE relocations
    odd_relocations: tuple[int, ...] = ()  # types that the machine's loaders do not know
    identity: LoaderIdentity | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """The DT_NEEDED names, in file order."""
        return tuple(d.name for d in self.dependencies if d.tag == DT_NEEDED)

    @property
    def bind_now(self) -> bool:
        """Whether any of the three forms of BIND_NOW is set."""
        return (
            self.bind_now_tag
            or bool(self.dt_flags & DF_BIND_NOW)
            or bool(self.dt_flags_1 & DF_1_NOW)
        )

    @property
    def symbolic(self) -> bool:
        """Whether the object looks for symbols in itself first."""
        return self.symbolic_tag or bool(self.dt_flags & DF_SYMBOLIC)

    def ends_early(self, page_size: int) -> bool:
        """Whether a whole page of a segment lies beyond the end of the file: SIGBUS."""
        end = max((s.offset + s.filesz for s in self.segments if s.type == PT_LOAD), default=0)
        return -(-end // page_size) > -(-self.size_bytes // page_size)

    @property
    def kind(self) -> Literal["executable", "static", "static-pie", "shared-object", "other"]:
        """The contract's word: who names an interpreter is an executable, PIE or not."""
        if self.interpreter is not None:
            return "executable"
        if self.type == ET_EXEC:
            return "static"
        if self.type == ET_DYN:
            return "static-pie" if self.dt_flags_1 & DF_1_PIE else "shared-object"
        return "other"


# The levels of the x86-64 psABI; bit i of the ISA note stands for the i-th.
X86_LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")

# What `uname -m` and people call a machine: (e_machine, bits, endian) → name.
MACHINE_NAMES: dict[tuple[int, int, str], str] = {
    (EM_386, 32, "little"): "i386",
    (EM_X86_64, 64, "little"): "x86_64",
    (EM_X86_64, 32, "little"): "x32",
    (EM_ARM, 32, "little"): "arm",
    (EM_ARM, 32, "big"): "armeb",
    (EM_AARCH64, 64, "little"): "aarch64",
    (EM_AARCH64, 64, "big"): "aarch64_be",
    (EM_AARCH64, 32, "little"): "aarch64_ilp32",
    (2, 32, "big"): "sparc",
    (43, 64, "big"): "sparc64",
    (4, 32, "big"): "m68k",
    (8, 32, "big"): "mips",
    (8, 32, "little"): "mipsel",
    (8, 64, "big"): "mips64",
    (8, 64, "little"): "mips64el",
    (15, 32, "big"): "hppa",
    (20, 32, "big"): "ppc",
    (21, 64, "big"): "ppc64",
    (21, 64, "little"): "ppc64le",
    (22, 64, "big"): "s390x",
    (22, 32, "big"): "s390",
    (42, 32, "little"): "sh4",
    (50, 64, "little"): "ia64",
    (243, 64, "little"): "riscv64",
    (243, 32, "little"): "riscv32",
    (258, 64, "little"): "loongarch64",
    (0x9026, 64, "little"): "alpha",
}


def machine_name(machine: int, bits: int, endian: str) -> str:
    """Return the usual name of a machine, or ``machine-N`` for one without."""
    return MACHINE_NAMES.get((machine, bits, endian), f"machine-{machine}")
