"""Parts of several releases of glibc in one program.  Source: glibc elf/rtld.c, dl_main()."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.builders.rootfs import resolve
from tests.conformance.builds import library, program, runpath
from tests.conformance.prepare import Prepare
from tests.conformance.scenario import APP, Scenario, case_name, cases
from tests.hosts import roots

pytestmark = pytest.mark.hosts

A = "/opt/app/a"
LD = "/opt/app/ld.so"
DIRECTORY = "/lib/x86_64-linux-gnu"
EARLY = "symbol-missing __libc_early_init@GLIBC_PRIVATE"
MUTEX = "symbol-missing pthread_mutex_lock@GLIBC_2.2.5"


def taken(name: str, path: str, target: str) -> Prepare:
    """Put a file of the root called *name* in the place of *target*."""

    def prepare(root: Path) -> None:
        other = str(roots.path_of(name))
        place = Path(f"{root}{target}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(Path(other + resolve(other, path)).read_bytes())
        place.chmod(0o755)

    return prepare


library_of = partial(taken, path=f"{DIRECTORY}/libc.so.6", target=f"{A}/libc.so.6")
loader_of = partial(taken, path="/lib64/ld-linux-x86-64.so.2", target=LD)
# What libpthread of 2.31 calls of a libc of its own release.
OF_THREADS = (
    *("__libc_allocate_rtsig_private", "__libc_current_sigrtmax_private", "__libc_dlclose"),
    *("__libc_current_sigrtmin_private", "__libc_dlopen_mode", "__libc_dlsym", "__libc_fcntl64"),
    *("__libc_longjmp", "__libc_pthread_init", "__libc_siglongjmp", "__libc_thread_freeres"),
    "_dl_make_stack_executable",
)
WITH_LIBC = {APP: program("libc.so.6", flags=runpath(A))}
CASES = cases(
    Scenario(
        name="a-libc-too-old-for-the-loader",
        files=WITH_LIBC,
        prepare=library_of("bullseye"),
        finds=(EARLY,),
        roots=("bookworm", "trixie", "sid"),
    ),
    Scenario(
        name="a-loader-too-new-for-the-libc",
        files={APP: program("libc.so.6", interpreter=LD)},
        prepare=loader_of("sid"),
        finds=(EARLY,),
        roots=("bullseye",),
    ),
    Scenario(
        name="a-libc-of-another-release",
        files=WITH_LIBC,
        prepare=library_of("trixie"),
        finds=(f"undecided {A}/libc.so.6",),
        roots=("sid",),
        undone=True,
    ),
    Scenario(
        name="the-same-libc-elsewhere",
        files=WITH_LIBC,
        prepare=library_of("sid"),
        roots=("sid",),
    ),
    Scenario(
        name="a-thread-library-of-the-past",
        files={APP: program("libpthread.so.0", "libc.so.6", flags=runpath(A))},
        prepare=taken("bullseye", f"{DIRECTORY}/libpthread.so.0", f"{A}/libpthread.so.0"),
        finds=tuple(f"undecided {name}" for name in OF_THREADS),
        roots=("sid",),
        undone=True,
    ),
    Scenario(
        name="what-is-called-libc-is-none",
        files={APP: program("libx.so", flags=runpath(A)), f"{A}/libx.so": library("libc.so.6")},
        finds={
            "bullseye": (),
            "bookworm": (EARLY,),
            **dict.fromkeys(("trixie", "sid"), (MUTEX,)),
        },
    ),
    Scenario(
        name="a-file-called-libc-without-a-soname",
        files={**WITH_LIBC, f"{A}/libc.so.6": library(None)},
        roots=("sid",),
    ),
)


@pytest.mark.parametrize(("scenario", "root"), CASES, ids=case_name)
def test_mixture(scenario, root, agree):
    """Loader and libc belong together; where they do not, nothing is promised."""
    agree(scenario, root)
