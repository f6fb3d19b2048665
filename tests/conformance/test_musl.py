"""What musl's loader does.  Source: musl ldso/dynlink.c."""

from __future__ import annotations

import pytest

from preflight.model.start import Start
from tests.builders.elf import Symbol
from tests.conformance.builds import (
    Build,
    Dir,
    Link,
    Patch,
    Raw,
    elf,
    header,
    library,
    patched,
    program,
    rpath,
    runpath,
)
from tests.conformance.prepare import no_proc, noexec, without
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A, B = "/opt/app/a", "/opt/app/b"
X, Y = "libx.so.1", "liby.so.1"
LD = "/lib/ld-musl-x86_64.so.1"
MUSL = ("musl",)
LIBX = library(X)
MISSING = (f"library-missing {X}",)
UNDECIDED = (f"undecided {X}",)
UNUSABLE = (f"library-unusable {X}",)
PATH_FILE = "/etc/ld-musl-x86_64.path"
LONG = "/opt" + 3 * ("/" + 170 * "d")
BAD = Raw(b"no ELF file, but longer than the header of one is\n" * 2)


def app(*needed: str, source: str = "", flags: tuple[str, ...] = (), links=()) -> Build:
    """Return a program for musl."""
    return program(*needed, source=source, flags=flags, links=links, interpreter=LD)


def one(name: str, files: dict[str, Build], finds: tuple[str, ...] = (), **more) -> Scenario:
    """Return a scenario on the musl root."""
    return Scenario(name=name, files=files, finds=finds, roots=MUSL, **more)


def env(**variables: str) -> Start:
    """Return a start with this environment."""
    return Start(install_path=APP, cwd="/", env=tuple(variables.items()))


SEARCH = cases(
    one("nothing-needed", {APP: app()}),
    one("libc-by-any-of-its-names", {APP: app("libc.so.6", "libpthread.so.0", "libm.so.6")}),
    one(
        "loader-of-glibc-by-soname",
        {APP: app("ld-linux-x86-64.so.2")},
        ("library-missing ld-linux-x86-64.so.2",),
    ),
    one("loader-by-path", {APP: elf(interpreter=LD, needed=(LD,))}),
    one("library-absent", {APP: app(X)}, MISSING),
    one(
        "program-is-named-by-its-path-and-not-by-argv0",
        {APP: app(X)},
        MISSING,
        start=Start(install_path=APP, cwd="/", argv0="something else"),
    ),
    one("empty-name-in-needed", {APP: elf(interpreter=LD, needed=("",))}, ("library-missing ",)),
    one(
        "name-too-long",
        {APP: elf(interpreter=LD, needed=("l" * 300,), runpath=A), f"{A}/{X}": LIBX},
        ("library-missing " + "l" * 300,),
    ),
    one(
        "path-of-a-directory-in-needed",
        {APP: elf(interpreter=LD, needed=("/opt/app",))},
        ("library-unusable /opt/app",),
    ),
    one(
        "a-failing-library-leaves-its-errno-to-the-next",
        {
            APP: app(Y, X, flags=runpath(A)),
            f"{A}/{Y}": BAD,
            PATH_FILE: Raw(b""),
        },
        (f"library-unusable {Y}", *MISSING),
    ),
    one(
        "a-path-that-does-not-fit-the-buffer",
        {APP: app(X), f"{LONG}/{X}": LIBX},
        MISSING,
        start=env(LD_LIBRARY_PATH=LONG),
    ),
    one("all-absent-are-listed", {APP: app(X, Y)}, (*MISSING, f"library-missing {Y}")),
    one(
        "library-path-before-rpath",
        {APP: app(X, flags=rpath(A)), f"{A}/{X}": LIBX, f"{B}/{X}": BAD},
        UNUSABLE,
        start=env(LD_LIBRARY_PATH=B),
    ),
    one(
        "runpath-is-inherited",
        {APP: app(Y, flags=runpath(A)), f"{A}/{Y}": library(Y, X), f"{A}/{X}": LIBX},
    ),
    one(
        "runpath-overrides-rpath",
        {APP: elf(interpreter=LD, needed=(X,), rpath=A, runpath=B), f"{A}/{X}": LIBX},
        MISSING,
    ),
    one(
        "default-path",
        {APP: app(X), f"/usr/local/lib/{X}": LIBX},
        prepare=without(PATH_FILE),
    ),
    one(
        "default-path-without-the-library",
        {APP: app(X)},
        MISSING,
        prepare=without(PATH_FILE),
    ),
    one(
        "path-file",
        {APP: app(X), f"{A}/{X}": LIBX, "/etc/ld-musl-x86_64.path": Raw(f"/none\n\n{A}:".encode())},
    ),
    one(
        "path-file-replaces-the-default",
        {APP: app(X), f"/usr/lib/{X}": LIBX, "/etc/ld-musl-x86_64.path": Raw(b"/none\n")},
        MISSING,
    ),
    one(
        "path-file-is-empty",
        {APP: app(X), f"/usr/lib/{X}": LIBX, "/etc/ld-musl-x86_64.path": Raw(b"")},
        MISSING,
    ),
    one(
        "path-file-is-a-directory",
        {APP: app(X), f"/usr/lib/{X}": LIBX, "/etc/ld-musl-x86_64.path": Dir()},
        MISSING,
    ),
    one(
        "path-file-is-a-loop",
        {
            APP: app(X),
            f"/usr/lib/{X}": LIBX,
            "/etc/ld-musl-x86_64.path": Link("ld-musl-x86_64.path"),
        },
        MISSING,
    ),
    one("origin", {APP: app(X, flags=runpath("$ORIGIN/../a")), f"{A}/{X}": LIBX}),
    one("origin-in-braces", {APP: app(X, flags=runpath("${ORIGIN}/../a")), f"{A}/{X}": LIBX}),
    one(
        "another-token-voids-the-whole-rpath",
        {APP: app(X, flags=runpath(f"{A}:/opt/$LIB")), f"{A}/{X}": LIBX},
        MISSING,
    ),
    one(
        "token-in-needed-is-not-expanded",
        {APP: app("$ORIGIN/../a/libx.so"), f"{A}/libx.so": LIBX},
        ("library-missing $ORIGIN/../a/libx.so",),
    ),
    one(
        "origin-of-a-linked-program",
        {
            APP: Link("/srv/real/app"),
            "/srv/real/app": app(X, flags=runpath("$ORIGIN")),
            f"/srv/real/{X}": LIBX,
        },
    ),
    one(
        "origin-of-a-linked-library-is-the-link's",
        {
            APP: app(Y, flags=runpath(A)),
            f"{A}/{Y}": Link(f"../b/{Y}"),
            f"{B}/{Y}": library(Y, X, flags=runpath("$ORIGIN")),
            f"{B}/{X}": LIBX,
        },
        MISSING,
    ),
    one(
        "relative-path-in-needed",
        {APP: app("sub/libx.so"), "/sub/libx.so": library("libx.so")},
        start=env(),
    ),
    one(
        "soname-is-never-used",
        {APP: app("libalias.so", X, flags=runpath(A)), f"{A}/libalias.so": LIBX},
        MISSING,
    ),
    one(
        "the-same-file-by-two-names",
        {APP: app(X, "libo.so", flags=runpath(A)), f"{A}/{X}": LIBX, f"{A}/libo.so": Link(X)},
    ),
    one(
        "nodeflib-means-nothing",
        {APP: app(X, flags=("-Wl,-z,nodefaultlib",)), f"/lib/x86_64-linux-musl/{X}": LIBX},
    ),
    one(
        "auxiliary-and-filter-mean-nothing",
        {
            APP: app(X, flags=runpath(A)),
            f"{A}/{X}": library(X, flags=("-Wl,-f,libaux.so.1", "-Wl,-F,libf.so.1")),
        },
    ),
    one(
        "preload-absent",
        {APP: app()},
        ("library-missing libnone.so",),
        start=env(LD_PRELOAD="libnone.so"),
    ),
    one(
        "preload-with-a-need-of-its-own",
        {APP: app(), "/opt/pre.so": library("pre.so", X)},
        MISSING,
        start=env(LD_PRELOAD="/opt/pre.so"),
    ),
    one(
        "origin-without-proc",
        {APP: app(X, flags=runpath("$ORIGIN/../a")), f"{A}/{X}": LIBX},
        MISSING,
        prepare=no_proc,
    ),
)


def first(name: str, build: Build, finds: tuple[str, ...] = UNUSABLE, **more) -> Scenario:
    """Return a scenario in which *build* is found before a good libx.so.1."""
    files = {APP: app(X, flags=runpath(f"{A}:{B}")), f"{A}/{X}": build, f"{B}/{X}": LIBX}
    return one(name, files, finds, **more)


SMALL_PAGES = ("-Wl,-z,max-page-size=0x800",)
TEXT = Raw(b"INPUT(-lx) and so on, longer than an ELF header would be\n" * 60)
FILES = cases(
    first("text-file", TEXT),
    first("linker-script-shorter-than-a-header", Raw(b"INPUT(-lx)\n")),
    first("empty-file", Raw(b"")),
    first("directory", Dir()),
    first("loop", Link(X)),
    first("dangling-link", Link("nowhere"), ()),
    first("magic-is-not-looked-at", patched(X, (0, b"XELF")), UNDECIDED, undone=True),
    first("class-is-not-looked-at", patched(X, (4, b"\1")), ()),
    first("byte-order-is-not-looked-at", patched(X, (5, b"\2")), ()),
    first("machine-is-not-looked-at", patched(X, (18, b"\xb7")), UNDECIDED, undone=True),
    first("osabi-is-not-looked-at", patched(X, (7, b"\x09")), ()),
    first("of-32-bits", elf(machine=3, bits=32, soname=X)),
    first("object-file", patched(X, (16, b"\1"))),
    first("executable-of-fixed-address", elf(type=2, soname=X), ()),
    first("position-independent-executable", program(interpreter=LD), ()),
    first("phentsize-larger", patched(X, (54, b"\x60")), UNDECIDED, undone=True),
    first("no-program-headers", patched(X, (56, b"\0\0"))),
    first("many-program-headers", patched(X, (56, b"\xff\0"))),
    first("headers-beyond-the-end", patched(X, (32, b"\0\0\1"))),
    first("no-loadable-segment", patched(X, (header(2, 0), b"\0"))),
    first("no-dynamic-section", elf(dynamic=False)),
    first("askew-in-pages", library(X, flags=SMALL_PAGES), UNDECIDED, undone=True),
    first(
        "debug-only-file",
        library(
            X,
            source="int f(void){return 1;}",
            flags=("-g",),
            after='objcopy --only-keep-debug "$1"',
        ),
    ),
    first(
        "truncated-to-half",
        Patch(library(X, source="const char big[40000]={1}; int data[20000]={1};"), cut=30000),
    ),
    first("section-table-cut-off", library(X, after='truncate -s -64 "$1"'), ()),
    one(
        "library-on-a-noexec-mount",
        {APP: app(X, flags=runpath(A)), f"{A}/{X}": library(X, source="int f(void){return 1;}")},
        (f"mount-noexec {A}/{X}",),
        prepare=noexec(A),
    ),
    one(
        "another-libc-is-replaced",
        {
            APP: app(X, flags=runpath(A)),
            f"{A}/{X}": library(X, "libgone.so", source="int __libc_start_main, stdin;"),
        },
    ),
)

CALLS = "int f(void); int call(void){return f();}"
WEAK = "__attribute__((weak)) int f(void); int (*p)(void) = f;"
FULL = library(X, source="int f(void){return 1;} int d = 2; __thread int t = 3;")
GONE = ("symbol-missing f",)


def binding(
    name: str, provider: Build, finds: tuple[str, ...], source: str = CALLS, *flags: str
) -> Scenario:
    """Return a scenario in which the program wants f of *provider*."""
    files = {
        APP: app(source=source, flags=(*runpath(A), *flags), links=((X, FULL),)),
        f"{A}/{X}": provider,
    }
    return one(name, files, finds)


EMPTY = library(X, source="int other;")
SYMBOLS = cases(
    binding("call", EMPTY, GONE, CALLS, "-Wl,-z,lazy"),
    binding("weak-reference", EMPTY, (), WEAK),
    binding("variable", EMPTY, ("symbol-missing d",), "extern int d; int *p = &d;"),
    binding(
        "copy-relocation",
        EMPTY,
        ("symbol-missing d",),
        "extern int d; int g(void){return d;}",
        "-no-pie",
        "-fno-pic",
        "-fno-pie",
    ),
    binding(
        "thread-local",
        EMPTY,
        ("symbol-missing t",),
        "extern __thread int t; int g(void){return t;}",
    ),
    binding(
        "all-are-listed",
        EMPTY,
        ("symbol-missing f", "symbol-missing d"),
        "int f(void); int call(void){return f();} extern int d; int *p = &d;",
    ),
    binding(
        "ifunc-is-invisible",
        library(
            X,
            source="static int g(void){return 1;} static void *r(void){return g;}"
            'int f(void) __attribute__((ifunc("r")));',
        ),
        GONE,
    ),
    binding(
        "irelative",
        library(
            X,
            source="static int g(void){return 1;} static void *r(void){return g;}"
            'int f(void){return 1;} static int h(void) __attribute__((ifunc("r")));'
            "int k(void){return h();}",
        ),
        ("relocation-unsupported relocation type 37",),
    ),
    binding(
        "unknown-relocation",
        elf(soname=X, symbols=(Symbol("f", defined=True), Symbol("o", defined=True, use=99))),
        ("relocation-unsupported relocation type 99",),
    ),
    binding(
        "hidden-visibility-counts", elf(soname=X, symbols=(Symbol("f", defined=True, other=2),)), ()
    ),
    binding(
        "internal-visibility-counts",
        elf(soname=X, symbols=(Symbol("f", defined=True, other=1),)),
        (),
    ),
    binding(
        "local-does-not-count", elf(soname=X, symbols=(Symbol("f", defined=True, bind=0),)), GONE
    ),
    binding("weak-definition", elf(soname=X, symbols=(Symbol("f", defined=True, bind=2),)), ()),
    binding("unique-definition", elf(soname=X, symbols=(Symbol("f", defined=True, bind=10),)), ()),
    binding("value-zero", elf(soname=X, symbols=(Symbol("f", defined=True, value=0),)), GONE),
    binding(
        "absolute-value-zero", elf(soname=X, symbols=(Symbol("f", section=0xFFF1, value=0),)), GONE
    ),
    binding("absolute-value", elf(soname=X, symbols=(Symbol("f", section=0xFFF1, value=64),)), ()),
    binding("section-symbol", elf(soname=X, symbols=(Symbol("f", defined=True, type=3),)), GONE),
    binding(
        "hidden-version",
        library(X, source='int f1(void){return 1;} __asm__(".symver f1,f@V1");', script="V1 {};"),
        GONE,
    ),
    binding(
        "default-version",
        library(X, source="int f(void){return 1;}", script="V1 {global: *;};"),
        (),
    ),
    one(
        "versions-are-ignored",
        {
            APP: app(
                source=CALLS,
                flags=runpath(A),
                links=(
                    (X, library(X, source="int f(void){return 1;}", script="V9 {global: *;};")),
                ),
            ),
            f"{A}/{X}": library(X, source="int f(void){return 1;}", script="V1 {global: *;};"),
        },
    ),
    one(
        "glibc-program-with-musl's-loader",
        {
            APP: app(
                "libc.so.6",
                source="int puts(const char*); int call(void){return puts(0);}",
                links=(
                    (
                        "libc.so.6",
                        library(
                            "libc.so.6",
                            source="int puts(const char*s){return 0;}",
                            script="GLIBC_2.2.5 {global: *;};",
                        ),
                    ),
                ),
            )
        },
    ),
    one(
        "function-of-glibc-alone",
        {
            APP: app(
                "libc.so.6",
                source="int gnu_get_libc_release(void);"
                "int call(void){return gnu_get_libc_release();}",
                links=(
                    (
                        "libc.so.6",
                        library("libc.so.6", source="int gnu_get_libc_release(void){return 0;}"),
                    ),
                ),
            )
        },
        ("symbol-missing gnu_get_libc_release",),
    ),
    one(
        "errors-of-libraries-come-first",
        {
            APP: app(
                source="int g(void); int (*p)(void)=g;",
                flags=runpath(A),
                links=((Y, library(Y, source="int g(void){return 1;}")),),
            ),
            f"{A}/{Y}": library(Y, source="int f(void); int (*p)(void)=f;"),
        },
        ("symbol-missing f", "symbol-missing g"),
    ),
    one(
        "relr-is-not-known",
        {APP: elf(interpreter=LD, tags=((36, 0x40), (35, 8), (37, 8)))},
        (f"undecided {APP}",),
        undone=True,
    ),
    one("isa-note-is-not-looked-at", {APP: app(flags=("-march=x86-64-v4", "-Wl,-z,x86-64-v4"))}),
)


@pytest.mark.parametrize(("scenario", "root"), [*SEARCH, *FILES, *SYMBOLS], ids=case_name)
def test_musl(scenario, root, agree):
    """A start under musl ends as foretold."""
    agree(scenario, root)
