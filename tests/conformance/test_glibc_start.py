"""What the environment of the start changes: preloads, argv[0], the CPU.  Source: ld.so(8)."""

from __future__ import annotations

import pytest

from preflight.model.start import Start
from tests.conformance.builds import Build, Gcc, Link, Patch, Raw, elf, library, program, runpath
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A = "/opt/app/a"
X = "libx.so.1"
LIBX = library(X)
PRE = "/opt/pre.so"
CUT = Patch(library("pre.so", source="const char big[40000]={1}; int data[20000]={1};"), cut=30000)
MODERN = ("bookworm", "trixie", "sid")
EXEC_STACK = ("-Wl,-z,execstack",)
V4 = ("-Wl,-z,x86-64-v4",)
V3 = ("-Wl,-z,x86-64-v3",)


def preload(
    name: str, value: str, files: dict[str, Build], finds: tuple[str, ...] = ()
) -> Scenario:
    """Return a scenario with this LD_PRELOAD."""
    start = Start(install_path=APP, cwd="/", env=(("LD_PRELOAD", value),))
    return Scenario(name=name, files={APP: program(), **files}, start=start, finds=finds)


def preload_file(
    name: str, text: bytes, files: dict[str, Build], finds: tuple[str, ...] = ()
) -> Scenario:
    """Return a scenario with this /etc/ld.so.preload."""
    return Scenario(
        name=name, files={APP: program(), "/etc/ld.so.preload": Raw(text), **files}, finds=finds
    )


PRELOADS = cases(
    preload("preload", PRE, {PRE: library("pre.so")}),
    preload("preload-absent", "/none.so", {}, ("library-missing /none.so",)),
    preload("preload-absent-by-soname", "libnone.so", {}, ("library-missing libnone.so",)),
    preload(
        "preloads-between-colons-and-spaces",
        f" {PRE}: /none.so ",
        {PRE: library("pre.so")},
        ("library-missing /none.so",),
    ),
    preload(
        "preload-is-text",
        PRE,
        {PRE: Raw(b"no ELF file, yet long enough for its header\n" * 3)},
        (f"library-unusable {PRE}",),
    ),
    preload(
        "preload-of-another-class", PRE, {PRE: elf(machine=3, bits=32)}, (f"library-missing {PRE}",)
    ),
    preload("preload-is-an-executable", PRE, {PRE: elf(type=2)}, (f"library-unusable {PRE}",)),
    preload(
        "preload-needs-what-is-absent", PRE, {PRE: library("pre.so", X)}, (f"library-missing {X}",)
    ),
    preload(
        "preload-absent-and-a-library-too",
        "/none.so",
        {APP: program(X)},
        ("library-missing /none.so", f"library-missing {X}"),
    ),
    preload("preload-satisfies-a-need-by-its-soname", PRE, {APP: program(X), PRE: LIBX}),
    preload(
        "preload-misses-a-version",
        PRE,
        {PRE: elf(needed=("libc.so.6",), version_needs={"libc.so.6": ("GLIBC_2.99",)})},
        ("version-missing libc.so.6:GLIBC_2.99",),
    ),
    preload(
        "preload-absent-and-a-symbol-too",
        "/none.so",
        {
            APP: program(
                source="int f(void); int (*p)(void) = f;",
                flags=runpath(A),
                links=((X, library(X, source="int f(void){return 1;}")),),
            ),
            f"{A}/{X}": LIBX,
        },
        ("library-missing /none.so", "symbol-missing f"),
    ),
    preload("preload-of-libc", "libc.so.6", {}),
    preload("preload-of-a-directory", "/opt", {}, ("library-unusable /opt",)),
    preload("preload-is-a-loop", PRE, {PRE: Link("pre.so")}, (f"library-missing {PRE}",)),
    preload(
        "preload-beyond-nodeflib",
        "libc.so.6",
        {APP: program("libc.so.6", flags=("-Wl,-z,nodefaultlib",))},
        ("library-missing libc.so.6",),
    ),
    preload("preload-is-truncated", PRE, {PRE: CUT}, (f"library-unusable {PRE}",)),
    preload(
        "preload-absent-and-another-truncated",
        f"/none.so:{PRE}",
        {PRE: CUT},
        ("library-missing /none.so", f"library-unusable {PRE}"),
    ),
    preload(
        "preload-truncated-and-a-library-absent",
        f"{PRE}:/none.so",
        {APP: program(X), PRE: CUT},
        (f"library-unusable {PRE}", "library-missing /none.so", f"library-missing {X}"),
    ),
    preload("preload-twice", f"{PRE}:{PRE}", {PRE: library("pre.so")}),
    preload("preload-with-origin", "$ORIGIN/../pre.so", {"/opt/app/pre.so": library("pre.so")}),
    preload_file("file-of-preloads", f"{PRE}\n".encode(), {PRE: library("pre.so")}),
    preload_file(
        "file-of-preloads-with-an-absent-one", b"/none.so\n", {}, ("library-missing /none.so",)
    ),
    preload_file(
        "file-of-preloads-with-comments",
        b"# /none.so\n/gone.so # and /none.so\n",
        {},
        ("library-missing /gone.so",),
    ),
    preload_file(
        "file-of-preloads-separated",
        f"{PRE}:/none.so\t/gone.so".encode(),
        {PRE: library("pre.so")},
        ("library-missing /none.so", "library-missing /gone.so"),
    ),
    preload_file(
        "file-of-preloads-with-a-truncated-one",
        f"{PRE}\n".encode(),
        {PRE: CUT},
        (f"library-unusable {PRE}",),
    ),
    preload_file(
        "file-of-preloads-with-other-blanks",
        f"{PRE}\v/none.so\n".encode(),
        {PRE: library("pre.so")},
        (f"library-missing {PRE}\v/none.so",),
    ),
    preload("preload-longer-than-a-path", "/" + 5000 * "n", {}),
    preload_file("empty-file-of-preloads", b"", {}),
    Scenario(
        name="an-audit-library-decides",
        files={APP: program()},
        start=Start(install_path=APP, cwd="/", env=(("LD_AUDIT", "/none.so"),)),
        finds=("undecided LD_AUDIT",),
        roots=("sid",),
        undone=True,
    ),
    Scenario(
        name="libraries-are-listed-alone",
        files={APP: program()},
        start=Start(install_path=APP, cwd="/", env=(("LD_TRACE_LOADED_OBJECTS", "1"),)),
        finds=("undecided LD_TRACE_LOADED_OBJECTS",),
        roots=("sid",),
        undone=True,
    ),
)

NAMES = cases(
    Scenario(
        name="argv0-names-the-program",
        files={APP: program(X)},
        start=Start(install_path=APP, cwd="/", argv0="something else"),
        finds=(f"library-missing {X}",),
    ),
    Scenario(
        name="argv0-in-a-version-message",
        files={
            APP: elf(
                interpreter="/lib64/ld-linux-x86-64.so.2",
                needed=("libc.so.6",),
                version_needs={"libc.so.6": ("GLIBC_2.99",)},
            )
        },
        start=Start(install_path=APP, cwd="/", argv0="app"),
        finds=("version-missing libc.so.6:GLIBC_2.99",),
    ),
    Scenario(
        name="argv0-in-a-symbol-message",
        files={
            APP: program(
                source="int f(void); int (*p)(void) = f;",
                flags=runpath(A),
                links=((X, library(X, source="int f(void){return 1;}")),),
            ),
            f"{A}/{X}": LIBX,
        },
        start=Start(install_path=APP, cwd="/", argv0="-sh"),
        finds=("symbol-missing f",),
    ),
)


FORBIDDEN = Start(install_path=APP, cwd="/", env=(("GLIBC_TUNABLES", "glibc.rtld.execstack=0"),))
STACKS = cases(
    Scenario(
        name="executable-stack-forbidden-by-a-tunable",
        files={APP: program(X, flags=runpath(A)), f"{A}/{X}": library(X, flags=EXEC_STACK)},
        start=FORBIDDEN,
        finds={
            "bookworm": (),
            **dict.fromkeys(("trixie", "sid"), (f"library-unusable {X}",)),
        },
        roots=MODERN,
    ),
    Scenario(
        name="executable-stack-of-the-program-forbidden-by-a-tunable",
        files={APP: program(flags=EXEC_STACK)},
        start=FORBIDDEN,
        finds={
            "bookworm": (),
            **dict.fromkeys(("trixie", "sid"), ("exec-policy app",)),
        },
        roots=MODERN,
    ),
    Scenario(
        name="library-without-a-word-of-the-stack",
        files={APP: program(X, flags=runpath(A)), f"{A}/{X}": elf(soname=X, exec_stack=None)},
        start=FORBIDDEN,
        finds={
            "bookworm": (),
            **dict.fromkeys(("trixie", "sid"), (f"library-unusable {X}",)),
        },
        roots=MODERN,
    ),
    Scenario(
        name="executable-stack-of-the-program",
        files={APP: program(flags=EXEC_STACK)},
    ),
    *(
        Scenario(
            name=f"executable-stack-and-the-tunable-{value}",
            files={APP: program(flags=EXEC_STACK)},
            start=Start(
                install_path=APP,
                cwd="/",
                env=(("GLIBC_TUNABLES", f"glibc.rtld.execstack={value}"),),
            ),
            finds=finds,
            roots=("sid",),
        )
        for value, finds in (
            ("0x0", ("exec-policy app",)),
            ("00", ("exec-policy app",)),
            ("0:glibc.rtld.execstack=1", ()),
        )
    ),
    Scenario(
        name="an-assumed-kernel-older-than-libc-wants",
        files={APP: program("libc.so.6")},
        start=Start(install_path=APP, cwd="/", env=(("LD_ASSUME_KERNEL", "2.4.1"),)),
        finds={"bullseye": ("library-missing libc.so.6",), "bookworm": ()},
        roots=("bullseye", "bookworm"),
    ),
)


def on_cpu(name: str, cpu: str, files: dict[str, Build], finds: object, roots=MODERN) -> Scenario:
    """Return a scenario on another CPU."""
    return Scenario(name=name, files=files, finds=finds, cpu=cpu, roots=roots)


OLD_CPU = ("cpu-level-too-low x86-64-v4",)
USES_X = program(X, flags=runpath(A))
CPUS = cases(
    on_cpu("program-beyond-the-cpu", "Nehalem", {APP: program(flags=V4)}, OLD_CPU),
    on_cpu("program-within-the-cpu", "Nehalem", {APP: program(flags=("-Wl,-z,x86-64-v2",))}, ()),
    on_cpu(
        "program-beyond-the-oldest-cpu",
        "qemu64",
        {APP: program(flags=("-Wl,-z,x86-64-v2",))},
        ("cpu-level-too-low x86-64-v2",),
    ),
    on_cpu("baseline-program", "qemu64", {APP: program(flags=("-Wl,-z,x86-64-baseline",))}, ()),
    on_cpu(
        "library-beyond-the-cpu",
        "Nehalem",
        {APP: USES_X, f"{A}/{X}": library(X, flags=V4)},
        OLD_CPU,
    ),
    on_cpu(
        "two-libraries-beyond-the-cpu",
        "Nehalem",
        {
            APP: program(X, "liby.so.1", flags=runpath(A)),
            f"{A}/{X}": library(X, flags=V4),
            f"{A}/liby.so.1": library("liby.so.1", flags=V3),
        },
        (*OLD_CPU, "cpu-level-too-low x86-64-v3"),
    ),
    on_cpu(
        "program-and-library-beyond-the-cpu",
        "Nehalem",
        {APP: program(X, flags=(*runpath(A), *V3)), f"{A}/{X}": library(X, flags=V4)},
        (*OLD_CPU, "cpu-level-too-low x86-64-v3"),
    ),
    on_cpu("old-loader-does-not-look", "Nehalem", {APP: program(flags=V4)}, (), ("bullseye",)),
    on_cpu(
        "missing-version-beats-the-cpu",
        "Nehalem",
        {
            APP: program(X, flags=(*runpath(A), *V4)),
            f"{A}/{X}": elf(
                soname=X, needed=("libc.so.6",), version_needs={"libc.so.6": ("GLIBC_2.99",)}
            ),
        },
        ("version-missing libc.so.6:GLIBC_2.99",),
    ),
    on_cpu(
        "static-program-beyond-the-cpu",
        "Nehalem",
        {APP: Gcc("int main(void){return 0;}", ("-static", *V4), compiler="cc")},
        OLD_CPU,
    ),
    on_cpu("this-cpu-is-enough", None, {APP: program(flags=V3)}, (), ("bookworm", "trixie", "sid")),
)


@pytest.mark.parametrize(("scenario", "root"), [*PRELOADS, *NAMES, *STACKS, *CPUS], ids=case_name)
def test_start(scenario, root, agree):
    """The start's surroundings count as they do for ld.so."""
    agree(scenario, root)
