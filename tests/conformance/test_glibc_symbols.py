"""Which references are bound at start, and by what.  Source: glibc elf/dl-lookup.c."""

from __future__ import annotations

import pytest

from preflight.model.start import Start
from tests.builders.elf import Symbol
from tests.conformance.builds import elf, library, program, runpath
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A = "/opt/app/a"
X, Y = "libx.so.1", "liby.so.1"
LD = "/lib64/ld-linux-x86-64.so.2"
FULL = library(X, source="int f(void){return 1;} int d = 2; __thread int t = 3;")
GUARDED = library(
    X,
    source="#pragma GCC visibility push(protected)\nint f(void){return 1;} int d = 2;",
    flags=("-mno-direct-extern-access",),
)
EMPTY = library(X, source="int other;")
LAZY, NOW = "-Wl,-z,lazy", "-Wl,-z,now"
CALLS = "int f(void); int call(void){return f();}"
WEAK = "__attribute__((weak)) int f(void); int call(void){return f ? f() : 0;} int (*p)(void) = f;"
STUB = ((X, FULL),)


def app(source: str, *flags: str):
    """Return a program linked with the full libx.so.1."""
    return program(source=source, flags=(*runpath(A), *flags), links=STUB)


def one(name: str, source: str, flags: tuple[str, ...], finds: tuple[str, ...], **more: object):
    """Return a scenario in which libx.so.1 defines nothing that is wanted."""
    files = {APP: app(source, *flags), f"{A}/{X}": EMPTY}
    return Scenario(name=name, files=files, finds=finds, **more)


LAZINESS = cases(
    one("call-lazy", CALLS, (LAZY,), ("symbol-missing-lazy f",)),
    one("call-now", CALLS, (NOW,), ("symbol-missing f",)),
    one(
        "call-lazy-with-bind-now-in-the-environment",
        CALLS,
        (LAZY,),
        ("symbol-missing f",),
        start=Start(install_path=APP, cwd="/", env=(("LD_BIND_NOW", "1"),)),
    ),
    one(
        "empty-bind-now-is-none",
        CALLS,
        (LAZY,),
        ("symbol-missing-lazy f",),
        start=Start(install_path=APP, cwd="/", env=(("LD_BIND_NOW", ""),)),
    ),
    one("call-without-plt", CALLS, (LAZY, "-fno-plt"), ("symbol-missing f",)),
    one("function-pointer", "int f(void); int (*p)(void) = f;", (LAZY,), ("symbol-missing f",)),
    one("variable", "extern int d; int *p = &d;", (LAZY,), ("symbol-missing d",)),
    one(
        "copy-relocation",
        "extern int d; int get(void){return d;}",
        (LAZY, "-no-pie", "-fno-pic", "-fno-pie"),
        ("symbol-missing d",),
    ),
    one(
        "thread-local",
        "extern __thread int t; int get(void){return t;}",
        (LAZY,),
        ("symbol-missing t",),
    ),
    Scenario(
        name="thread-local-descriptor",
        files={
            APP: app("", "-Wl,--no-as-needed"),
            f"{A}/{X}": library(
                X,
                source="extern __thread int t; int get(void){return t;}",
                flags=("-mtls-dialect=gnu2", LAZY),
            ),
        },
        finds={
            "bullseye": ("symbol-missing-lazy t",),
            **dict.fromkeys(("bookworm", "trixie", "sid"), ("symbol-missing t",)),
        },
    ),
    *(
        Scenario(
            name=f"protected-{name}",
            files={APP: app(source, NOW, "-no-pie", "-fno-pic", "-fno-pie"), f"{A}/{X}": GUARDED},
            finds=(f"undecided {symbol}",) if symbol else (),
            roots=("sid",),
            undone=symbol is not None,
        )
        for name, source, symbol in (
            ("data-is-copied", "extern int d; int get(void){return d;}", "d"),
            ("function-has-an-address", "int f(void); void *get(void){return f;}", "f"),
            ("function-is-called", CALLS, None),
        )
    ),
    Scenario(
        name="protected-data-is-copied-by-an-old-loader",
        files={
            APP: app("extern int d; int get(void){return d;}", "-no-pie", "-fno-pic", "-fno-pie"),
            f"{A}/{X}": GUARDED,
        },
        roots=("bullseye",),
    ),
    one("weak-function", WEAK, (NOW,), ()),
    Scenario(
        name="missing-in-a-library-is-named-first",
        files={
            APP: program(
                source="int g(void); int (*p)(void)=g;",
                flags=runpath(A),
                links=((Y, library(Y, source="int g(void){return 1;}")),),
            ),
            f"{A}/{Y}": library(Y, source="int f(void); int (*p)(void)=f;"),
        },
        finds=("symbol-missing f", "symbol-missing g"),
    ),
)

BINDING = cases(
    Scenario(
        name="thread-local-here-and-not-there",
        files={
            APP: app("extern __thread int t; int get(void){return t;}"),
            f"{A}/{X}": library(X, source="int t = 1;"),
        },
        finds=("undecided t",),
        roots=("bullseye", "sid"),
        undone=True,
    ),
    Scenario(
        name="the-program-defines-what-a-library-wants",
        files={
            APP: program(Y, source="int f(void){return 4;}", flags=(*runpath(A), "-rdynamic")),
            f"{A}/{Y}": library(Y, source="int f(void); int (*p)(void) = f;"),
        },
    ),
    Scenario(
        name="a-preload-defines-it",
        files={APP: app(CALLS, NOW), f"{A}/{X}": EMPTY, "/opt/pre.so": FULL},
        start=Start(install_path=APP, cwd="/", env=(("LD_PRELOAD", "/opt/pre.so"),)),
    ),
    Scenario(
        name="hidden-definition-does-not-count",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, other=2),)),
        },
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="protected-definition-counts",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, other=3),)),
        },
    ),
    Scenario(
        name="local-definition-does-not-count",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, bind=0),)),
        },
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="weak-definition-counts",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, bind=2),)),
        },
    ),
    Scenario(
        name="unique-definition-counts",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, osabi=3, symbols=(Symbol("f", defined=True, bind=10),)),
        },
    ),
    Scenario(
        name="definition-with-value-zero-does-not-count",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, value=0),)),
        },
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="absolute-definition-with-value-zero-counts",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", section=0xFFF1, value=0),)),
        },
        roots=("bookworm", "trixie", "sid"),
    ),
    Scenario(
        name="section-symbol-does-not-count",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": elf(soname=X, symbols=(Symbol("f", defined=True, type=3),)),
        },
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="ifunc-definition-counts",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": library(
                X,
                source="static int g(void){return 1;} static void *r(void){return g;}"
                'int f(void) __attribute__((ifunc("r")));',
            ),
        },
    ),
    Scenario(
        name="old-version-of-an-unversioned-reference",
        files={
            APP: program(
                source=CALLS,
                flags=(*runpath(A), NOW),
                links=((X, library(X, source="int f(void){return 1;}")),),
            ),
            f"{A}/{X}": library(
                X,
                source='int f1(void){return 1;} __asm__(".symver f1,f@V1");',
                script="V1 {};",
            ),
        },
    ),
    Scenario(
        name="unversioned-reference-and-two-hidden-versions",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": library(
                X,
                source='int f1(void){return 1;} __asm__(".symver f1,f@V1");'
                'int f2(void){return 1;} __asm__(".symver f2,f@V2");',
                script="V1 {}; V2 {} V1;",
            ),
        },
    ),
    Scenario(
        name="unversioned-reference-and-the-third-version-hidden",
        files={
            APP: app(CALLS, NOW),
            f"{A}/{X}": library(
                X,
                source='int f3(void){return 1;} __asm__(".symver f3,f@V3"); int g1, g2;',
                script="V1 {global: g1;}; V2 {global: g2;} V1; V3 {} V2;",
            ),
        },
        finds=("symbol-missing f",),
    ),
    Scenario(
        name="versioned-reference-and-an-unversioned-definition-elsewhere",
        files={
            APP: program(
                Y,
                source=CALLS,
                flags=(*runpath(A), NOW),
                links=((X, library(X, source="int f(void){return 1;}", script="V1 {};")),),
            ),
            f"{A}/{Y}": library(Y, source="int f(void){return 2;}"),
            f"{A}/{X}": library(X, source="int o(void){return 1;}", script="V1 {};"),
        },
    ),
    Scenario(
        name="symbolic-library-finds-its-own",
        files={
            APP: program(Y, flags=runpath(A)),
            f"{A}/{Y}": library(
                Y, source="int f(void){return 1;} int (*p)(void) = f;", flags=("-Wl,-Bsymbolic",)
            ),
        },
    ),
    Scenario(
        name="unknown-relocation-type",
        files={
            APP: program(Y, flags=runpath(A)),
            f"{A}/{Y}": elf(soname=Y, symbols=(Symbol("f", defined=True, use=99),)),
        },
        finds=("relocation-unsupported relocation type 99",),
    ),
    Scenario(
        name="copy-relocation-of-another-size",
        files={
            APP: program(
                source="extern int d; int get(void){return d;}",
                flags=(*runpath(A), "-no-pie", "-fno-pic", "-fno-pie"),
                links=((X, library(X, source="int d = 1;")),),
            ),
            f"{A}/{X}": library(X, source="int d[4] = {1};"),
        },
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*LAZINESS, *BINDING], ids=case_name)
def test_symbols(scenario, root, agree):
    """What ld.so binds at start is bound, to what ld.so binds it."""
    agree(scenario, root)
