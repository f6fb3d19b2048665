"""Where ld.so looks, in which order, and what a name matches.  Source: glibc elf/dl-load.c."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.model.start import Start
from tests.conformance.builds import Link, Raw, elf, library, program, rpath, runpath
from tests.conformance.prepare import (
    cached_in_part,
    cached_then,
    ldconfig,
    ldconfig_with,
    no_proc,
    without,
)
from tests.conformance.scenario import AMD_V3, APP, INTEL_V3, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

OLD = ("bullseye", "bookworm")
LD = "/lib64/ld-linux-x86-64.so.2"
A, B, C = "/opt/app/a", "/opt/app/b", "/opt/app/c"
X = "libx.so.1"
LIBX, LIBY = library(X), library("liby.so.1")
BAD = Raw(b"no ELF file, but longer than the header of one is\n" * 2)  # fatal where it is opened
SYSTEM = "/usr/lib/x86_64-linux-gnu"
MODERN = ("bookworm", "trixie", "sid")
MISSING = (f"library-missing {X}",)
UNUSABLE = (f"library-unusable {X}",)
# No qemu has AVX-512; loaders look for these features on Intel's CPUs alone.
CPUINFO = Path("/proc/cpuinfo").read_text()
HAS_HASWELL = "GenuineIntel" in CPUINFO and "avx2" in CPUINFO
HAS_INTELS_AVX512 = HAS_HASWELL and "avx512vl" in CPUINFO


def with_env(**env: str) -> Start:
    """Return a start with this environment."""
    return Start(install_path=APP, cwd="/", env=tuple(env.items()))


ORDER = cases(
    Scenario(name="nothing-needed", files={APP: program()}),
    Scenario(name="library-absent", files={APP: program(X)}, finds=MISSING),
    Scenario(
        name="two-libraries-absent-the-first-is-named",
        files={APP: program(X, "liby.so.1")},
        finds=(*MISSING, "library-missing liby.so.1"),
    ),
    Scenario(
        name="breadth-before-depth",
        files={
            APP: program(X, "liby.so.1", flags=rpath(A)),
            f"{A}/{X}": library(X, "libdeep.so.1"),
        },
        finds=("library-missing liby.so.1", "library-missing libdeep.so.1"),
    ),
    Scenario(
        name="rpath-before-library-path",
        files={APP: program(X, flags=rpath(A)), f"{A}/{X}": LIBX, f"{B}/{X}": BAD},
        start=with_env(LD_LIBRARY_PATH=B),
    ),
    Scenario(
        name="library-path-before-runpath",
        files={APP: program(X, flags=runpath(A)), f"{A}/{X}": LIBX, f"{B}/{X}": BAD},
        start=with_env(LD_LIBRARY_PATH=B),
        finds=UNUSABLE,
    ),
    Scenario(
        name="runpath-before-system-directories",
        files={APP: program(X, flags=runpath(A)), f"{A}/{X}": LIBX, f"{SYSTEM}/{X}": BAD},
    ),
    Scenario(
        name="runpath-is-not-inherited",
        files={
            APP: program("liby.so.1", flags=runpath(A)),
            f"{A}/liby.so.1": library("liby.so.1", X),
            f"{A}/{X}": LIBX,
        },
        finds=MISSING,
    ),
    Scenario(
        name="rpath-is-inherited",
        files={
            APP: program("liby.so.1", flags=rpath(A)),
            f"{A}/liby.so.1": library("liby.so.1", X),
            f"{A}/{X}": LIBX,
        },
    ),
    Scenario(
        name="runpath-of-a-library-switches-inherited-rpath-off",
        files={
            APP: program("liby.so.1", flags=rpath(A)),
            f"{A}/liby.so.1": library("liby.so.1", X, flags=runpath(B)),
            f"{A}/{X}": LIBX,
        },
        finds=MISSING,
    ),
    Scenario(
        name="runpath-switches-own-rpath-off",
        files={
            APP: elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=(X,), rpath=A, runpath=B),
            f"{A}/{X}": LIBX,
        },
        finds=MISSING,
    ),
    Scenario(
        name="rpath-of-an-intermediate-library",
        files={
            APP: program("liby.so.1", flags=runpath(A)),
            f"{A}/liby.so.1": library("liby.so.1", "libz.so.9", flags=rpath(B)),
            f"{B}/libz.so.9": library("libz.so.9", X),
            f"{B}/{X}": LIBX,
        },
    ),
    Scenario(
        name="system-directory-without-the-cache",
        files={APP: program(X), f"{SYSTEM}/{X}": LIBX},
    ),
    Scenario(
        name="system-directories-in-order",
        files={APP: program(X), f"/usr/lib/{X}": LIBX, f"{SYSTEM}/{X}": BAD},
        finds=UNUSABLE,
    ),
    Scenario(
        name="configured-directory-without-ldconfig",
        files={
            APP: program(X),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        finds=MISSING,
    ),
    Scenario(
        name="configured-directory-after-ldconfig",
        files={
            APP: program(X),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        prepare=ldconfig,
    ),
    Scenario(
        name="cached-file-is-gone-and-a-system-directory-has-it",
        files={
            APP: program(X),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
            f"/usr/lib/{X}": LIBX,
        },
        prepare=cached_then(f"{C}/{X}"),
    ),
    Scenario(
        name="cached-file-is-gone",
        files={
            APP: program(X),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        prepare=cached_then(f"{C}/{X}"),
        finds=MISSING,
    ),
    Scenario(
        name="no-cache-at-all",
        files={APP: program(X), f"/usr/lib/{X}": LIBX},
        prepare=without("/etc/ld.so.cache"),
    ),
    Scenario(
        name="cache-is-cut-off",
        files={APP: program(X), f"/usr/local/lib/{X}": LIBX},
        prepare=cached_in_part,
        finds=(f"undecided {X}",),
        undone=True,
    ),
    Scenario(
        name="cache-of-the-old-format",
        files={
            APP: program(X),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        prepare=ldconfig_with("-c", "old"),
        roots=MODERN,
    ),
    Scenario(
        name="cache-is-garbage",
        files={APP: program(X), f"/usr/lib/{X}": LIBX, "/etc/ld.so.cache": Raw(b"garbage" * 20)},
    ),
    Scenario(
        name="nodeflib-finds-no-libc",
        files={APP: program("libc.so.6", flags=("-Wl,-z,nodefaultlib",))},
        finds=("library-missing libc.so.6",),
    ),
    Scenario(
        name="nodeflib-still-takes-a-cached-file-elsewhere",
        files={
            APP: program(X, flags=("-Wl,-z,nodefaultlib",)),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        prepare=ldconfig,
    ),
    Scenario(
        name="library-path-with-semicolon-and-empty-element",
        files={APP: program(X), f"/srv/{X}": LIBX},
        start=Start(install_path=APP, cwd="/srv", env=(("LD_LIBRARY_PATH", "/nowhere;"),)),
    ),
    Scenario(
        name="empty-library-path-is-none",
        files={APP: program(X), f"/srv/{X}": LIBX},
        start=Start(install_path=APP, cwd="/srv", env=(("LD_LIBRARY_PATH", ""),)),
        finds=MISSING,
    ),
    Scenario(
        name="a-directory-that-is-a-loop-is-passed-over",
        files={
            APP: program(X, flags=runpath(f"/opt/loop:{A}")),
            "/opt/loop": Link("loop"),
            f"{A}/{X}": LIBX,
        },
        roots=("bullseye", "sid"),
    ),
    Scenario(
        name="a-link-to-below-a-file-ended-the-list-of-old",
        files={
            APP: program(X, flags=runpath(f"{A}:{B}")),
            f"{A}/{X}": Link("/etc/passwd/x"),
            f"{B}/{X}": LIBX,
        },
        finds={**dict.fromkeys(OLD, MISSING), **dict.fromkeys(("trixie", "sid"), ())},
    ),
    Scenario(
        name="empty-rpath-element-is-the-working-directory",
        files={APP: program(X, flags=runpath(":/nowhere")), f"/srv/{X}": LIBX},
        start=Start(install_path=APP, cwd="/srv"),
    ),
)

NAMES = cases(
    Scenario(
        name="path-of-a-directory-in-needed",
        files={APP: elf(interpreter=LD, needed=("/opt/app",))},
        finds=("library-unusable /opt/app",),
    ),
    Scenario(
        name="name-too-long-for-a-file",
        files={APP: elf(interpreter=LD, needed=("l" * 300,), runpath=A), f"{A}/{X}": LIBX},
        finds=("library-missing " + "l" * 300,),
    ),
    Scenario(
        name="empty-name-in-needed",
        files={APP: elf(interpreter=LD, needed=("",))},
    ),
    Scenario(
        name="path-in-needed-with-the-right-cwd",
        files={APP: program("sub/libx.so"), "/srv/sub/libx.so": library("libx.so")},
        start=Start(install_path=APP, cwd="/srv"),
    ),
    Scenario(
        name="path-in-needed-with-another-cwd",
        files={APP: program("sub/libx.so"), "/srv/sub/libx.so": library("libx.so")},
        finds=("library-missing sub/libx.so",),
    ),
    Scenario(
        name="soname-of-an-alias-loaded-before",
        files={
            APP: program("libalias.so", X, flags=runpath(A)),
            f"{A}/libalias.so": LIBX,
        },
    ),
    Scenario(
        name="soname-of-an-alias-loaded-after",
        files={
            APP: program(X, "libalias.so", flags=runpath(A)),
            f"{A}/libalias.so": LIBX,
        },
        finds=MISSING,
    ),
    Scenario(
        name="the-same-file-by-two-names-is-one",
        files={
            APP: program(X, "libother.so", flags=runpath(A)),
            f"{A}/{X}": LIBX,
            f"{A}/libother.so": Link(X),
        },
    ),
    Scenario(
        name="needs-the-loader-by-soname",
        files={APP: program("libc.so.6", "ld-linux-x86-64.so.2")},
    ),
    Scenario(
        name="the-loader-by-another-name-is-loaded-twice",
        files={
            APP: program("libc.so.6", "libld.so", flags=runpath(A)),
            f"{A}/libld.so": Link(LD),
        },
        finds=(f"undecided {A}/libld.so",),
        roots=("sid",),
        undone=True,
    ),
    Scenario(
        name="a-name-with-a-line-feed",
        files={APP: elf(interpreter=LD, needed=("lib\nx.so",))},
        finds=("library-missing lib\nx.so",),
        roots=("sid",),
    ),
    Scenario(
        name="needs-its-own-soname",
        files={APP: program(X, flags=("-Wl,-soname,libx.so.1",))},
    ),
    Scenario(
        name="vdso-before-libc",
        files={APP: program("linux-vdso.so.1", "libc.so.6")},
    ),
    Scenario(
        name="vdso-after-libc",
        files={APP: program("libc.so.6", "linux-vdso.so.1")},
        finds=("library-unusable linux-vdso.so.1",),
    ),
    Scenario(
        name="auxiliary-absent",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/{X}": library(X, flags=("-Wl,-f,libaux.so.1",)),
        },
    ),
    Scenario(
        name="what-is-filtered-has-its-turn-next",
        files={
            APP: program(X, "liby.so.1", flags=runpath(A)),
            f"{A}/{X}": library(X, flags=("-Wl,-F,libfilter.so.1", *runpath(A))),
            f"{A}/libfilter.so.1": library("libfilter.so.1", "libone.so"),
            f"{A}/liby.so.1": library("liby.so.1", "libtwo.so"),
        },
        finds=("library-missing libone.so", "library-missing libtwo.so"),
        roots=("bullseye", "sid"),
    ),
    Scenario(
        name="filter-absent",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/{X}": library(X, flags=("-Wl,-F,libfilter.so.1",)),
        },
        finds=("library-missing libfilter.so.1",),
    ),
)

ORIGIN = cases(
    Scenario(
        name="origin-of-the-program",
        files={APP: program(X, flags=runpath("$ORIGIN/../a")), f"{A}/{X}": LIBX},
    ),
    Scenario(
        name="origin-in-braces-and-lib",
        files={
            APP: program(X, flags=runpath("${ORIGIN}/../$LIB")),
            f"/opt/app/lib/x86_64-linux-gnu/{X}": LIBX,
        },
    ),
    Scenario(
        name="platform-is-the-cpu's",
        files={APP: program(X, flags=runpath("/opt/app/$PLATFORM")), f"/opt/app/haswell/{X}": LIBX},
        cpu=INTEL_V3,
    ),
    Scenario(
        name="platform-is-intel's-alone",
        files={APP: program(X, flags=runpath("/opt/app/$PLATFORM")), f"/opt/app/haswell/{X}": LIBX},
        finds=MISSING,
        cpu=AMD_V3,
    ),
    Scenario(
        name="platform-is-the-machine-unless-it-is-intels",
        files={APP: program(X, flags=runpath("/opt/app/$PLATFORM")), f"/opt/app/x86_64/{X}": LIBX},
        finds=MISSING if HAS_HASWELL else (),
    ),
    Scenario(
        name="legacy-subdirectory-of-the-machine",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/tls/x86_64/x86_64/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        finds={
            **dict.fromkeys(("bullseye", "bookworm"), () if HAS_HASWELL else UNUSABLE),
            **dict.fromkeys(("trixie", "sid"), ()),
        },
    ),
    Scenario(
        name="no-platform-drops-the-element",
        files={APP: program(X, flags=runpath("/opt/app/$PLATFORM")), f"/opt/app/{X}": LIBX},
        finds=MISSING,
        cpu="Nehalem",
    ),
    Scenario(
        name="unknown-token-stays",
        files={APP: program(X, flags=runpath("/opt/$ORIGINAL")), f"/opt/$ORIGINAL/{X}": LIBX},
    ),
    Scenario(
        name="origin-through-a-linked-program",
        files={
            APP: Link("/srv/real/app"),
            "/srv/real/app": program(X, flags=runpath("$ORIGIN")),
            f"/srv/real/{X}": LIBX,
        },
    ),
    Scenario(
        name="origin-of-a-linked-library-is-the-link's",
        files={
            APP: program("liby.so.1", flags=runpath(A)),
            f"{A}/liby.so.1": Link("../b/liby.so.1"),
            f"{B}/liby.so.1": library("liby.so.1", X, flags=runpath("$ORIGIN")),
            f"{B}/{X}": LIBX,
        },
        finds=MISSING,
    ),
    Scenario(
        name="origin-without-proc",
        files={APP: program(X, flags=runpath("$ORIGIN/../a")), f"{A}/{X}": LIBX},
        prepare=no_proc,
        finds=MISSING,
    ),
    Scenario(
        name="origin-in-needed-without-proc-is-passed-over",
        files={
            APP: elf(interpreter=LD, needed=("$ORIGIN/libx.so.1", "libc.so.6")),
        },
        prepare=no_proc,
    ),
    Scenario(
        name="origin-in-needed",
        files={APP: program("$ORIGIN/../a/libx.so"), f"{A}/libx.so": library("libx.so")},
    ),
)

HWCAPS = cases(
    Scenario(
        name="fatal-file-in-hwcaps-of-this-cpu",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v2/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        finds={"bullseye": (), **dict.fromkeys(MODERN, UNUSABLE)},
    ),
    Scenario(
        name="fatal-file-in-hwcaps-beyond-this-cpu",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v3/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        cpu="Nehalem",
    ),
    Scenario(
        name="fatal-file-in-hwcaps-of-an-emulated-cpu",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v2/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        cpu="Nehalem",
        finds=UNUSABLE,
        roots=MODERN,
    ),
    Scenario(
        name="hwcaps-of-system-directories",
        files={
            APP: program(X),
            f"{SYSTEM}/glibc-hwcaps/x86-64-v2/{X}": LIBX,
        },
        finds={"bullseye": MISSING, **dict.fromkeys(MODERN, ())},
    ),
    Scenario(
        name="hwcaps-in-the-cache",
        files={
            APP: program(X),
            f"{SYSTEM}/glibc-hwcaps/x86-64-v2/{X}": LIBX,
            f"{SYSTEM}/{X}": BAD,
        },
        prepare=ldconfig,
        roots=MODERN,
    ),
    Scenario(
        name="hwcaps-in-the-cache-beyond-this-cpu",
        files={
            APP: program(X),
            f"{C}/glibc-hwcaps/x86-64-v2/{X}": library(X, flags=("-Wl,-z,x86-64-v4",)),
            f"{C}/{X}": LIBX,
            "/etc/ld.so.conf.d/new.conf": Raw(f"{C}\n".encode()),
        },
        prepare=ldconfig,
        cpu="Nehalem",
        roots=("bookworm", "sid"),
    ),
    Scenario(
        name="hwcaps-directory-is-the-origin",
        files={
            APP: program("liby.so.1", flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v2/liby.so.1": library(
                "liby.so.1", X, flags=runpath("$ORIGIN")
            ),
            f"{A}/{X}": LIBX,
        },
        finds=MISSING,
        roots=MODERN,
    ),
    *(
        Scenario(
            name=f"legacy-subdirectory-{directory.replace('/', '-')}",
            files={
                APP: program(X, flags=runpath(A)),
                f"{A}/{directory}/{X}": BAD,
                f"{A}/{X}": LIBX,
            },
            finds={
                **dict.fromkeys(("bullseye", "bookworm"), UNUSABLE),
                **dict.fromkeys(("trixie", "sid"), ()),
            },
            cpu=INTEL_V3,
        )
        for directory in ("tls", "haswell", "x86_64", "tls/haswell/x86_64")
    ),
    Scenario(
        name="legacy-subdirectory-avx512_1",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/avx512_1/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        finds={
            **dict.fromkeys(("bullseye", "bookworm"), UNUSABLE if HAS_INTELS_AVX512 else ()),
            **dict.fromkeys(("trixie", "sid"), ()),
        },
    ),
    Scenario(
        name="legacy-subdirectories-in-order",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/haswell/avx512_1/{X}": LIBX,
            f"{A}/avx512_1/{X}": BAD,
            f"{A}/{X}": BAD,
        },
        roots=("bullseye", "bookworm") if HAS_INTELS_AVX512 else (),
    ),
    Scenario(
        name="loop-in-hwcaps-is-passed-over",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v2/{X}": Link(X),
            f"{A}/{X}": LIBX,
        },
    ),
    Scenario(
        name="hwcaps-masked-by-a-tunable",
        files={
            APP: program(X, flags=runpath(A)),
            f"{A}/glibc-hwcaps/x86-64-v3/{X}": BAD,
            f"{A}/{X}": LIBX,
        },
        start=with_env(GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX2,-AVX2_Usable"),
        finds=("undecided libx.so.1",),
        undone=True,
        roots=MODERN,
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*ORDER, *NAMES, *ORIGIN, *HWCAPS], ids=case_name)
def test_search(scenario, root, agree):
    """What ld.so finds is found, what it misses is missed."""
    agree(scenario, root)
