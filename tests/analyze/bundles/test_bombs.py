"""Archives made to take all memory or time end in one clear error, at little cost."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from preflight.analyze import analyze
from preflight.analyze.bundles import open_payload
from preflight.errors import BinaryError
from tests.builders.elf import build_elf

PROGRAM = build_elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"])
PEAK_BYTES = 64 << 20
ITEM = "preflight.analyze.bundles.item"


@pytest.fixture
def small() -> Iterator[None]:
    """Hold what is done to little memory."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < PEAK_BYTES


def refused(path: Path) -> str:
    """Return in which words *path* is refused; it must be."""
    with pytest.raises(BinaryError) as caught:
        analyze(path)
    assert caught.value.message.startswith(f"{path}: ")
    return caught.value.message.removeprefix(f"{path}: ")


def block(name: str, size: int, kind: bytes = tarfile.REGTYPE, **fields: str) -> bytes:
    """Return the header of one member of a tar archive."""
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    for field, value in fields.items():
        setattr(header, field, value)
    return header.tobuf(tarfile.GNU_FORMAT)


def pyinstaller(path: Path, *entries: tuple[str, bytes, int, int, bytes]) -> Path:
    """Write a program with *entries*: name, what is stored, claimed size, compressed, type."""
    content, table = b"", b""
    for name, stored, size, compressed, kind in entries:
        raw = name.encode() + b"\0"
        place = len(content), len(stored), size, compressed, kind
        table += struct.pack("!IIIIBc", 18 + len(raw), *place) + raw
        content += stored
    length = len(content) + len(table) + 88
    tail = 0, b"libpython3.11.so"
    cookie = struct.pack(
        "!8sIIII64s", b"MEI\014\013\012\013\016", length, len(content), len(table), *tail
    )
    path.write_bytes(PROGRAM + content + table + cookie)
    return path


def damaged(path: Path) -> str:
    """Return in which words the payload of the program at *path* is refused."""
    with path.open("rb") as file, pytest.raises(BinaryError) as caught:
        open_payload(str(path), file, lambda *_: pytest.fail("it was judged"))
    return caught.value.message.removeprefix(f"{path}: ")


@pytest.mark.usefixtures("small")
def test_a_pyinstaller_bomb_is_told_by_its_table(tmp_path):
    """What claims to unpack to 4 GB is not even begun with."""
    bomb = zlib.compress(bytes(1 << 20))
    path = pyinstaller(tmp_path / "app", ("libx.so", bomb, (4 << 30) - 1, 1, b"b"))

    assert "unpacks to more than 1000 times its size" == refused(path)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "entry",
    [
        ("a", zlib.compress(b"\x7fELF" + bytes(100 << 20), 1), 5, 1, b"b"),
        ("a", zlib.compress(bytes(100 << 20), 1), 200 << 20, 1, b"n"),
    ],
)
def test_a_pyinstaller_table_that_lies_takes_no_memory(tmp_path, entry):
    """Nothing is decompressed beyond the size in the table, nor a link beyond a path's length."""
    with contextlib.suppress(BinaryError):
        analyze(pyinstaller(tmp_path / "app", entry))


@pytest.mark.parametrize(
    "entry",
    [
        ("a", zlib.compress(b"\x7fELF"), 5000, 1, b"b"),
        ("a", b"no zlib", 5000, 1, b"b"),
        ("../a", b"\x7fELF", 4, 0, b"b"),
    ],
)
def test_a_damaged_pyinstaller_archive_is_told(tmp_path, entry):
    """A table that claims more than there is, or names what lies elsewhere, is not believed."""
    path = pyinstaller(tmp_path / "app", entry)

    assert re.search("damaged|leads out", damaged(path))


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zst": zstandard.compress,
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_a_tar_bomb_is_told_by_its_header(tmp_path, suffix):
    """A member of 3 GB in a small archive ends it at once, whatever it is compressed with."""
    path = tmp_path / f"bomb.tar.{suffix}"
    path.write_bytes(COMPRESSIONS[suffix](block("big", 3 << 30) + bytes(4 << 20)))

    assert "unpacks to more than 1000 times its size" == refused(path)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_headers_of_gigabytes_are_not_read(tmp_path, kind):
    """What would be one long name is refused before it fills the memory."""
    path = tmp_path / "bomb.tgz"
    path.write_bytes(gzip.compress(block("a", 200 << 20, kind) + bytes(8 << 20), 1))

    assert "a member with more than 4 MiB of headers" == refused(path)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_large_member_buys_no_room_for_headers(tmp_path):
    """Of a plain archive the content is passed over; what comes after it is held to the same."""
    path = tmp_path / "bomb.tar"
    size = 200 << 20
    with path.open("wb") as file:
        file.write(block("a", size))
        file.seek(size, os.SEEK_CUR)
        file.write(block("b", size, tarfile.GNUTYPE_LONGNAME))
        file.truncate(3 * size)

    assert "a member with more than 4 MiB of headers" == refused(path)


def test_the_map_of_a_sparse_file_is_not_endless(tmp_path, monkeypatch):
    """Each block of a map may say that another one follows."""
    monkeypatch.setattr(sys.modules["preflight.analyze.bundles.tar"], "_HEADERS_BYTES", 64 << 10)
    path = tmp_path / "bomb.tgz"
    header = bytearray(block("a", 0, tarfile.GNUTYPE_SPARSE))
    header[482] = 1  # isextended
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 8 * 32)
    more = bytearray(b"%011o\0" % 1 * 42)
    more += b"\1" + bytes(512 - len(more) - 1)
    path.write_bytes(gzip.compress(bytes(header) + bytes(more) * 200, 1))

    assert "MiB of headers" in refused(path)


def test_headers_within_headers_end(tmp_path):
    """A long name for a long name, and so on, is no way to exhaust the stack."""
    path = tmp_path / "nested.tar"
    path.write_bytes(block("a", 0, tarfile.GNUTYPE_LONGNAME) * 3000)

    assert "the archive is damaged" in refused(path)


@pytest.mark.usefixtures("small")
def test_a_dictionary_beyond_reason_is_refused(tmp_path):
    """The header of xz asks for 512 MiB, and nobody gives it."""
    path = tmp_path / "bomb.tar.xz"
    raw = lzma.compress(block("big", 0), preset=0)
    header = bytearray(raw[12:24])  # size, flags, filter, its properties' size, the dictionary's
    header[4] = 34  # xz-file-format, 5.3.1: 2 << (34 / 2 + 11)
    header[8:12] = struct.pack("<I", zlib.crc32(header[:8]))
    path.write_bytes(raw[:12] + header + raw[24:])

    assert "to decompress it takes more than 192 MiB of memory" == refused(path)


@pytest.mark.usefixtures("small")
def test_names_of_a_million_directories_are_refused(tmp_path):
    """A path takes no more than the kernel would take, and no directory above it is made up."""
    path = tmp_path / "deep.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("d/" * 500_000 + "x"))

    assert "a name of more than 4,095 bytes" == refused(path)


def test_the_sum_of_names_has_a_limit(tmp_path, monkeypatch):
    """Directories that only paths imply count, too."""
    monkeypatch.setattr(sys.modules[ITEM], "NAMES_BYTES", 5000)
    path = tmp_path / "deep.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("d/" * 100 + "x"))

    assert "MiB of names" in refused(path)


def test_symbol_tables_have_a_limit(tmp_path, monkeypatch):
    """Thousands of small members with large tables do not fill the memory."""
    monkeypatch.setattr(sys.modules[ITEM], "TABLES_BYTES", 1000)
    path = tmp_path / "tables.tar"
    with tarfile.open(path, "w") as archive:
        archive.add("/bin/ls", "ls")

    assert "MiB of symbol tables" in refused(path)


def zipped(path: Path, data: bytes, **fields: int) -> Path:
    """Write a zip archive of one member, whose headers say *fields* in their place."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app", data)
    raw = bytearray(path.read_bytes())
    local, central = 0, raw.index(b"PK\1\2")
    for name, value in fields.items():
        at, size = {"flags": (6, 2), "method": (8, 2), "size": (22, 4)}[name]
        raw[local + at : local + at + size] = value.to_bytes(size, "little")
        raw[central + at + 2 : central + at + 2 + size] = value.to_bytes(size, "little")
    path.write_bytes(raw)
    return path


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"flags": 1}, "member 'app' is encrypted"),
        ({"method": 14}, "member 'app' is compressed in a way that is not read here"),
        ({"size": 3 << 30}, "unpacks to more than 1000 times its size"),
    ],
)
def test_zip_archives_are_told_by_their_directory(tmp_path, fields, reason):
    """Encrypted members, odd compressions and bombs each have their words."""
    assert reason == refused(zipped(tmp_path / "a.zip", PROGRAM, **fields))


@pytest.mark.usefixtures("small")
def test_a_zip_archive_of_a_million_names_is_not_taken_in(tmp_path):
    """The central directory is not made into a million objects."""
    path = tmp_path / "a.zip"
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, *[0] * 5, 0, 0)
    with path.open("wb") as file:
        file.write(b"PK\3\4" + bytes(26))
        for _ in range(250):
            file.write(entry * 1000)
        size = 250_000 * len(entry)
        file.write(struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 65535, 65535, size, 30, 0))

    assert "more than 200,000 entries" == refused(path)


def deb(path: Path, data: bytes, name: str = "data.tar.gz") -> Path:
    """Write a Debian package with *data* as what it installs."""
    parts = ("debian-binary", b"2.0\n"), (name, data)
    path.write_bytes(
        b"!<arch>\n"
        + b"".join(
            f"{n:16}{0:<12}{0:<6}{0:<6}{644:<8}{len(d):<10}`\n".encode() + d + b"\n" * (len(d) % 2)
            for n, d in parts
        )
    )
    return path


def rpm(path: Path, payload: bytes) -> Path:
    """Write an RPM package of two empty headers and *payload*."""
    empty = b"\x8e\xad\xe8\1" + bytes(12)
    path.write_bytes(b"\xed\xab\xee\xdb" + bytes(92) + empty + empty + payload)
    return path


def cpio(name: str, mode: int, size: int, links: int = 1, data: bytes = b"") -> bytes:
    """Return one entry of a cpio archive of the form newc."""
    raw = name.encode() + b"\0"
    fields = 1, mode, 0, 0, links, 0, size, 0, 0, 0, 0, len(raw), 0
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + raw
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_packages_are_bombs_no_more_than_archives(tmp_path, suffix):
    """A .deb and an .rpm whose content claims 3 GB end in the same words."""
    bomb = COMPRESSIONS[suffix](cpio("./usr/big", 0o100755, 3 << 30))
    words = "unpacks to more than 1000 times its size"

    assert words == refused(rpm(tmp_path / "a.rpm", bomb))
    assert words == refused(deb(tmp_path / "a.deb", gzip.compress(block("./big", 3 << 30))))


def test_an_rpm_of_links_without_content_is_not_endless(tmp_path, monkeypatch):
    """Names that wait for the content of the last one count while they wait."""
    monkeypatch.setattr(sys.modules["preflight.analyze.bundles.rpm"], "ENTRIES", 50)
    payload = gzip.compress(cpio("./a", 0o100755, 0, links=2) * 51)

    assert "more than 50 entries" == refused(rpm(tmp_path / "a.rpm", payload))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (cpio("../a", 0o100755, 0), "member '../a' leads out of the archive"),
        (cpio("./a", 0o120777, 6, data=b"../../"), "link 'a' leads out of it, to '../../'"),
        (cpio("./" + "a" * 5000, 0o100755, 0), "an RPM package with a name that is too long"),
    ],
)
def test_an_rpm_leads_nowhere_else(tmp_path, entry, reason):
    """Names and links are held to what is held of tar archives."""
    assert reason == refused(rpm(tmp_path / "a.rpm", gzip.compress(entry)))


def test_devices_of_an_rpm_are_left_aside(tmp_path):
    """They are neither made nor read, and what follows is."""
    end = cpio("TRAILER!!!", 0, 0)
    program = cpio("./app", 0o100755, len(PROGRAM), data=PROGRAM)
    path = rpm(tmp_path / "a.rpm", cpio("./null", 0o020666, 0) + program + end)

    bundle = analyze(path).bundle

    assert bundle is not None
    assert ("other", "file") == (bundle.index["null"].kind, bundle.index["app"].kind)


@pytest.mark.slow
def test_a_deep_directory_is_walked(tmp_path):
    """Deeper than Python's stack, as far as the kernel takes the path."""
    deep = Path(f"{tmp_path}/{'d/' * 1000}")
    subprocess.run(["mkdir", "-p", deep], check=True)
    (deep / "app").write_bytes(PROGRAM)

    bundle = analyze(tmp_path).bundle
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # Python's own rmtree is recursive

    assert bundle is not None
    assert ["d/" * 1000 + "app"] == [member.inner for member in bundle.members]


@pytest.mark.parametrize("suffix", ["xz", "zst", "gz", "bz2"])
def test_several_streams_are_one(tmp_path, suffix):
    """Compressed files that were put together are read to the end, as tar(1) does."""
    whole = tmp_path / "whole.tar"
    with tarfile.open(whole, "w") as archive:
        for name in ("one", "two"):
            header = tarfile.TarInfo(name)
            header.size = len(PROGRAM)
            archive.addfile(header, io.BytesIO(PROGRAM))
    raw, path = whole.read_bytes(), tmp_path / f"a.tar.{suffix}"
    for part in (raw[:700], raw[700:]):
        padding = bytes(8) if suffix == "xz" else b""
        with path.open("ab") as file:
            file.write(COMPRESSIONS[suffix](part) + padding)

    bundle = analyze(path).bundle

    assert bundle is not None
    assert ["one", "two"] == [member.inner for member in bundle.members]
