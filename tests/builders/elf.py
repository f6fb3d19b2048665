"""
Small ELF files without a compiler, for any machine, class and byte order.

What `build_elf` returns is whole and loads for real where the machine fits:
one writable, executable segment holds everything.  An x86-64 executable exits
with status 0.  Odd files are made by patching it, or with *tags* and *segments*.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

ET_EXEC, ET_DYN = 2, 3
EM_386, EM_MIPS, EM_ARM, EM_X86_64, EM_AARCH64 = 3, 8, 40, 62, 183
_STB_GLOBAL, _STT_FUNC = 1, 2
_WEAK = 2
# exit(0): xor edi,edi; mov eax,60; syscall.
_EXIT = {EM_X86_64: b"\x31\xff\xb8\x3c\x00\x00\x00\x0f\x05"}
# (GLOB_DAT, JUMP_SLOT, COPY); other machines get numbers that nobody reads.
_RELOCATIONS = {
    EM_X86_64: (6, 7, 5),
    EM_386: (6, 7, 5),
    EM_ARM: (21, 22, 20),
    EM_AARCH64: (1025, 1026, 1024),
}
_REL_MACHINES = {EM_386, EM_ARM, EM_MIPS}
_WIDE_HASH = {(22, 64), (0x9026, 64)}


class Symbol(NamedTuple):
    """One dynamic symbol; *version* is one of those needed or defined, *use* makes a relocation."""

    name: str | bytes
    defined: bool = False
    version: str | None = None
    hidden: bool = False  # of its version: foo@V rather than foo@@V
    use: str | int | None = None  # "data", "slot", "copy" or a relocation type in DT_RELA
    bind: int = _STB_GLOBAL
    type: int = _STT_FUNC
    other: int = 0
    size: int = 0
    section: int | None = None  # st_shndx, where it is neither defined nor undefined
    value: int | None = None


class Note(NamedTuple):
    """One note."""

    owner: bytes
    type: int
    content: bytes


class ExtraSegment(NamedTuple):
    """One more program header; *content*, where given, is put into the file for it."""

    type: int
    flags: int = 4
    content: bytes | None = None
    align: int = 1
    memsz: int | None = None


def build_elf(  # noqa: PLR0913 - one argument for each thing that can be odd
    *,
    machine: int = EM_X86_64,
    bits: int = 64,
    endian: str = "little",
    type: int = ET_DYN,  # noqa: A002 - e_type
    e_flags: int = 0,
    osabi: int = 0,
    interpreter: str | bytes | None = None,
    needed: Sequence[str | bytes] = (),
    soname: str | bytes | None = None,
    rpath: str | bytes | None = None,
    runpath: str | bytes | None = None,
    version_needs: Mapping[str, Sequence[str]] | None = None,
    weak_versions: Sequence[str] = (),
    version_defs: Sequence[str] = (),
    symbols: Sequence[Symbol] = (),
    notes: Sequence[Note] = (),
    note_align: int = 4,
    gnu_hash: bytes | None = None,
    tags: Sequence[tuple[int, int]] = (),
    segments: Sequence[ExtraSegment] = (),
    exec_stack: bool | None = False,
    dynamic: bool = True,
    code: bytes | None = None,
) -> bytes:
    """
    Return a whole ELF file.

    *version_needs* maps a library to its versions, *version_defs* names the
    versions defined after the base one (which is the soname), *gnu_hash* is the
    content of a DT_GNU_HASH that stands in place of DT_HASH, *tags* are put
    into the dynamic table before its end (DT_FLAGS is 30, DT_FLAGS_1
    0x6ffffffb), *exec_stack* None leaves PT_GNU_STACK out.
    """
    file = _File(machine, bits, endian, 0x400000 if type == ET_EXEC else 0)
    notes_bytes = b"".join(file.note(note, note_align) for note in notes)
    interp = None if interpreter is None else _bytes(interpreter) + b"\0"
    present = [interp is not None, interp is not None, notes_bytes, dynamic, exec_stack is not None]
    file.reserve(1 + sum(map(bool, present)) + len(segments))
    found: list[_Header] = []
    if interp is not None:
        # A loader learns from PT_PHDR where it was that the kernel put a PIE.
        found += [file.own_headers(), file.segment(3, 4, interp, 1)]
    if notes_bytes:
        found.append(file.segment(4, 4, notes_bytes, note_align))
    found += [
        file.segment(s.type, s.flags, s.content or b"", s.align)._replace(memsz=s.memsz)
        for s in segments
    ]
    code_at = file.put(_EXIT.get(machine, b"") if code is None else code, 16)
    if dynamic:
        tables = _Tables(file, symbols, gnu_hash)
        if version_defs:
            tables.put_defs([soname or "base", *version_defs])
        if version_needs:
            tables.put_needs(version_needs, weak_versions)
        names = [(1, name) for name in needed]
        names += [(t, n) for t, n in ((14, soname), (15, rpath), (29, runpath)) if n is not None]
        entries = [(tag, tables.string(name)) for tag, name in names]
        entries += [*tags, *tables.finish(), (0, 0)]
        packed = b"".join(struct.pack(file.order + 2 * file.word, *entry) for entry in entries)
        found.append(file.segment(2, 6, packed, 8))
    if exec_stack is not None:
        found.append(_Header(0x6474E551, 7 if exec_stack else 6, 0, 0, 16))
    return file.finish(found, type, osabi, e_flags, code_at)


class _Header(NamedTuple):
    type: int
    flags: int
    offset: int
    size: int
    align: int
    memsz: int | None = None


class _File:
    """The bytes so far; an offset plus *base* is an address."""

    def __init__(self, machine: int, bits: int, endian: str, base: int) -> None:
        self.machine, self.bits, self.base = machine, bits, base
        self.order = "<" if endian == "little" else ">"
        self.word = "Q" if bits == 64 else "I"
        self.data = bytearray(64 if bits == 64 else 52)

    def reserve(self, headers: int) -> None:
        """Leave room for the program headers."""
        self.headers_at = len(self.data)
        self.data += bytes(headers * (56 if self.bits == 64 else 32))
        self.headers_end = len(self.data)

    def own_headers(self) -> _Header:
        """Return PT_PHDR."""
        return _Header(6, 4, self.headers_at, self.headers_end - self.headers_at, 8)

    def put(self, content: bytes, align: int = 8) -> int:
        """Append *content*; return its address."""
        self.data += bytes(-len(self.data) % align)
        offset = len(self.data)
        self.data += content
        return self.base + offset

    def segment(self, kind: int, flags: int, content: bytes, align: int) -> _Header:
        """Append *content* and return the header for it."""
        offset = self.put(content, max(align, 1)) - self.base
        return _Header(kind, flags, offset, len(content), align)

    def note(self, note: Note, align: int) -> bytes:
        """Return a note as it stands in the file."""
        head = struct.pack(self.order + "III", len(note.owner), len(note.content), note.type)
        owned = head + note.owner
        owned += bytes(-len(owned) % align)
        return owned + note.content + bytes(-len(note.content) % align)

    def finish(
        self, headers: list[_Header], kind: int, osabi: int, e_flags: int, entry: int
    ) -> bytes:
        """Write the headers; return the file."""
        whole = _Header(1, 7, 0, len(self.data), 0x1000)
        ident = b"\x7fELF" + bytes(
            [2 if self.bits == 64 else 1, 1 if self.order == "<" else 2, 1, osabi]
        )
        size, phsize = (64, 56) if self.bits == 64 else (52, 32)
        self.data[:size] = struct.pack(
            self.order + "16sHHI" + 3 * self.word + "IHHHHHH",
            *(ident, kind, self.machine, 1, entry, self.headers_at, 0, e_flags),
            *(size, phsize, 1 + len(headers), 0, 0, 0),
        )
        for index, header in enumerate([*headers, whole]):
            at = self.headers_at + index * phsize
            self.data[at : at + phsize] = self._program_header(header)
        return bytes(self.data)

    def _program_header(self, header: _Header) -> bytes:
        where = (header.offset, self.base + header.offset, self.base + header.offset)
        sizes = (header.size, header.size if header.memsz is None else header.memsz)
        if self.bits == 64:
            fields = (header.type, header.flags, *where, *sizes, header.align)
            return struct.pack(self.order + "IIQQQQQQ", *fields)
        fields = (header.type, *where, *sizes, header.flags, header.align)
        return struct.pack(self.order + "IIIIIIII", *fields)


class _Tables:
    """The tables that the dynamic table points at."""

    def __init__(self, file: _File, symbols: Sequence[Symbol], gnu_hash: bytes | None) -> None:
        self.file, self.symbols, self.gnu_hash = file, symbols, gnu_hash
        self.strings = bytearray(b"\0")
        self.entries: list[tuple[int, int]] = []
        self.indexes: dict[str, int] = {}

    def string(self, name: str | bytes) -> int:
        """Add *name* to DT_STRTAB; return its offset."""
        offset = len(self.strings)
        self.strings += _bytes(name) + b"\0"
        return offset

    def finish(self) -> list[tuple[int, int]]:
        """Write symbols, hash, relocations and strings; return their tags."""
        self._put_symbols()
        self._put_relocations()
        self.entries += [(5, self.file.put(bytes(self.strings))), (10, len(self.strings))]
        return self.entries

    def _pack(self, form: str, *values: object) -> bytes:
        return struct.pack(self.file.order + form, *values)

    def put_defs(self, names: Sequence[str | bytes]) -> None:
        """Write DT_VERDEF; the first name is the base definition's."""
        table = b""
        for index, name in enumerate(names, 1):
            step = 28 if index < len(names) else 0
            base = index == 1
            table += self._pack("HHHHIII", 1, base, index, 1, _sysv_hash(_bytes(name)), 20, step)
            table += self._pack("II", self.string(name), 0)
            self.indexes[_bytes(name).decode()] = index
        self.entries += [(0x6FFFFFFC, self.file.put(table)), (0x6FFFFFFD, len(names))]

    def put_needs(self, needs: Mapping[str, Sequence[str]], weak: Sequence[str]) -> None:
        """Write DT_VERNEED."""
        table = b""
        for number, (library, versions) in enumerate(needs.items(), 1):
            step = 16 + 16 * len(versions) if number < len(needs) else 0
            table += self._pack("HHIII", 1, len(versions), self.string(library), 16, step)
            for left, version in zip(range(len(versions))[::-1], versions, strict=True):
                index = self.indexes.setdefault(version, len(self.indexes) + 2)
                flags = _WEAK if version in weak else 0
                name = _bytes(version)
                fields = (_sysv_hash(name), flags, index, self.string(name), 16 if left else 0)
                table += self._pack("IHHII", *fields)
        self.entries += [(0x6FFFFFFE, self.file.put(table)), (0x6FFFFFFF, len(needs))]

    def _put_symbols(self) -> None:
        file = self.file
        packed = [self._symbol(Symbol("", value=0, bind=0, type=0), name=0)]
        packed += [self._symbol(symbol, self.string(symbol.name)) for symbol in self.symbols]
        self.entries += [(6, file.put(b"".join(packed))), (11, len(packed[0]))]
        self._put_hash(len(packed))
        if self.indexes:
            versions = [0, *(self._version(symbol) for symbol in self.symbols)]
            table = self._pack(f"{len(versions)}H", *versions)
            self.entries.append((0x6FFFFFF0, file.put(table)))

    def _put_hash(self, count: int) -> None:
        if self.gnu_hash is not None:
            self.entries.append((0x6FFFFEF5, self.file.put(self.gnu_hash)))
            return
        # One bucket whose chain runs through all symbols.
        chain = [0, *range(2, count), 0][:count]
        words = [1, count, min(1, count - 1), *chain]
        word = "Q" if (self.file.machine, self.file.bits) in _WIDE_HASH else "I"
        self.entries.append((4, self.file.put(self._pack(f"{len(words)}{word}", *words))))

    def _version(self, symbol: Symbol) -> int:
        index = 1 if symbol.version is None else self.indexes[symbol.version]
        return index | (0x8000 if symbol.hidden else 0)

    def _symbol(self, symbol: Symbol, name: int) -> bytes:
        section = symbol.section if symbol.section is not None else int(symbol.defined)
        value = symbol.value if symbol.value is not None else 0x40 if symbol.defined else 0
        info = symbol.bind << 4 | symbol.type
        if self.file.bits == 64:
            return self._pack("IBBHQQ", name, info, symbol.other, section, value, symbol.size)
        return self._pack("IIIBBH", name, value, symbol.size, info, symbol.other, section)

    def _put_relocations(self) -> None:
        file = self.file
        data, slot, copy = _RELOCATIONS.get(file.machine, (1, 2, 3))
        types = {"data": data, "copy": copy, "slot": slot}
        eager, lazy = b"", b""
        for index, symbol in enumerate(self.symbols, 1):
            if symbol.use is None:
                continue
            kind = types[symbol.use] if isinstance(symbol.use, str) else symbol.use
            target = file.put(bytes(8 + symbol.size))
            entry = self._relocation(target, index, kind)
            if symbol.use == "slot":
                lazy += entry
            else:
                eager += entry
        rel = file.machine in _REL_MACHINES
        if eager:
            size = len(self._relocation(0, 0, 0))
            first = 17 if rel else 7
            self.entries += [(first, file.put(eager)), (first + 1, len(eager)), (first + 2, size)]
        if lazy:
            self.entries += [(23, file.put(lazy)), (2, len(lazy)), (20, 17 if rel else 7)]
            self.entries.append((3, file.put(bytes(32 + 8 * len(self.symbols)))))

    def _relocation(self, target: int, symbol: int, kind: int) -> bytes:
        file = self.file
        if file.bits == 32:
            info = symbol << 8 | kind
        elif file.machine == EM_MIPS and file.order == "<":
            info = symbol | kind << 56
        else:
            info = symbol << 32 | kind
        addend = () if file.machine in _REL_MACHINES else (0,)
        return self._pack(file.word * (2 + len(addend)), target, info, *addend)


def _bytes(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name


def _sysv_hash(name: bytes) -> int:
    """Return the hash of the gABI, which version names carry."""
    value = 0
    for byte in name:
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ high >> 24) & ~high
    return value
