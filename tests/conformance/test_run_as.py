"""What the user who starts the program may not read or search.  Source: path_resolution(7)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from preflight.model.start import Start
from tests.conformance.builds import Build, Link, Raw, library, program, runpath
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

A, B = "/opt/app/a", "/opt/app/b"
X = "libx.so.1"
LIBX = library(X)
PASSWD = b"root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n"
LDMUSL = "/lib/ld-musl-x86_64.so.1"
MISSING = (f"library-missing {X}",)


def modes(**modes: int) -> Callable[[Path], None]:
    """Return what gives paths of a root (the names' underscores are slashes) their modes."""

    def prepare(root: Path) -> None:
        for path, mode in modes.items():
            (root / path.replace("_", "/")).chmod(mode)

    return prepare


def as_app(  # noqa: PLR0913 - one argument for each thing that can differ
    name: str,
    files: dict[str, Build],
    finds: tuple[str, ...] = (),
    *,
    run_as: str = "app",
    roots: tuple[str, ...] = ("bullseye", "sid"),
    undone: bool = False,
    **changes: int,
) -> Scenario:
    """Return a scenario started by the user app, after these changes of modes."""
    return Scenario(
        name=name,
        files={"/etc/passwd": Raw(PASSWD), **files},
        start=Start(install_path=APP, cwd="/", run_as=run_as),
        uid=1000,
        prepare=modes(**changes),
        finds=finds,
        roots=roots,
        undone=undone,
    )


NEEDS = {APP: program(X, flags=runpath(f"{A}:{B}")), f"{A}/{X}": LIBX}
BOTH = {**NEEDS, f"{B}/{X}": LIBX}
MUSL = {APP: program(X, flags=runpath(f"{A}:{B}"), interpreter=LDMUSL), f"{A}/{X}": LIBX}
CASES = cases(
    as_app("everything-readable", NEEDS),
    as_app("library-unreadable", NEEDS, MISSING, **{"opt_app_a_libx.so.1": 0o700}),
    as_app("library-unreadable-and-another-after-it", BOTH, **{"opt_app_a_libx.so.1": 0o700}),
    as_app("directory-not-searchable", NEEDS, MISSING, opt_app_a=0o700),
    as_app("directory-not-readable-but-searchable", NEEDS, opt_app_a=0o711),
    as_app("by-number", NEEDS, MISSING, run_as="1000", opt_app_a=0o700),
    as_app(
        "user-unknown-and-everything-open",
        NEEDS,
        ("undecided ldap-user",),
        run_as="ldap-user",
        undone=True,
        opt_app_a=0o755,
        opt=0o755,
    ),
    as_app(
        "user-unknown-and-a-closed-directory",
        NEEDS,
        ("undecided ldap-user", f"undecided {X}"),
        run_as="ldap-user",
        undone=True,
        opt_app_a=0o700,
    ),
    as_app(
        "directory-of-the-program-not-searchable",
        {APP: program()},
        ("permission-denied /opt/app",),
        opt_app=0o700,
    ),
    as_app(
        "interpreter-not-executable-for-this-user",
        {APP: program(interpreter="/opt/ld/ld.so"), "/opt/ld/ld.so": LIBX},
        ("interpreter-unusable /opt/ld/ld.so",),
        **{"opt_ld_ld.so": 0o744},
    ),
    as_app(
        "cache-unreadable",
        {APP: program("libc.so.6")},
        **{"etc_ld.so.cache": 0o600},
    ),
    as_app(
        "musl-library-unreadable", MUSL, MISSING, roots=("musl",), **{"opt_app_a_libx.so.1": 0o700}
    ),
    as_app(
        "musl-loop-behind-a-directory-not-searchable",
        {**MUSL, f"{A}/{X}": Link(X), f"{B}/{X}": LIBX},
        roots=("musl",),
        opt_app_a=0o700,
    ),
    as_app("musl-directory-not-searchable", MUSL, MISSING, roots=("musl",), opt_app_a=0o700),
)


IN_PLACE = Start(install_path=APP, in_place=True, cwd="/", run_as="app")
PLACED = cases(
    *(
        Scenario(
            name=f"in-place-{mode:o}-by-{'root' if uid == 0 else 'app'}",
            files={"/etc/passwd": Raw(PASSWD), APP: program()},
            start=structs.replace(IN_PLACE, run_as=None) if uid == 0 else IN_PLACE,
            uid=uid,
            prepare=modes(opt_app_bin_app=mode),
            finds=() if starts else (f"permission-denied {APP}",),
            roots=("sid",),
        )
        for mode, uid, starts in (
            (0o755, 0, True),
            (0o100, 0, True),
            (0o001, 0, True),
            (0o644, 0, False),
            (0o755, 1000, True),
            (0o711, 1000, True),
            (0o644, 1000, False),
            (0o744, 1000, False),
        )
    ),
    # Another user than the file's is a secure start, which may not use $ORIGIN.
    *(
        Scenario(
            name=f"in-place-{mode:o}-by-{'root' if uid == 0 else 'app'}",
            files={
                "/etc/passwd": Raw(PASSWD),
                APP: program(X, flags=runpath("$ORIGIN/../a")),
                f"{A}/{X}": LIBX,
            },
            start=structs.replace(IN_PLACE, run_as=None) if uid == 0 else IN_PLACE,
            uid=uid,
            prepare=modes(opt_app_bin_app=mode),
            finds=MISSING if secure else (),
            roots=("sid",),
        )
        for mode, uid, secure in (
            (0o4755, 0, False),
            (0o4755, 1000, True),
            (0o2755, 1000, True),
            (0o2745, 1000, False),
        )
    ),
)


@pytest.mark.parametrize(("scenario", "root"), [*CASES, *PLACED], ids=case_name)
def test_run_as(scenario, root, agree):
    """Permissions are those of the user who starts the program."""
    agree(scenario, root)
