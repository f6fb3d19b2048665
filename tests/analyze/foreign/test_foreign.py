"""What files for other systems and virtual machines need there."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.analyze.foreign import READERS, foreign
from preflight.elf import BytesSource

JAVA_17 = b"\xca\xfe\xba\xbe\0\0\0\x3d"
JAVA_8 = b"\xca\xfe\xba\xbe\0\0\0\x34"


def read(kind, data):
    """Return what is read of a file of one format."""
    return foreign(BytesSource(data), kind)


def pe(imports=(), delayed=(), *, relative=1, clr=b"", wide=True):
    """Return a PE file with one section at 0x1000, which lies at 0x400 of the file."""
    base, size = 0x10000, 0x1000
    section = bytearray()

    def put(data):
        section.extend(data)
        return 0x1000 + len(section) - len(data)

    names = {name: put(name + b"\0") for name in (*imports, *delayed)}
    thunk = b"".join(struct.pack("<5I", 1, 0, 0, names[n], 1) for n in imports)
    first = put(thunk + bytes(20)) if imports else 0
    later = b"".join(
        struct.pack("<8I", relative, names[n] + (0 if relative else base), *[0] * 6)
        for n in delayed
    )
    second = put(later + bytes(32)) if delayed else 0
    third = 0
    if clr:
        root = put(b"BSJB" + bytes(12) + clr + b"\0")
        third = put(struct.pack("<IHHI", 72, 2, 5, root) + bytes(60))
    optional = bytearray(240 if wide else 224)
    struct.pack_into("<H", optional, 0, 0x20B if wide else 0x10B)
    struct.pack_into("<Q" if wide else "<I", optional, 24 if wide else 28, base)
    struct.pack_into("<HH", optional, 48, 10, 0)
    struct.pack_into("<I", optional, 60, 0x400)
    struct.pack_into("<H", optional, 68, 3)
    at = 112 if wide else 96
    struct.pack_into("<I", optional, at - 4, 16)
    for number, address in ((1, first), (13, second), (14, third)):
        struct.pack_into("<I", optional, at + 8 * number, address)
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional), 0x22)
    table = b".rdata\0\0" + struct.pack("<IIII", size, 0x1000, size, 0x400) + bytes(16)
    headers = (head + b"PE\0\0" + coff + bytes(optional) + table).ljust(0x400, b"\0")
    return headers + bytes(section).ljust(size, b"\0")


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("relative", [1, 0])
def test_windows_program_names_what_it_imports_now_and_later(wide, relative):
    """The delay-load table counts apart, and the oldest linkers' whole addresses are read too."""
    data = pe((b"KERNEL32.dll", b"libssl-3.dll"), (b"WS2_32.dll",), relative=relative, wide=wide)

    found = read("pe", data)

    assert found.imports == ("KERNEL32.dll", "libssl-3.dll")
    assert found.optional == ("WS2_32.dll",)
    assert (found.machines, found.minimum_os) == (("x86-64",), "Windows 10.0")
    assert (found.runtime, found.defect) == ("Windows", None)


def test_net_program_needs_net():
    """The version is that of its metadata."""
    assert read("pe", pe((b"mscoree.dll",), clr=b"v4.0.30319")).runtime == ".NET (v4.0.30319)"


def test_import_table_outside_of_the_file_is_told():
    """What was read before it stands, and the rest is said to be missing."""
    data = bytearray(pe((b"a.dll",)))
    struct.pack_into("<I", data, 0x40 + 24 + 112 + 8, 0x7FFFFFFF)

    found = read("pe", bytes(data))

    assert found.machines == ("x86-64",)
    assert found.defect == "nothing of the file lies at the address 0x7fffffff"


def test_import_table_without_end_ends():
    """A file of nothing but import entries is read up to a bound."""
    data = bytearray(pe((b"a.dll",)))
    entry = struct.pack("<5I", 1, 0, 0, 0x1000, 1)
    data[0x400 + 6 :] = entry * 5000
    data[0x400:0x406] = b"a.dll\0"
    table = 0x40 + 24 + 240
    struct.pack_into("<IIII", data, table + 8, 100_000, 0x1000, 100_000, 0x400)

    found = read("pe", bytes(data))

    assert (found.imports, found.defect) == (("a.dll",), "a table of more than 1024 entries")


def command(number, *words, text=b""):
    """Return a load command; its text stands behind its numbers."""
    body = struct.pack(f"<{len(words)}I", *words) + text
    body += bytes(-len(body) % 8)
    return struct.pack("<II", number, 8 + len(body)) + body


def dylib(number, name):
    """Return a command that loads a library."""
    return command(number, 24, 2, 0, 0, text=name + b"\0")


def macho(*commands, cpu=0x0100000C, subtype=0):
    """Return a 64-bit program."""
    body = b"".join(commands)
    return (
        b"\xcf\xfa\xed\xfe"
        + struct.pack("<7I", cpu, subtype, 2, len(commands), len(body), 0, 0)
        + body
    )


MACOS_11 = command(0x32, 1, 11 << 16, 11 << 16, 0)
MACOS_10 = command(0x24, 10 << 16 | 13 << 8 | 4, 0)


def test_macos_program_names_libraries_search_path_and_release():
    """Weak libraries are optional ones."""
    data = macho(
        dylib(0xC, b"/usr/lib/libSystem.B.dylib"),
        dylib(0x8000001F, b"@rpath/libfoo.1.dylib"),
        dylib(0x80000018, b"/usr/lib/libweak.dylib"),
        command(0x8000001C, 12, text=b"@loader_path/../lib\0"),
        MACOS_11,
    )

    found = read("mach-o", data)

    assert found.imports == ("/usr/lib/libSystem.B.dylib", "@rpath/libfoo.1.dylib")
    assert found.optional == ("/usr/lib/libweak.dylib",)
    assert found.search == ("@loader_path/../lib",)
    assert (found.machines, found.minimum_os) == (("arm64",), "macOS 11.0")
    assert (found.runtime, found.defect) == ("macOS", None)


def test_universal_program_says_which_machine_wants_which_release():
    """Libraries of all its machines stand once."""
    first = macho(dylib(0xC, b"/usr/lib/a.dylib"), MACOS_10, cpu=0x01000007).ljust(512, b"\0")
    second = macho(dylib(0xC, b"/usr/lib/a.dylib"), MACOS_11, subtype=2)
    head = b"\xca\xfe\xba\xbe" + struct.pack(">I", 2)
    head += struct.pack(">5I", 0x01000007, 3, 512, len(first), 9)
    head += struct.pack(">5I", 0x0100000C, 2, 1024, len(second), 9)

    found = read("mach-o", head.ljust(512, b"\0") + first + second)

    assert found.machines == ("x86_64", "arm64e")
    assert found.minimum_os == "macOS 10.13.4 (x86_64), macOS 11.0 (arm64e)"
    assert found.imports == ("/usr/lib/a.dylib",)


def test_load_command_without_size_is_no_endless_loop():
    """What stands before it is told."""
    found = read("mach-o", macho(MACOS_11, struct.pack("<II", 0xC, 0) + bytes(8)))

    assert found.minimum_os == "macOS 11.0"
    assert found.defect is not None
    assert found.defect.endswith("has 0 bytes")


def name(text):
    """Return a name as WebAssembly writes it."""
    return bytes([len(text)]) + text


def section(number, *entries):
    """Return a section that is a table."""
    body = bytes([len(entries)]) + b"".join(entries)
    return bytes([number, len(body)]) + body


WASI = name(b"wasi_snapshot_preview1") + name(b"fd_write") + b"\0\0"


def test_module_names_what_it_imports_and_its_runtime():
    """Tables, memories and globals are imported as functions are."""
    others = [
        name(b"env") + name(b"t") + b"\1\x70\1\0\1",
        name(b"env") + name(b"m") + b"\2\0\1",
        name(b"env") + name(b"g") + b"\3\x7f\0",
        name(b"last") + name(b"f") + b"\0\0",
    ]
    data = b"\0asm\1\0\0\0" + section(2, WASI, *others) + section(7, name(b"_start") + b"\0\0")

    found = read("wasm", data)

    assert found.imports == ("wasi_snapshot_preview1", "env", "last")
    assert found.runtime == "a WASI runtime (preview 1)"
    assert (found.entry, found.defect) == ("_start", None)


def test_component_names_its_interfaces():
    """Of a component each import is an interface with its release."""
    entries = [b"\0" + name(b"wasi:cli/environment@0.2.0") + b"\5\0"]
    data = b"\0asm\x0d\0\1\0" + section(10, *entries)

    found = read("wasm", data)

    assert found.imports == ("wasi:cli/environment@0.2.0",)
    assert found.runtime == "a WASI runtime (preview 2, component model)"


def jar(manifest, **classes):
    """Return a jar; a class is named with underscores for slashes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if manifest is not None:
            archive.writestr("META-INF/MANIFEST.MF", manifest)
        for path, data in classes.items():
            archive.writestr(path.replace("__", "/").replace("_dot_", "."), data)
    return buffer.getvalue()


def test_jar_needs_the_java_of_the_class_that_it_starts():
    """Main-Class decides, also where its line goes on in the next one."""
    manifest = "Manifest-Version: 1.0\r\nMain-Class: org.exam\r\n ple.Main\r\nClass-Path: a.jar\r\n"
    data = jar(
        manifest,
        org__example__Main_dot_class=JAVA_17,
        other_dot_class=JAVA_8,
        linux__libx_dot_so=b"\x7fELF",
    )

    found = read("archive", data)

    assert (found.runtime, found.entry) == ("Java 17", "org.example.Main")
    assert (found.search, found.native) == (("a.jar",), ("linux/libx.so",))
    assert found.defect is None


def test_spring_boot_jar_needs_the_java_of_its_own_class_too():
    """The launcher is for an older release than what it starts."""
    manifest = "Main-Class: boot.Launcher\nStart-Class: app.Main\n"
    classes = {
        "boot__Launcher_dot_class": JAVA_8,
        "BOOT-INF__classes__app__Main_dot_class": JAVA_17,
    }

    assert read("archive", jar(manifest, **classes)).runtime == "Java 17"


def test_library_needs_the_newest_of_its_classes_without_its_module_description():
    """module-info.class is for Java 9 in a library for Java 8."""
    data = jar(None, a_dot_class=JAVA_8, **{"module-info_dot_class": JAVA_17})

    assert read("archive", data).runtime == "Java 8"


def test_archives_without_java_have_no_needs():
    """A zip is no jar, nor is what is damaged."""
    assert read("archive", jar(None, notes="text")) is None
    assert read("archive", b"PK\3\4" + bytes(100)) is None
    assert read("archive", b"!<arch>\n") is None


@pytest.mark.parametrize(
    ("head", "runtime"),
    [
        (JAVA_17, "Java 17"),
        (b"\xca\xfe\xba\xbe\0\0\0\x2e", "Java 1.2"),
        (b"\xca\xfe\xba\xbe\0\0\0\x31", "Java 5"),
        (b"\xca\xfe\xba\xbe\xff\xff\0\x41", "Java 21 with --enable-preview"),
    ],
)
def test_class_needs_the_java_of_its_version(head, runtime):
    """Before Java 5 releases had two numbers."""
    assert read("java", head).runtime == runtime


WHOLE = {
    "pe": pe((b"KERNEL32.dll",), (b"WS2_32.dll",), clr=b"v4.0.30319"),
    "mach-o": macho(dylib(0xC, b"/usr/lib/a.dylib"), MACOS_11),
    "wasm": b"\0asm\1\0\0\0" + section(2, WASI) + section(7, name(b"_start") + b"\0\0"),
    "java": JAVA_17,
    "archive": jar("Main-Class: a\n", a_dot_class=JAVA_17),
}


@given(st.sampled_from(sorted(READERS)), st.data())
def test_no_bytes_raise(kind, data):
    """A file with any bytes changed, or cut off anywhere, is read as far as that goes."""
    content = bytearray(WHOLE[kind])
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    end = data.draw(st.integers(4, len(content)))

    read(kind, bytes(content[:end]))
