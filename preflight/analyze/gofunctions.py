"""
The names of a Go program's functions, which it keeps where it is stripped.

Source: Go src/runtime/symtab.go (pcHeader); cmd/cgo/out.go (the functions
that call C: ``net._C2func_getaddrinfo``); cmd/internal/objabi/path.go
(escapes in a package's path).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from urllib.parse import unquote_to_bytes

from preflight.analyze.sections import Section
from preflight.elf import Source
from preflight.model import text
from preflight.model.elf import Elf

_NAMES_BYTES = 64 << 20
_PCLNTAB = (b".gopclntab", b".data.rel.ro.gopclntab")
_AMONG = b".data.rel.ro"
_MAGICS = (0xFFFFFFF1, 0xFFFFFFF0)  # since Go 1.20, and since 1.18
_CU_WORD = 4  # of pcHeader, where the names of functions end
_CALL = re.compile(rb"\._C2?func_(\w+)")
_OWN = (b"CString", b"CBytes", b"GoString", b"GoStringN", b"GoBytes", b"_CMalloc")  # cgo's own


def function_names(source: Source, sections: Iterable[Section], elf: Elf) -> bytes:
    """Return the names, each ended by a NUL; none where there are no section headers."""
    table = _table(source, {section.name: section for section in sections}, elf)
    if table is None:
        return b""
    word, order = elf.bits // 8, elf.endian or "little"
    head = source.read(table.offset, 8 + (_CU_WORD + 1) * word)
    end = int.from_bytes(head[8 + _CU_WORD * word :], order)
    # Go before 1.18 has another header, and names all over the table.
    size = end if int.from_bytes(head[:4], order) in _MAGICS else table.size
    return table.read(source, min(max(size, 0), _NAMES_BYTES))


def _table(source: Source, sections: Mapping[bytes, Section], elf: Elf) -> Section | None:
    """Return where the table lies; a C linker puts it among other constants of a library."""
    for name in _PCLNTAB:
        if name in sections and sections[name].inside(source):
            return sections[name]
    place = sections.get(_AMONG)
    if place is None:
        return None
    data = place.read(source, _NAMES_BYTES)
    words = (magic.to_bytes(4, elf.endian or "little") for magic in _MAGICS)
    starts = (data.find(word + b"\0\0") for word in words)
    start = next((at for at in starts if at >= 0), None)
    return None if start is None else Section(_AMONG, place.offset + start, place.size - start)


def callers_of_c(functions: bytes) -> dict[str, list[str]]:
    """Return the packages that call C, sorted, each with the C functions that it calls."""
    found: dict[bytes, set[bytes]] = defaultdict(set)
    for call in _CALL.finditer(functions):
        start = functions.rfind(b"\0", 0, call.start()) + 1
        found[functions[start : call.start()]].add(call[1])
    return {
        text.decode(unquote_to_bytes(package)): [
            text.decode(name) for name in sorted(names - set(_OWN))
        ]
        for package, names in sorted(found.items())
    }
