"""Archives, packages and compressed files: something to be unpacked, not started."""

from __future__ import annotations

import bz2
import lzma
import zlib
from contextlib import suppress

from preflight.analyze.formats.found import Found, Sample, article

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"LZIP": "lzip",
}
_COMPRESSED_KINDS = {b"\x7fELF": "ELF file", b"#!": "script", b"MZ": "Windows program"}
_PEEK_BYTES = 64
_XZ_BYTES = 80 << 20
_ARCHIVES = {
    b"\xed\xab\xee\xdb": "an RPM package",
    b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"070701": "a cpio archive",
    b"070707": "a cpio archive",
    b"MSCF": "a Windows cabinet archive",
    b"hsqs": "a squashfs image",
    b"xar!": "a xar archive (macOS package)",
}
_TAR_SUFFIXES = (".tgz", ".txz", ".tbz", ".tbz2", ".tzst")
_ZIPS = {
    ".whl": "Python wheel",
    ".jar": "Java archive (jar)",
    ".war": "Java archive (war)",
    ".ear": "Java archive (ear)",
    ".apk": "Android package",
    ".pyz": "Python zip application",
    ".egg": "Python egg",
    ".nupkg": "NuGet package",
}
_USTAR_AT = 257  # POSIX pax(1), "ustar Interchange Format"


def detect_archive(sample: Sample) -> Found | None:
    """Recognise what holds other files, and what is compressed."""
    for look in (_ar, _zip, _compressed, _tar):
        if sentence := look(sample):
            return Found("archive", sentence)
    known = (s for magic, s in _ARCHIVES.items() if sample.head.startswith(magic))
    sentence = next(known, None)
    return Found("archive", sentence) if sentence else None


def _ar(sample: Sample) -> str | None:
    """Source: ar(5) of binutils and deb(5)."""
    if sample.head.startswith(b"!<thin>\n"):
        return "a thin static library"
    if not sample.head.startswith(b"!<arch>\n"):
        return None
    member = sample.head[8:24].rstrip(b" ")
    if member.rstrip(b"/") == b"debian-binary":
        return "a Debian package"
    library = member in (b"/", b"/SYM64/", b"//") or member.startswith((b"__.SYMDEF", b"#1/"))
    return "a static library" if library or member.endswith(b".o/") else "an ar archive"


def _zip(sample: Sample) -> str | None:
    """Source: PKWARE, "APPNOTE.TXT"; the name of the first member stands at offset 30."""
    if not sample.head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    kinds = (kind for suffix, kind in _ZIPS.items() if sample.name.lower().endswith(suffix))
    kind = next(kinds, None)
    if kind is None and sample.head[30:].startswith(b"META-INF/"):
        kind = "Java archive (jar)"
    return article(kind or "zip archive")


def _compressed(sample: Sample) -> str | None:
    for magic, name in _COMPRESSED.items():
        if sample.head.startswith(magic):
            stem, _, suffix = sample.name.lower().rpartition(".")
            tar = stem.endswith(".tar") or f".{suffix}" in _TAR_SUFFIXES
            kind = "tar archive" if tar else _inside(sample.head, name)
            return f"{article(kind)} compressed with {name}"
    return None


def _inside(head: bytes, name: str) -> str:
    """Return what a compressed file is, by its first bytes, where the standard library unpacks."""
    start = b""
    with suppress(zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
        if name == "gzip":
            start = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(head, _PEEK_BYTES)
        elif name == "bzip2":
            start = bz2.BZ2Decompressor().decompress(head, _PEEK_BYTES)
        elif name == "xz":
            # The header asks for the memory: not more than xz -6 has.
            start = lzma.LZMADecompressor(memlimit=_XZ_BYTES).decompress(head, _PEEK_BYTES)
    known = (kind for magic, kind in _COMPRESSED_KINDS.items() if start.startswith(magic))
    return next(known, "file")


def _tar(sample: Sample) -> str | None:
    return "a tar archive" if sample.head[_USTAR_AT:].startswith(b"ustar") else None
