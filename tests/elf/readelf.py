"""What GNU readelf says of a file, in the terms of `preflight.model.elf`: the oracle."""

from __future__ import annotations

import re
import struct
import subprocess
from typing import NamedTuple

from preflight.model.elf import (
    EM_386,
    EM_AARCH64,
    EM_ARM,
    EM_X86_64,
    PLACE_ABSOLUTE,
    PLACE_COMMON,
    PLACE_SECTION,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    SYMBOL_RECORD,
    USE_COPY,
    USE_DATA,
    USE_EAGER_SLOT,
    USE_POINTER,
    USE_SLOT,
    USE_TLS,
    Elf,
)

EM_MIPS = 8

_ARGUMENTS = ("-W", "-l", "-d", "-V", "--dyn-syms", "-r", "-n")
_BINDS = {"LOCAL": 0, "GLOBAL": 1, "WEAK": 2, "UNIQUE": 10}
_TYPES = {"NOTYPE": 0, "OBJECT": 1, "FUNC": 2, "SECTION": 3, "COMMON": 5, "TLS": 6, "IFUNC": 10}
_PLACES = {"UND": PLACE_UNDEFINED, "ABS": PLACE_ABSOLUTE, "COM": PLACE_COMMON}
_SYMBOL = re.compile(
    r"^ +(\d+): ([0-9a-f]+) +(\d+|0x[0-9a-f]+) (<.*?>: \d+|\S+) +(<.*?>: \d+|\S+) "
    r"+\S+ +(?:\[.*\] +)?(\S+) ?(.*)$"
)
_RELOCATION = re.compile(r"^[0-9a-f]{8,16} +([0-9a-f]{8,16}) +(R_\S+)", re.MULTILINE)
_LINES = re.MULTILINE | re.DOTALL
# Machines whose relocation types the reader tells apart.
_KNOWN = {EM_386, EM_ARM, EM_X86_64, EM_AARCH64}


class Symbol(NamedTuple):
    """One dynamic symbol; *info* is None for a type that readelf names in its own way."""

    name: str
    version: str | None
    hidden: bool
    info: int | None
    place: int
    size: int  # 0 of code


class View(NamedTuple):
    """What readelf and the reader must agree on."""

    interpreter: str | None
    segments: list[tuple[int, int, int, int]]  # offset, address, sizes
    needed: list[str]
    soname: str | None
    rpath: str | None
    runpath: str | None
    needs: list[tuple[str, list[tuple[str, bool]]]]
    defs: list[tuple[str, bool]]
    build_id: str | None
    symbols: list[Symbol]
    uses: dict[int, int]  # USE_* bits of the symbols that a relocation names


def run(path: str) -> str:
    """Return the output of readelf."""
    command = ["readelf", *_ARGUMENTS, path]
    done = subprocess.run(
        command, capture_output=True, check=False, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    return done.stdout.decode("utf-8", "surrogateescape")


def parse(output: str, elf: Elf) -> View:
    """Return what *output* says; *elf* tells only class, byte order and machine."""
    return View(
        interpreter=_first(r"\[Requesting program interpreter: (.*)\]$", output),
        segments=_segments(output),
        needed=re.findall(r"\(NEEDED\) +Shared library: \[(.*)\]", output),
        soname=_first(r"\(SONAME\) +Library soname: \[(.*)\]", output),
        rpath=_first(r"\(RPATH\) +Library rpath: \[(.*)\]", output),
        runpath=_first(r"\(RUNPATH\) +Library runpath: \[(.*)\]", output),
        needs=_needs(output),
        defs=_defs(output),
        build_id=_first(r"Build ID: ([0-9a-f]+)$", output),
        symbols=_symbols(output),
        uses=_uses(output, elf),
    )


def _first(pattern: str, output: str) -> str | None:
    match = re.search(pattern, output, re.MULTILINE)
    return match[1] if match else None


def _part(output: str, heading: str) -> str:
    """Return what stands from *heading* to the next empty line, of every such part."""
    return "\n".join(re.findall(rf"^{heading}.*?(?=\n\n|\Z)", output, _LINES))


def _segments(output: str) -> list[tuple[int, int, int, int]]:
    rows = re.findall(
        r"^  \S+ +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) ",
        _part(output, "Program Headers:"),
        re.MULTILINE,
    )
    return [(int(a, 16), int(b, 16), int(c, 16), int(d, 16)) for a, b, c, d in rows]


def _needs(output: str) -> list[tuple[str, list[tuple[str, bool]]]]:
    needs: list[tuple[str, list[tuple[str, bool]]]] = []
    for line in _part(output, "Version needs section").splitlines():
        if m := re.search(r"File: (\S*)  Cnt:", line):
            needs.append((m[1], []))
        elif m := re.search(r"Name: (\S+)  Flags: (.*?)  Version:", line):
            needs[-1][1].append((m[1], "WEAK" in m[2]))
    return needs


def _defs(output: str) -> list[tuple[str, bool]]:
    rows = re.findall(
        r"Rev: \d+  Flags: (.*?) +Index: \d+  Cnt: \d+  Name: (.*)$",
        _part(output, "Version definition section"),
        re.MULTILINE,
    )
    return [(name, "BASE" in flags) for flags, name in rows]


def _symbols(output: str) -> list[Symbol]:
    found = []
    for line in _part(output, "Symbol table '.dynsym'").splitlines():
        if m := _SYMBOL.match(line):
            value, size, kind, bind, section, label = m.groups()[1:]
            place = _PLACES.get(section, PLACE_SECTION)
            # readelf calls a section symbol by its section's name; its own name is empty.
            label = "" if kind == "SECTION" else label
            name, version, hidden = _versioned(label)
            info = _BINDS[bind] << 4 | _TYPES[kind] if kind in _TYPES and bind in _BINDS else None
            zero = 0 if int(value, 16) else PLACE_ZERO
            size = 0 if kind in ("FUNC", "IFUNC") else int(size, 0)
            found.append(Symbol(name, version, hidden, info, place | zero, size))
    return found


def _versioned(label: str) -> tuple[str, str | None, bool]:
    """Take "name@@version" apart; "@" hides it, except of a version needed: "name@version (2)"."""
    bare = re.sub(r" \(\d+\)$", "", label)
    name, at, version = bare.partition("@")
    if not at:
        return name, None, False
    return name, version.removeprefix("@"), bare == label and not version.startswith("@")


def _uses(output: str, elf: Elf) -> dict[int, int]:
    uses: dict[int, int] = {}
    for section in re.findall(
        r"^Relocation section '.*?(?=\n\n|\Z)", output, re.MULTILINE | re.DOTALL
    ):
        lazy = section.partition("' at")[0].endswith(".plt")
        for info, name in set(_RELOCATION.findall(section)):
            symbol, kind = _taken_apart(int(info, 16), elf)
            if symbol and kind and not name.endswith(("_RELATIVE", "_IRELATIVE")):
                bits = _bits(name if elf.machine in _KNOWN else "", lazy=lazy)
                uses[symbol] = uses.get(symbol, 0) | bits
    return uses


def _taken_apart(info: int, elf: Elf) -> tuple[int, int]:
    """Return symbol and type; of MIPS64 readelf prints r_info in the big-endian order."""
    if elf.bits == 32:
        return info >> 8, info & 0xFF
    return info >> 32, info & (0xFF if elf.machine == EM_MIPS else 0xFFFFFFFF)


def _bits(name: str, *, lazy: bool) -> int:
    if name.endswith("_COPY"):
        return USE_COPY
    if re.search("TLS|TPOFF|DTPMOD", name):
        return USE_DATA | USE_TLS | (USE_EAGER_SLOT if lazy else 0)
    if lazy:
        return USE_SLOT
    return USE_DATA if not name or "GLOB_DAT" in name else USE_DATA | USE_POINTER


def view(elf: Elf) -> View:
    """Return the same of what the reader found."""
    return View(
        interpreter=elf.interpreter,
        segments=[(s.offset, s.vaddr, s.filesz, s.memsz) for s in elf.segments],
        needed=list(elf.needed),
        soname=elf.soname,
        rpath=elf.rpath,
        runpath=elf.runpath,
        needs=[(n.library, [(v.name, v.weak) for v in n.versions]) for n in elf.version_needs],
        defs=[(d.name, d.base) for d in elf.version_defs],
        build_id=elf.build_id,
        symbols=[_symbol(elf, *row) for row in rows(elf)],
        uses={i: record[4] for i, (_, record) in enumerate(rows(elf)) if record[4]},
    )


def rows(elf: Elf) -> list[tuple[str, tuple[int, ...]]]:
    """Return name and record of every symbol."""
    if elf.symbols is None:
        return []
    names = elf.symbols.names.decode("utf-8", "surrogateescape").split("\0")[:-1]
    records = struct.iter_unpack(SYMBOL_RECORD, elf.symbols.records)
    return list(zip(names, records, strict=True))


def _symbol(elf: Elf, name: str, record: tuple[int, ...]) -> Symbol:
    versions = {v.index: v.name for need in elf.version_needs for v in need.versions}
    versions |= {d.index: d.name for d in elf.version_defs if not d.base}
    index, info, _, place, _, size, _, _ = record
    version = versions.get(index & 0x7FFF) if index != 0xFFFF else None
    if version == name:  # the symbol that stands for the version itself
        version = None
    hidden = version is not None and bool(index & 0x8000)
    return Symbol(name, version, hidden, info, place, size)
