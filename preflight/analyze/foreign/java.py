"""
Which Java release a class or a jar needs.

Source: Java Virtual Machine Specification 4.1 (class file versions); JAR File
Specification (the manifest's main section).  Limit: of a jar the class that
is started is looked at, of a library its first few.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from preflight.elf import Source
from preflight.model import text
from preflight.model.foreign import Foreign

_MAGIC = b"\xca\xfe\xba\xbe"
_FIRST_WITH_ONE_NUMBER = 49  # of Java 5; those before are called 1.1 to 1.4
_MANIFEST = "META-INF/MANIFEST.MF"
_MANIFEST_BYTES = 64 << 10
_DIRECTORY_BYTES = 8 << 20  # of a zip's directory: some 100,000 members
_END_BYTES, _COMMENT_BYTES = 22, 0xFFFF
_CLASSES = 32  # of a library that are looked at
_NATIVE = (".so", ".dll", ".dylib", ".jnilib")
_MOST_NATIVE = 64
_BROKEN = (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError)


def read_class(source: Source) -> Foreign | None:
    """Return the release that one class file needs."""
    release = _release(source.read(0, 8))
    return Foreign(runtime=release or "Java", defect=None if release else "its header is cut off")


def read_jar(source: Source) -> Foreign | None:
    """Return what a Java archive needs; None for other archives, and zips without a class."""
    if source.read(0, 2) != b"PK":
        return None
    if _directory_bytes(source) > _DIRECTORY_BYTES:
        return None
    try:
        with zipfile.ZipFile(_Stream(source)) as archive:
            return _jar(archive)
    except (*_BROKEN, zlib.error):
        return None


def _jar(archive: zipfile.ZipFile) -> Foreign | None:
    names = archive.namelist()
    classes = [n for n in names if n.endswith(".class") and not n.startswith("META-INF/")]
    manifest = _manifest(archive) if _MANIFEST in names else {}
    if not classes and "Main-Class" not in manifest:
        return None
    started = [manifest[key] for key in ("Main-Class", "Start-Class") if key in manifest]
    wanted = [path for name in started for path in _paths(name) if path in names]
    heads = [archive.open(path).read(8) for path in wanted or _ordinary(classes)]
    newest = max((_major(head) for head in heads), default=0)
    return Foreign(
        runtime=next((_release(head) for head in heads if _major(head) == newest), None) or "Java",
        entry=started[-1] if started else None,
        search=tuple(manifest.get("Class-Path", "").split()),
        native=tuple(n for n in names if n.lower().endswith(_NATIVE))[:_MOST_NATIVE],
        defect=None if wanted or not started else "the class that it starts is not in it",
    )


def _paths(name: str) -> tuple[str, ...]:
    """Return where a class may lie: Spring Boot and war files have directories of their own."""
    path = f"{name.replace('.', '/')}.class"
    return (path, f"BOOT-INF/classes/{path}", f"WEB-INF/classes/{path}")


def _ordinary(classes: list[str]) -> list[str]:
    """Return some classes; module-info is for Java 9 wherever the others run on older ones."""
    return [name for name in classes if not name.endswith("module-info.class")][:_CLASSES]


def _manifest(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the main section; a line that begins with a blank goes on with the one before."""
    raw = archive.open(_MANIFEST).read(_MANIFEST_BYTES).replace(b"\r\n", b"\n")
    main = raw.replace(b"\r", b"\n").partition(b"\n\n")[0].replace(b"\n ", b"")
    pairs = (line.partition(":") for line in text.decode(main).split("\n"))
    return {name.strip(): value.strip() for name, _, value in pairs if value.strip()}


def _major(head: bytes) -> int:
    """Return the class file version, 0 for what is no class."""
    return int.from_bytes(head[6:8], "big") if len(head) >= 8 and head[:4] == _MAGIC else 0


def _release(head: bytes) -> str | None:
    major = _major(head)
    if not major:
        return None
    number = major - 44
    name = f"Java {number if major >= _FIRST_WITH_ONE_NUMBER else f'1.{number}'}"
    return f"{name} with --enable-preview" if head[4:6] == b"\xff\xff" else name


def _directory_bytes(source: Source) -> int:
    """Return the size of the zip's directory, by its end record; zip64 counts as too large."""
    start = max(0, source.size_bytes - _END_BYTES - _COMMENT_BYTES)
    tail = source.read(start, _END_BYTES + _COMMENT_BYTES)
    record = tail[tail.rfind(b"PK\5\6") :] if b"PK\5\6" in tail else b""
    return int(struct.unpack("<I", record[12:16])[0]) if len(record) >= _END_BYTES else 0


class _Stream(io.RawIOBase):
    """A source as a file that can be read and sought in."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._at = 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size_bytes}
        self._at = base[whence] + offset
        if self._at < 0:
            raise ValueError("before the beginning")
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(self._at, self._source.size_bytes if size < 0 else size)
        self._at += len(data)
        return data
