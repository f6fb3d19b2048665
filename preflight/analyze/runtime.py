"""
What the program will want of the host once it runs: CA certificates, time zones, modules …

Causes are functions that are linked in (Go keeps the names of all its
functions), that are imported, and texts among the constants.  Only a cause that
is seen gives a need, and each pass over a file is bounded.
Source: Go src/crypto/x509/root_linux.go, src/time/zoneinfo_unix.go,
glibc nss/nss_module.c, iconv/gconv_conf.c,
posix/shm-directory.h; OpenSSL crypto/cversion.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple

from preflight.analyze.sections import Section
from preflight.elf.source import Source
from preflight.model import text
from preflight.model.elf import (
    PF_W,
    PLACE_UNDEFINED,
    PLACE_ZERO,
    PT_LOAD,
    SYMBOL_RECORD,
    Elf,
    Segment,
)
from preflight.model.go import GoBuild
from preflight.model.runtime import CA_PLACES, ZONE_PLACES, RunTimeKind, RunTimeNeed

_OWN_ROOTS = "golang.org/x/crypto/x509roots/fallback"
_GO_FUNCTIONS: tuple[tuple[bytes, RunTimeKind, tuple[str, ...]], ...] = (
    (b"crypto/x509.loadSystemRoots", "ca-certificates", CA_PLACES),
    (b"time.LoadLocation", "timezone-data", ZONE_PLACES),
    (b"os.Executable", "proc", ()),
)
# What a dynamic program has of the host's libraries, by the names that it imports.
_IMPORTS: tuple[tuple[bytes, RunTimeKind, tuple[str, ...]], ...] = (
    (b"SSL_CTX_set_default_verify_paths", "ca-certificates", CA_PLACES),
    (b"X509_STORE_set_default_paths", "ca-certificates", CA_PLACES),
    (b"_ZNSt6chrono8get_tzdbEv", "timezone-data", ZONE_PLACES[:1]),
    (b"iconv_open", "gconv", ()),
    (b"shm_open", "shared-memory", ()),
    (b"sem_open", "shared-memory", ()),
    (b"setlocale", "locale", ()),
    (b"_ZNSt6localeC1EPKc", "locale", ()),
)
_NSSWITCH, _NSS_BY_NAME = b"/etc/nsswitch.conf", b"libnss_%s.so"
_GCONV = b"/gconv/gconv-modules.cache"
_SHM = b"/dev/shm/"
_CA, _OPENSSL = b"/etc/ssl/certs/ca-certificates.crt", b'OPENSSLDIR: "'
GLIBC, MUSL = b"GCONV_PATH", b"MUSL_LOCPATH"  # by which a static program is told
_NEVER_BOTH = {GLIBC, MUSL}
_LIBC_TEXTS = (GLIBC, MUSL, _NSSWITCH, _NSS_BY_NAME, _GCONV)
_TEXTS = (*_LIBC_TEXTS, _SHM, _CA, _OPENSSL)
_PATH = re.compile(rb"/[!#-~]*")

_CHUNK_BYTES = 1 << 20
_AROUND = 256  # bytes of a text before and after the mark
_CONSTANT_BYTES = 16 << 20
_NAMES_BYTES = 64 << 20


class Marks(NamedTuple):
    """What is seen in a file besides its tables."""

    texts: Mapping[bytes, bytes]  # of `texts`
    functions: bytes  # the names of a Go program's functions, of `function_names`


def texts(
    source: Source, sections: Sequence[Section], elf: Elf, go: GoBuild | None
) -> dict[bytes, bytes]:
    """
    Return the marks that stand among the constants, with the bytes around the first of each.

    One pass over ``.rodata``, or without section headers over what is not
    writable; of more than 16 MiB only over both ends.  Left out are libraries
    but libcrypto, and Go programs without a C library inside: what those hold
    is told by less.
    """
    found: dict[bytes, bytes] = {}
    left = set(_marks(sections, elf, go))
    for offset, data in _chunks(source, sections, elf):
        if not left:
            break
        for mark in tuple(left):
            at = data.find(mark)
            if at >= 0:
                start = max(0, offset + at - _AROUND)
                found[mark] = source.read(start, offset + at - start + len(mark) + _AROUND)
                left -= _NEVER_BOTH if mark in _NEVER_BOTH else {mark}
    return found


def _marks(sections: Iterable[Section], elf: Elf, go: GoBuild | None) -> tuple[bytes, ...]:
    """Return the marks that tell something of such a file; Go's other needs are its functions'."""
    if elf.kind == "shared-object":
        return _TEXTS if (elf.soname or "").startswith("libcrypto.so") else ()
    if go is None:
        return _TEXTS
    # Go's own linker makes no .init_array: only a C compiler's files have one.
    names = {section.name for section in sections}
    has_c = elf.interpreter is None and (b".gopclntab" not in names or b".init_array" in names)
    return _LIBC_TEXTS if has_c else ()


def runtime_needs(
    source: Source,
    sections: Sequence[Section],
    elf: Elf,
    go: GoBuild | None,
    marks: Marks,
) -> tuple[RunTimeNeed, ...]:
    """Return the needs that the file gives cause for, each kind once."""
    needs: dict[RunTimeKind, RunTimeNeed] = {}
    for need in _needs(source, sections, elf, go, marks):
        needs.setdefault(need.kind, need)
    return tuple(needs.values())


def _chunks(source: Source, sections: Iterable[Section], elf: Elf) -> Iterator[tuple[int, bytes]]:
    places = [(s.offset, s.size) for s in sections if s.name == b".rodata" and s.inside(source)]
    if not places:
        places = [(s.offset, s.filesz) for s in elf.segments if _is_constant(s, source)]
    budget = _CONSTANT_BYTES
    for start, size in places:
        for first, end in _ends(start, min(start + size, source.size_bytes), budget):
            for offset in range(first, end, _CHUNK_BYTES):
                yield offset, source.read(offset, min(_CHUNK_BYTES + _AROUND, end - offset))
            budget -= end - first


def _ends(start: int, end: int, budget: int) -> Iterator[tuple[int, int]]:
    """Yield the whole, or where it is too much its end, where a C library is, and its beginning."""
    if end - start <= budget:
        yield start, max(start, end)
    else:
        yield end - budget // 2, end
        yield start, start + budget // 2


def _is_constant(segment: Segment, source: Source) -> bool:
    inside = segment.offset < source.size_bytes
    return segment.type == PT_LOAD and not segment.flags & PF_W and inside


def _needs(
    source: Source,
    sections: Sequence[Section],
    elf: Elf,
    go: GoBuild | None,
    marks: Marks,
) -> Iterator[RunTimeNeed]:
    yield from _of_imports(elf)
    if go is not None:
        yield from _of_go(marks.functions, go)
    else:
        yield from _of_constants(marks.texts, elf)
    if elf.kind in ("static", "static-pie"):
        yield from _of_static(marks.texts, source, sections)


def _of_imports(elf: Elf) -> Iterator[RunTimeNeed]:
    for name, kind, places in _IMPORTS:
        if _imports(elf, name):
            yield RunTimeNeed(kind, f"it calls {text.decode(name)}", places)


def _imports(elf: Elf, name: bytes) -> bool:
    if elf.symbols is None:
        return False
    at = elf.symbols.names.find(b"\0" + name + b"\0")
    if at < 0:
        return False
    number = elf.symbols.names.count(b"\0", 0, at + 1)
    record = Struct(SYMBOL_RECORD)
    if (number + 1) * record.size > len(elf.symbols.records):
        return False
    place = record.unpack_from(elf.symbols.records, number * record.size)[3]
    return bool(place & ~PLACE_ZERO == PLACE_UNDEFINED)


def _of_go(functions: bytes, go: GoBuild) -> Iterator[RunTimeNeed]:
    own_zones = b"\0time/tzdata." in functions
    own_roots = any(module.path == _OWN_ROOTS for module in go.modules)
    for name, kind, places in _GO_FUNCTIONS:
        brought = {"timezone-data": own_zones, "ca-certificates": own_roots}.get(kind, False)
        if not brought and b"\0" + name + b"\0" in functions:
            yield RunTimeNeed(kind, f"{text.decode(name)} of Go is in it", places)


def _of_constants(found: Mapping[bytes, bytes], elf: Elf) -> Iterator[RunTimeNeed]:
    if around := found.get(_OPENSSL):
        home = _path_at(around, around.find(_OPENSSL) + len(_OPENSSL))
        if home:
            because = f"the OpenSSL in it was built for {home}"
            yield RunTimeNeed("ca-certificates", because, (f"{home}/cert.pem", f"{home}/certs/"))
    elif _CA in found:
        because = f"it names {text.decode(_CA)}"
        yield RunTimeNeed("ca-certificates", because, CA_PLACES)
    if elf.interpreter is None and _SHM in found:
        yield RunTimeNeed("shared-memory", "a C library's shm_open or sem_open is in it")


def _of_static(
    found: Mapping[bytes, bytes], source: Source, sections: Sequence[Section]
) -> Iterator[RunTimeNeed]:
    """Yield what the C library in a static program loads by itself: glibc's does, musl's not."""
    if _NSSWITCH in found and _GCONV in found:
        # Since 2.34 "files" and "dns" are in libc itself.
        builtin = ("files", "dns") if _NSS_BY_NAME in found else ()
        yield RunTimeNeed("nss", "glibc's name service switch is in it", builtin)
    if _GCONV in found and _defines(source, sections, b"iconv_open"):
        around = found[_GCONV]
        directory = _path_before(around, around.find(_GCONV))
        yield RunTimeNeed("gconv", "glibc's iconv_open is in it", (f"{directory}/gconv/",))


def _defines(source: Source, sections: Iterable[Section], name: bytes) -> bool:
    table = next((s for s in sections if s.name == b".strtab"), None)
    return table is not None and b"\0" + name + b"\0" in table.read(source, _NAMES_BYTES)


def _path_at(data: bytes, at: int) -> str:
    match = _PATH.match(data, at)
    return text.decode(match[0]).rstrip("/") if match else ""


def _path_before(data: bytes, at: int) -> str:
    return text.decode(data[data.rfind(b"\0", 0, at) + 1 : at])
