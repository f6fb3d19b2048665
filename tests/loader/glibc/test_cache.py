"""/etc/ld.so.cache.  Source: glibc elf/cache.c writes it."""

from __future__ import annotations

import re
import struct
import subprocess

import pytest

from preflight.elf import read_file
from preflight.loader.glibc.cache import cache_flags, choose, parse_cache
from tests.builders.rootfs import resolve
from tests.hosts import roots

X86_64 = frozenset({0x303})
LOADERS = {
    "bullseye": "lib64/ld-linux-x86-64.so.2",
    "bookworm": "lib64/ld-linux-x86-64.so.2",
    "trixie": "lib64/ld-linux-x86-64.so.2",
    "sid": "lib64/ld-linux-x86-64.so.2",
    "i386": "lib/ld-linux.so.2",
}


def cache(*entries: tuple[str, str, int, int], levels: tuple[str, ...] = ()) -> bytes:
    """Return a cache with entries (soname, path, flags, hwcap) in this order."""
    start = 48 + 24 * len(entries)
    strings, offsets = b"", {}
    for text in [*(t for entry in entries for t in entry[:2]), *levels]:
        offsets[text] = start + len(strings)
        strings += text.encode() + b"\0"
    extension = (start + len(strings) + 3) & ~3
    table = b"".join(
        struct.pack("<iIIIQ", flags, offsets[name], offsets[path], 0, hwcap)
        for name, path, flags, hwcap in entries
    )
    header = struct.pack("<20sIIB3xI12x", MAGIC, len(entries), len(strings), 2, extension)
    body = (header + table + strings).ljust(extension, b"\0")
    words = b"".join(struct.pack("<I", offsets[level]) for level in levels)
    directory = struct.pack("<IIIIII", 0xEAA42174, 1, 1, 0, extension + 24, len(words))
    return body + directory + words


MAGIC = b"glibc-ld.so.cache1.1"
BY_LEVEL = 1 << 62


@pytest.mark.hosts
@pytest.mark.parametrize("name", LOADERS)
def test_cache_holds_what_ldconfig_prints(name):
    """Sonames and paths are those of `ldconfig -p`, in its order."""
    root = roots.build([name])[name]
    command = ["chroot", root, "/sbin/ldconfig", "-p"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    parsed = parse_cache((root / "etc/ld.so.cache").read_bytes())

    assert re.findall(r"^\t(\S+) \(.*\) => (\S+)$", said, re.MULTILINE) == [
        (entry.soname, entry.path) for entry in parsed.entries
    ]


@pytest.mark.hosts
@pytest.mark.parametrize("name", LOADERS)
def test_loader_takes_the_libc_of_its_cache(name):
    """The flags that follow from the loader select libc.so.6."""
    root = roots.build([name])[name]
    flags = cache_flags(read_file(f"{root}{resolve(str(root), LOADERS[name])}"))

    parsed = parse_cache((root / "etc/ld.so.cache").read_bytes())

    assert choose(parsed, "libc.so.6", flags=flags, active=()).path.endswith("/libc.so.6")


def test_best_active_level_wins():
    """Of a soname's entries, the one for the best level of this CPU is taken."""
    data = cache(
        ("liba.so", "/lib/liba.so", 0x303, 0),
        ("liba.so", "/lib/v3/liba.so", 0x303, BY_LEVEL | 0),
        ("liba.so", "/lib/v2/liba.so", 0x303, BY_LEVEL | 1),
        levels=("x86-64-v3", "x86-64-v2"),
    )
    parsed = parse_cache(data)

    chosen = [
        choose(parsed, "liba.so", flags=X86_64, active=active).path
        for active in (("x86-64-v3", "x86-64-v2"), ("x86-64-v2",), ())
    ]

    assert chosen == ["/lib/v3/liba.so", "/lib/v2/liba.so", "/lib/liba.so"]


def test_entry_of_another_machine_is_passed_over():
    """Flags have to match exactly."""
    parsed = parse_cache(cache(("liba.so", "/lib32/liba.so", 3, 0)))

    assert choose(parsed, "liba.so", flags=X86_64, active=()) is None


def test_names_are_compared_by_their_numbers():
    """`_dl_cache_libcmp` takes runs of digits for numbers: 1 and 01 are one."""
    parsed = parse_cache(cache(("liba.so.01", "/lib/liba.so.01", 0x303, 0)))

    assert choose(parsed, "liba.so.1", flags=X86_64, active=()).path == "/lib/liba.so.01"


def test_new_cache_is_found_inside_an_old_file():
    """Ldconfig --format=compat puts the new cache behind an old one."""
    new = cache(("liba.so", "/lib/liba.so", 0x303, 0))
    old = b"ld.so-1.7.0\0" + struct.pack("<I", 1) + bytes(12)

    parsed = parse_cache(old.ljust(32, b"\0") + new)

    assert [entry.path for entry in parsed.entries] == ["/lib/liba.so"]


@pytest.mark.parametrize("data", [b"", b"garbage" * 20, MAGIC, MAGIC + bytes(10), b"ld.so-1.7.0\0"])
def test_file_that_is_no_cache_is_not_used(data):
    """What the loader would not read as a cache is none."""
    assert parse_cache(data) is None
