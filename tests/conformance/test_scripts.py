"""Scripts: what the kernel makes of their first line.  Source: Linux fs/binfmt_script.c."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from preflight.model.start import Start
from tests.conformance import judged, real
from tests.conformance.builds import Copy, Dir, Link, Raw, elf, library, program
from tests.conformance.prepare import chmod, noexec
from tests.conformance.scenario import APP, Scenario, case_name, cases

pytestmark = pytest.mark.hosts

EVERYWHERE = ("bullseye", "bookworm", "trixie", "sid", "musl")
ONE = ("bookworm",)
OTHER = "/opt/app/other"
LD = "/opt/app/ld.so"


def script(line: str | bytes, body: str = "\nexit 0\n") -> Raw:
    """Return a script with this first line."""
    raw = line.encode() if isinstance(line, str) else line
    return Raw(b"#!" + raw + body.encode())


def starts(name: str, line: str | bytes, roots: tuple[str, ...] = EVERYWHERE) -> Scenario:
    """Return the scenario of a script that starts."""
    return Scenario(name=name, files={APP: script(line)}, roots=roots)


def chain(length: int) -> dict[str, Raw]:
    """Return *length* scripts, each the interpreter of the one before, ended by /bin/true."""
    paths = [APP, *(f"/opt/app/s{n}" for n in range(1, length)), "/bin/true"]
    return {path: script(after) for path, after in pairwise(paths)}


LONG = "/opt/app/" + "d/" * 100
CASES = cases(
    starts("plain", "/bin/sh"),
    starts("blanks-around", " \t/bin/sh \t "),
    starts("an-argument", "/bin/sh -e"),
    starts("an-argument-with-blanks", "/bin/sh  -e \t "),
    starts("env", "/usr/bin/env sh"),
    starts("env-by-path", "/usr/bin/env /bin/sh"),
    starts("env-split", "/usr/bin/env -S sh -e", ("bullseye", "bookworm", "trixie", "sid")),
    starts("env-split-assignment", "/usr/bin/env -S A=1 sh -e", ONE),
    starts("env-split-ignores", "/usr/bin/env -S -i sh -e", ONE),
    starts("a-nul-ends-the-name", b"/bin/true\0junk"),
    starts("the-longest-argument", "/bin/true " + "x" * 240),
    starts("an-argument-is-cut", "/bin/true " + "x" * 400),
    Scenario(name="no-newline", files={APP: Raw(b"#!/bin/true")}, roots=EVERYWHERE),
    Scenario(
        name="no-interpreter",
        files={APP: script("")},
        finds=(f"script-line-unusable {APP}",),
        roots=EVERYWHERE,
    ),
    Scenario(
        name="blanks-alone",
        files={APP: script(" \t ")},
        finds=(f"script-line-unusable {APP}",),
        roots=ONE,
    ),
    Scenario(
        name="blanks-to-the-end",
        files={APP: Raw(b"#!" + b" " * 300)},
        finds=(f"script-line-unusable {APP}",),
        roots=ONE,
    ),
    Scenario(
        name="a-name-that-does-not-end",
        files={APP: script("/" + "x" * 300)},
        finds=(f"script-line-unusable {APP}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-absent",
        files={APP: script(OTHER)},
        finds=(f"interpreter-missing {OTHER}",),
        roots=EVERYWHERE,
    ),
    Scenario(
        name="interpreter-empty",
        files={APP: script(b"\0junk")},
        finds=("interpreter-unusable ",),
        roots=ONE,
    ),
    Scenario(
        name="below-a-file",
        files={APP: script("/bin/sh/x")},
        finds=("interpreter-missing /bin/sh/x",),
        roots=ONE,
    ),
    Scenario(
        name="carriage-return",
        files={APP: script("/bin/sh\r")},
        finds=("script-carriage-return /bin/sh\r",),
        roots=EVERYWHERE,
    ),
    Scenario(
        name="relative",
        files={APP: script("opt/app/sh"), "/opt/app/sh": Link("/bin/sh")},
        roots=ONE,
    ),
    Scenario(
        name="relative-without-a-directory",
        files={APP: script("opt/app/sh")},
        start=Start(install_path=APP),
        finds=("install-path-unknown opt/app/sh",),
        roots=ONE,
        undone=True,
    ),
    Scenario(
        name="interpreter-is-a-directory",
        files={APP: script(OTHER), OTHER: Dir()},
        finds=(f"interpreter-unusable {OTHER}",),
        roots=EVERYWHERE,
    ),
    Scenario(
        name="interpreter-is-a-loop",
        files={APP: script(OTHER), OTHER: Link("other")},
        finds=(f"interpreter-unusable {OTHER}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-not-executable",
        files={APP: script(OTHER), OTHER: Copy("/bin/sh")},
        prepare=chmod(OTHER, 0o644),
        finds=(f"permission-denied {OTHER}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-on-noexec",
        files={APP: script("/opt/ne/sh"), "/opt/ne/sh": elf()},
        prepare=noexec("/opt/ne"),
        finds=("mount-noexec /opt/ne/sh",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-is-text",
        files={APP: script(OTHER), OTHER: Raw(b"just text, no program\n" * 5)},
        finds=("format-not-elf other",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-for-another-machine",
        files={APP: script(OTHER), OTHER: elf(machine=2, bits=32, endian="big")},
        finds=("machine-mismatch sparc",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-without-its-loader",
        files={APP: script(OTHER), OTHER: program(interpreter=LD)},
        finds=(f"interpreter-missing {LD}",),
        roots=ONE,
    ),
    Scenario(
        name="interpreter-without-its-library",
        files={APP: script(OTHER), OTHER: program("libgone.so.1")},
        finds=("library-missing libgone.so.1",),
    ),
    *(Scenario(name=f"chain-of-{length}", files=chain(length), roots=ONE) for length in (2, 5)),
    Scenario(
        name="chain-of-6",
        files=chain(6),
        finds=(f"interpreter-unusable {APP}",),
        roots=ONE,
    ),
    Scenario(
        name="itself",
        files={APP: script(APP)},
        finds=(f"interpreter-unusable {APP}",),
        roots=ONE,
    ),
    Scenario(
        name="env-absent-program",
        files={APP: script("/usr/bin/env nosuch")},
        finds=("interpreter-missing nosuch",),
        roots=("bullseye", "bookworm", "trixie", "sid"),
        silent=True,
    ),
    Scenario(
        name="env-of-busybox-and-an-absent-program",
        files={APP: script("/usr/bin/env nosuch")},
        finds=("interpreter-missing nosuch",),
        roots=("musl",),
    ),
    Scenario(
        name="env-does-not-split",
        files={APP: script("/usr/bin/env sh -e")},
        finds=("interpreter-missing sh -e",),
        roots=("musl",),
    ),
    Scenario(
        name="env-searches-the-path-given",
        files={APP: script("/usr/bin/env tool"), "/opt/tools/tool": script("/bin/sh")},
        start=Start(install_path=APP, cwd="/", env=(("PATH", "/nowhere:/opt/tools"),)),
        roots=EVERYWHERE,
    ),
    Scenario(
        name="env-finds-a-script",
        files={APP: script("/usr/bin/env tool"), "/usr/bin/tool": script("/bin/sh")},
        roots=EVERYWHERE,
    ),
    Scenario(
        name="env-finds-a-broken-script",
        files={APP: script("/usr/bin/env tool"), "/usr/bin/tool": script(OTHER)},
        finds=(f"interpreter-missing {OTHER}",),
        roots=ONE,
        silent=True,
    ),
    Scenario(
        name="env-finds-a-broken-program",
        files={
            APP: script("/usr/bin/env tool"),
            "/usr/bin/tool": program("libgone.so.1"),
        },
        finds=("library-missing libgone.so.1",),
        roots=ONE,
    ),
    Scenario(
        name="env-clears-the-path",
        files={APP: script("/usr/bin/env -S -i tool"), "/opt/tools/tool": script("/bin/sh")},
        start=Start(install_path=APP, cwd="/", env=(("PATH", "/opt/tools:/usr/bin"),)),
        finds=("interpreter-missing tool",),
        roots=ONE,
        silent=True,
    ),
    Scenario(
        name="env-sets-the-path",
        files={
            APP: script("/usr/bin/env -S PATH=/opt/tools:/bin tool"),
            "/opt/tools/tool": script("/bin/sh"),
        },
        roots=ONE,
    ),
    Scenario(
        name="env-sets-the-library-path",
        files={
            APP: script("/usr/bin/env -S LD_LIBRARY_PATH=/opt/tools/lib tool"),
            "/usr/bin/tool": program("libown.so.1"),
            "/opt/tools/lib/libown.so.1": library("libown.so.1"),
        },
    ),
    *(
        Scenario(
            name=f"undecided-{name}",
            files={APP: script(line), "/usr/local/bin/tool": script("/bin/sh"), **files},
            finds=(finds,),
            roots=ONE,
            undone=True,
        )
        for name, line, files, finds in (
            ("not-every-path", "/usr/bin/env tool", {}, f"script-not-judged {APP}"),
            (
                "which-of-two",
                "/usr/bin/env tool",
                {"/usr/bin/tool": script("/bin/bash")},
                f"script-not-judged {APP}",
            ),
            (
                "text-without-a-mark",
                "/usr/bin/env text",
                {"/usr/bin/text": Raw(b"exit 0\n")},
                f"script-not-judged {APP}",
            ),
            ("split-and-return", "/usr/bin/env -S sh -e\r", {}, f"script-not-judged {APP}"),
            ("argument-and-return", "/bin/sh -e\r", {}, "script-carriage-return -e\r"),
            ("cut", "/usr/bin/env -S sh -c " + ":" * 300, {}, f"script-not-judged {APP}"),
            (
                "a-loader",
                "/lib64/ld-linux-x86-64.so.2",
                {},
                f"script-not-judged {APP}",
            ),
        )
    ),
    Scenario(
        name="env-passes-over-what-is-not-executable",
        files={APP: script("/usr/bin/env tool"), "/usr/bin/tool": Raw(b"x"), "/bin/tool2": Dir()},
        prepare=chmod("/usr/bin/tool", 0o644),
        finds=("permission-denied /usr/bin/tool",),
        roots=ONE,
        silent=True,
    ),
)


@pytest.mark.parametrize(("scenario", "root"), CASES, ids=case_name)
def test_scripts(scenario, root, agree):
    """A script starts where what its first line names starts."""
    agree(scenario, root)


PIECES = (b" ", b"\t", b"  ", b"\0", b"\r", b"\n", b"/bin/true", b"/bin/gone", b"x" * 120, b"-e")


def any_script(random_: random.Random) -> Raw:
    """Return a script whose first line has its parts in any order."""
    parts = random_.choices(PIECES, k=random_.randint(0, 5))
    return Raw(b"#!" + b"".join(parts) + random_.choice((b"\n", b"\nexit 0\n", b"")))


@pytest.mark.parametrize("seed", range(120))
def test_any_first_line(seed, stage):
    """Blanks, NULs, carriage returns and long words in any order mean what the kernel reads."""
    scenario = Scenario(name="any", files={APP: any_script(random.Random(seed))}, roots=ONE)
    with stage.laid_out(scenario, *ONE) as root:
        verdict = judged.verdict_on(root, scenario)
        ending = real.start(root, scenario)

    said = (verdict.predicted_exit or 0, verdict.predicted_error)
    assert said == (ending.status, ending.line if ending.status else None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "its first line names no interpreter; only a shell would run it"),
        (" \t ", "its first line names no interpreter; only a shell would run it"),
        ("/" + "x" * 300, "does not end within 256 bytes"),
        ("/usr/bin/env sh -e", "takes all of it for one name, env -S would split it"),
    ],
)
def test_the_reason_is_told(line, words, stage):
    """What is wrong with a first line is said as it is."""
    scenario = Scenario(name="told", files={APP: script(line)}, roots=ONE)
    with stage.laid_out(scenario, *ONE) as root:
        verdict = judged.verdict_on(root, scenario)

    assert words in verdict.findings[0].message
