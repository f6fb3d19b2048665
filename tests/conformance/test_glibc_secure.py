"""What a set-user-ID program may not have: paths that its user could bend.  Source: ld.so(8)."""

from __future__ import annotations

import pytest

from preflight.model.start import Start
from tests.conformance.builds import Build, Raw, elf, library, program, rpath, runpath
from tests.conformance.prepare import set_uid
from tests.conformance.scenario import APP, GLIBC, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A, B = "/opt/app/a", "/opt/app/b"
X, Y = "libx.so.1", "liby.so.1"
LIBX = library(X)
PASSWD = Raw(b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
ENDS = ("bullseye", "sid")
INSIDE = "/usr/lib/x86_64-linux-gnu/app"
LD = "/lib64/ld-linux-x86-64.so.2"
CALLS = "int f(void); int call(void){return f();}"
MISSING = (f"library-missing {X}",)


def secure(
    name: str,
    files: dict[str, Build],
    finds: object = (),
    *,
    at: str = APP,
    roots: tuple[str, ...] = ENDS,
    **env: str,
) -> Scenario:
    """Return a scenario whose program is set-user-ID, and started by another user."""
    start = Start(install_path=at, cwd="/", run_as="app", secure=True, env=tuple(env.items()))
    return Scenario(
        name=name,
        files={"/etc/passwd": PASSWD, **files},
        start=start,
        uid=1000,
        prepare=set_uid(at),
        finds=finds,
        roots=roots,
    )


CASES = cases(
    secure("absolute-runpath", {APP: program(X, flags=runpath(A)), f"{A}/{X}": LIBX}),
    secure(
        "origin-of-the-program",
        {APP: program(X, flags=runpath("$ORIGIN/../a")), f"{A}/{X}": LIBX},
        MISSING,
        roots=GLIBC,
    ),
    secure(
        "origin-of-a-library",
        {
            APP: program(Y, flags=rpath(A)),
            f"{A}/{Y}": library(Y, X, flags=rpath("$ORIGIN/../b")),
            f"{B}/{X}": LIBX,
        },
    ),
    secure(
        "origin-that-does-not-come-first",
        {
            APP: program(Y, flags=rpath(A)),
            f"{A}/{Y}": library(Y, X, flags=rpath("/$ORIGIN/../b")),
            f"{B}/{X}": LIBX,
        },
        MISSING,
    ),
    secure(
        "origin-in-a-system-directory",
        {f"{INSIDE}/app": program(X, flags=runpath("$ORIGIN/lib")), f"{INSIDE}/lib/{X}": LIBX},
        at=f"{INSIDE}/app",
    ),
    secure(
        "origin-that-leaves-the-system-directories",
        {f"{INSIDE}/app": program(X, flags=runpath("$ORIGIN/../../../a")), f"/usr/a/{X}": LIBX},
        MISSING,
        at=f"{INSIDE}/app",
    ),
    secure(
        "token-in-needed",
        {APP: elf(interpreter=LD, needed=("$ORIGIN/../a/libx.so",)), f"{A}/libx.so": LIBX},
        ("library-unusable $ORIGIN/../a/libx.so",),
    ),
    secure("library-path", {APP: program(X), f"{A}/{X}": LIBX}, MISSING, LD_LIBRARY_PATH=A),
    secure(
        "preloads-by-path-are-passed-over-those-by-name-missed",
        {APP: program(X), "/usr/lib/pre.so": library("pre.so")},
        (*MISSING, "library-missing pre.so"),
        LD_PRELOAD="/none.so:pre.so",
    ),
    secure(
        "bind-now",
        {
            APP: program(
                source=CALLS,
                flags=(*runpath(A), "-Wl,-z,lazy"),
                links=((X, library(X, source="int f(void){return 1;}")),),
            ),
            f"{A}/{X}": LIBX,
        },
        {
            **dict.fromkeys(("bullseye", "bookworm"), ("symbol-missing f",)),
            **dict.fromkeys(("trixie", "sid"), ("symbol-missing-lazy f",)),
        },
        roots=GLIBC,
        LD_BIND_NOW="1",
    ),
    secure(
        "tunables",
        {APP: program(flags=("-Wl,-z,execstack",))},
        roots=("sid",),
        GLIBC_TUNABLES="glibc.rtld.execstack=0",
    ),
)


@pytest.mark.parametrize(("scenario", "root"), CASES, ids=case_name)
def test_secure(scenario, root, agree):
    """A secure start looks where ld.so then still looks."""
    agree(scenario, root)
