"""What the kernel refuses before any loader runs.  Source: Linux fs/binfmt_elf.c."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from preflight.model.start import Start
from tests.conformance.builds import Copy, Dir, Gcc, Link, Patch, Raw, elf, program
from tests.conformance.prepare import chmod, noexec, poke
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

LD = "/opt/app/ld.so"
HOME = program(interpreter=LD)
ONE = ("bookworm",)
LOADER = "/lib64/ld-linux-x86-64.so.2"
LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
ENTRY, PHENTSIZE, PHNUM = 24, 54, 56  # where they stand in a 64-bit header
MAIN = elf(interpreter=LOADER)
STATIC = elf(type=2, dynamic=False)
DT_STRTAB = (5).to_bytes(8, "little")
LOAD = 64 + 56  # the second program header of STATIC, its PT_LOAD
P_OFFSET, P_FILESZ, P_MEMSZ = 8, 32, 40
SMALL_PAGES = ("-Wl,-z,max-page-size=0x800",)
LDMUSL = "/lib/ld-musl-x86_64.so.1"
NO_PROGRAM = ("format-not-elf app",)

CASES = cases(
    Scenario(
        name="a-static-program-starts",
        files={APP: STATIC},
        roots=(*ONE, "musl"),
    ),
    Scenario(
        name="interpreter-absent",
        files={APP: HOME},
        finds=(f"interpreter-missing {LD}",),
        roots=(*ONE, "musl"),
    ),
    Scenario(
        name="interpreter-is-text",
        files={APP: HOME, LD: Raw(b"this is no loader, but long enough to hold a header\n" * 3)},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-for-another-machine",
        files={APP: HOME, LD: elf(machine=183)},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-for-i386",
        files={APP: HOME, LD: elf(machine=3, bits=32)},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-not-executable",
        files={APP: HOME, LD: elf()},
        finds=(f"interpreter-unusable {LD}",),
        prepare=chmod(LD, 0o644),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-a-directory",
        files={APP: HOME, LD: Dir()},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-a-device",
        files={APP: HOME, LD: Link("/dev/null")},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-empty",
        files={APP: HOME, LD: Raw(b"")},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-shorter-than-a-header",
        files={APP: HOME, LD: Raw(b"\x7fELF")},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-a-loop",
        files={APP: HOME, LD: Link("ld.so")},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-below-a-file",
        files={APP: program(interpreter="/opt/app/file/ld.so"), "/opt/app/file": Raw(b"")},
        finds=("interpreter-missing /opt/app/file/ld.so",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-has-wrong-phentsize",
        files={APP: HOME, LD: Patch(elf(), ((PHENTSIZE, b"\x20"),))},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-has-no-program-headers",
        files={APP: HOME, LD: Patch(elf(), ((PHNUM, b"\0\0"),))},
        finds=(f"interpreter-unusable {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-on-noexec-mount",
        files={APP: program(interpreter="/opt/ld/ld.so"), "/opt/ld/ld.so": elf()},
        finds=("interpreter-unusable /opt/ld/ld.so",),
        prepare=noexec("/opt/ld"),
        roots=ONE,
    ),
    Scenario(
        name="program-on-noexec-mount",
        files={APP: program()},
        finds=(f"mount-noexec {APP}",),
        prepare=noexec("/opt/app/bin"),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-relative-to-cwd",
        files={APP: program(interpreter="ld.so"), "/srv/ld.so": Copy(LOADER)},
        start=Start(install_path=APP, cwd="/srv"),
        roots=ONE,
    ),
    Scenario(
        name="program-for-another-machine",
        files={APP: elf(machine=22, endian="big", type=2)},
        finds=("machine-mismatch s390x",),
        roots=ONE,
    ),
    Scenario(
        name="program-is-an-object-file",
        files={APP: elf(type=1)},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="program-is-a-core-file",
        files={APP: elf(type=4)},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="program-has-wrong-phentsize",
        files={APP: Patch(STATIC, ((PHENTSIZE, b"\x20"),))},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="program-has-no-program-headers",
        files={APP: Patch(STATIC, ((PHNUM, b"\0\0"),))},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="program-headers-beyond-the-end",
        files={APP: Patch(STATIC, ((32, b"\0\0\1\0\0\0\0\0"),))},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="more-program-headers-than-64-kib",
        files={
            APP: Patch(
                Raw(elf(type=2, dynamic=False).data + bytes(1 << 17)), ((PHNUM, b"\x93\x04"),)
            )
        },
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        # The kernel does not look; what a real program of FreeBSD then does is not known.
        name="program-has-the-osabi-of-another-system",
        files={APP: elf(type=2, dynamic=False, osabi=9)},
        finds=("system-mismatch FreeBSD",),
        roots=ONE,
        undone=True,
    ),
    Scenario(
        name="program-has-unknown-osabi",
        files={APP: elf(type=2, dynamic=False, osabi=200)},
        roots=ONE,
    ),
    Scenario(
        name="interpreter-path-is-empty",
        files={APP: elf(interpreter="")},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-path-is-too-long",
        files={APP: elf(interpreter="/" * 4096 + "x")},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-path-is-as-long-as-can-be",
        files={APP: elf(interpreter="/" * 4094 + "x")},
        finds=("interpreter-missing " + "/" * 4094 + "x",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-path-with-a-nul-inside",
        files={APP: elf(interpreter=LOADER + "\0garbage")},
        roots=ONE,
    ),
    Scenario(
        name="interpreter-name-is-too-long",
        files={APP: elf(interpreter="/opt/" + "x" * 300)},
        finds=("interpreter-unusable /opt/" + "x" * 300,),
        roots=ONE,
    ),
    *(
        Scenario(
            name=f"interpreter-path-{name}",
            files={APP: Patch(MAIN, cut=MAIN.data.index(LOADER.encode()) + left)},
            finds=("file-truncated app",),
            roots=ONE,
        )
        for name, left in (
            ("not-there", 0),
            ("cut-off", 9),
            ("cut-off-before-its-nul", len(LOADER)),
        )
    ),
    Scenario(
        name="interpreter-path-without-nul",
        files={APP: Patch(MAIN, ((MAIN.data.index(LOADER.encode()) + len(LOADER), b"x"),))},
        finds=("format-not-elf app",),
        roots=ONE,
    ),
)

# What the kernel or the loader trips over once the old program is gone.
MAPPED = cases(
    Scenario(
        name="linked-for-smaller-pages",
        files={APP: program(flags=SMALL_PAGES)},
        finds=NO_PROGRAM,
        roots=("bullseye", "sid"),
    ),
    Scenario(
        name="static-pie-linked-for-smaller-pages",
        files={
            APP: Gcc("int main(void){return 0;}", ("-static-pie", *SMALL_PAGES), compiler="cc"),
        },
        finds=NO_PROGRAM,
        roots=ONE,
    ),
    *(
        Scenario(
            name=name,
            files={APP: Patch(STATIC, ((at, value.to_bytes(size, "little")),))},
            finds=NO_PROGRAM,
            roots=ONE,
        )
        for name, at, value, size in (
            ("segment-askew", LOAD + P_OFFSET, 0x10, 8),
            ("no-segment-to-load", LOAD, 0, 4),
            ("segment-larger-in-the-file-than-in-memory", LOAD + P_MEMSZ, 0x10, 8),
            ("begins-outside-of-its-segments", ENTRY, 0x1234, 8),
        )
    ),
    *(
        Scenario(
            name=f"dynamic-program-begins-{name}",
            files={APP: Gcc("int data=3; int main(void){return 0;}", flags, compiler="cc")},
            finds=NO_PROGRAM,
            roots=("trixie", "sid"),
        )
        for name, flags in (
            ("outside-of-its-segments", ("-Wl,-e,0x12345000",)),
            ("in-data", ("-Wl,-e,data",)),
        )
    ),
    Scenario(
        name="begins-where-an-executable-stack-may-make-all-executable",
        files={
            APP: Gcc(
                "int data=3; int main(void){return 0;}",
                ("-Wl,-e,data", "-Wl,-z,execstack"),
                compiler="cc",
            )
        },
        finds=("undecided app",),
        roots=("sid",),
        undone=True,
    ),
    *(
        Scenario(
            name=f"program-is-damaged-{name}",
            files={APP: Patch(MAIN, ((MAIN.data.rindex(old), new),))},
            finds=("undecided app",),
            roots=("bookworm",),
            undone=True,
        )
        for name, old, new in (
            ("it-has-no-string-table", DT_STRTAB, b"\6\0\0\x60"),
            ("a-tag-of-no-kind", DT_STRTAB, b"\5\0\0\1"),
        )
    ),
    Scenario(
        name="names-a-loader-without-a-dynamic-table",
        files={APP: elf(interpreter=LOADER, dynamic=False)},
        finds=NO_PROGRAM,
        roots=("bullseye", "sid"),
    ),
    Scenario(
        name="names-musl's-loader-without-a-dynamic-table",
        files={APP: elf(interpreter=LDMUSL, dynamic=False)},
        finds=NO_PROGRAM,
        roots=("musl",),
    ),
    Scenario(
        name="names-libraries-and-no-loader",
        files={
            APP: Gcc("int main(void){return 0;}", ("-Wl,--no-dynamic-linker",), compiler="cc"),
        },
        finds=("undecided libc.so.6",),
        roots=ONE,
        undone=True,
    ),
    Scenario(
        name="wants-to-lie-at-address-zero",
        files={
            APP: Gcc(
                "int main(void){return 0;}", ("-static", "-Wl,-Ttext-segment=0"), compiler="cc"
            ),
            "/etc/passwd": Raw(b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"),
        },
        start=Start(install_path=APP, cwd="/", run_as="app"),
        uid=1000,
        finds=("undecided app",),
        roots=ONE,
        undone=True,
    ),
    Scenario(
        name="libc-is-no-loader",
        files={APP: program(interpreter=LIBC)},
        finds=(f"libc-unsupported {LIBC}",),
        roots=ONE,
        undone=True,
    ),
)

# The kernel looks at the magic and at no other byte of e_ident.
BYTES = (("class-9", 4, 9), ("class-1", 4, 1), ("data-2", 5, 2), ("version-9", 6, 9))
GCC = Gcc("int main(void){return 0;}", compiler="cc")
MUSL = Gcc("int main(void){return 0;}", compiler="musl-gcc")
IDENT = cases(
    *(
        Scenario(
            name=f"{name}-in-{what}",
            files={APP: Patch(program, ((at, bytes([value])),))},
            roots=roots,
        )
        for name, at, value in BYTES
        for what, program, roots in (
            ("a-static-program", STATIC, ONE),
            ("a-program", GCC, ("sid",)),
            ("a-program-of-musl", MUSL, ("musl",)),
        )
    ),
    *(
        Scenario(
            name=f"{name}-in-{what}",
            files={APP: replace(program, flags=(f"-Wl,--dynamic-linker={LD}",)), LD: Copy(loader)},
            prepare=poke(LD, at, value),
            roots=roots,
        )
        for name, at, value in BYTES[1:3]
        for what, program, loader, roots in (
            ("a-loader", GCC, LOADER, ("sid",)),
            ("musl's-loader", MUSL, LDMUSL, ("musl",)),
        )
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*CASES, *MAPPED, *IDENT], ids=case_name)
def test_kernel(scenario, root, agree):
    """What the kernel refuses is refused, in its words."""
    agree(scenario, root)
