"""
In the build: what is advised is run as it stands, and then the program starts.

Each row builds a program that a real root refuses for the finding, runs the
advised command, and starts what came of it.  `docs/remedies.md` marks what is
proven here.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct, structs

from preflight.analyze import analyze
from preflight.model.start import Start
from preflight.model.verdict import Finding, Verdict
from tests.conformance import judged
from tests.conformance.prepare import Prepare
from tests.conformance.scenario import Scenario
from tests.hosts import roots
from tests.hosts.outcome import Outcome, real_start
from tests.hosts.recipes import BUILDER

pytestmark = pytest.mark.hosts
PAGE = Path(__file__).parents[2] / "docs" / "remedies.md"
PROVEN_ELSEWHERE = {
    # By tests/judge/remedies/test_build.py, on a host that is made for it.
    ("version-missing", "c", '__asm__(".symver pow,pow@GLIBC_2.2.5");'),
    # By test_go_cpu.py, on CPUs that need no root.
    ("cpu-level-too-low", "go", "GOARM=5 go build"),
    ("cpu-level-too-low", "go", "GOPPC64=power8 go build"),
}

C = {"app.c": '#include <stdio.h>\nint main(void) { return puts("started") < 0; }\n'}
CXX = {
    "app.cc": "#include <iostream>\n#include <stdexcept>\nint main() {\n"
    '  try { throw std::runtime_error("started"); }\n'
    "  catch (const std::exception &e) { std::cout << e.what() << std::endl; }\n}\n"
}
# C++ that has no need of its library, which takes zig a minute to build.
CXX_PLAIN = {
    "app.cc": "#include <stdio.h>\nint main() { auto say = [](const char *said) {"
    ' return puts(said); };\n  return say("started") < 0; }\n'
}
GREET = {
    "app.c": "int greet(void);\nint main(void) { return greet(); }\n",
    "greet.c": "int greet(void) { return 0; }\n",
}
# Needs nothing of libc but that it knows packed relocations.
POINTERS = {
    "app.c": "void exit(int); void (*volatile end)(int) = exit;\n"
    "static int a; int *volatile table[] = {&a, &a, &a, &a};\n"
    'void _start(void) { __asm__("xor %edi,%edi; mov $60,%eax; syscall"); }\n'
}
# For glibc alone: by the fortified function, and by a choice at run time, musl cannot start them.
FORTIFIED = {
    "app.c": "#include <stdio.h>\nint main(int argc, char **argv) {\n"
    '  return printf("%s\\n", argv[argc - 1]) < 0; }\n'
}
CHOSEN = {
    "app.c": "static int yes(void) { return 0; }\n"
    "static int (*choose(void))(void) { return yes; }\n"
    'int pick(void) __attribute__((ifunc("choose")));\nint main(void) { return pick(); }\n'
}
UNWINDS = {
    "app.c": "#include <unwind.h>\n"
    "static _Unwind_Reason_Code step(struct _Unwind_Context *c, void *n)"
    " { ++*(int *)n; return _URC_NO_REASON; }\n"
    "int main(void) { int n = 0; _Unwind_Backtrace(step, &n); return !n; }\n"
}
GO = {"go.mod": "module example.org/app\n\ngo 1.19\n"}
GO_PURE = {**GO, "app.go": "package main\n\nfunc main() { println() }\n"}
GO_USER = {
    **GO,
    "app.go": 'package main\n\nimport "os/user"\n\nfunc main() { user.LookupId("0") }\n',
}
GO_OWN = {
    **GO,
    "app.go": "package main\n\n// #include <stdlib.h>\n// #include <dlfcn.h>\n"
    '// int has(void) { return dlsym(0, "abs") == 0; }\n'
    'import "C"\n\nfunc main() { C.has() }\n',
}
GO_GREET = {
    **GO,
    "app.go": "package main\n\n// #cgo LDFLAGS: -L${SRCDIR} -lgreet\n// int greet(void);\n"
    'import "C"\n\nfunc main() { C.greet() }\n',
    "greet.c.in": "int greet(void) { return 0; }\n",
}
GO_UNWINDS = {
    **GO,
    "app.go": "package main\n\n// #include <unwind.h>\n"
    '// void *own(void) { return (void *)_Unwind_Backtrace; }\nimport "C"\n\n'
    "func main() { C.own() }\n",
}
CARGO = {"Cargo.toml": '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n'}
RUST = {**CARGO, "src/main.rs": 'fn main() { println!("started"); }\n'}
RUST_GREET = {
    **CARGO,
    "src/main.rs": '#[link(name = "greet")]\nextern "C" { fn greet() -> i32; }\n'
    "fn main() { std::process::exit(unsafe { greet() }); }\n",
    "build.rs": 'fn main() { println!("cargo:rustc-link-search=."); }\n',
    "greet.c.in": "int greet(void) { return 0; }\n",
}
# As POINTERS.
RUST_POINTERS = {
    "Cargo.toml": CARGO["Cargo.toml"] + '[profile.dev]\npanic = "abort"\n',
    "build.rs": 'fn main() { println!("cargo:rustc-link-arg-bins=-nostartfiles"); }\n',
    "src/main.rs": """#![no_std]
#![no_main]
#[link(name = "c")]
extern "C" { fn exit(code: i32) -> !; }
#[used]
static END: [unsafe extern "C" fn(i32) -> !; 4] = [exit; 4];
#[used]
static TABLE: [&i32; 4] = [&1; 4];
#[no_mangle]
extern "C" fn _start() -> ! {
    unsafe { core::arch::asm!("syscall", in("rax") 60, in("rdi") 0, options(noreturn)) }
}
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
""",
}
SCRIPT = {"app": "#!/bin/sh\r\n"}
APP, LIB = "/opt/app/bin/app", "/opt/app/lib/libgreet.so"
MAKE_GREET = "gcc -shared -fPIC -o libgreet.so -x c greet.c.in"
LINK_GREET = "gcc -shared -fPIC -o libgreet.so greet.c && gcc -o app app.c -L. -lgreet"
V3 = "-march=x86-64-v3 -Wl,-z,x86-64-v3"
FORTIFY = "gcc -O2 -D_FORTIFY_SOURCE=2 -o app app.c"


def take_away(soname: str) -> Prepare:
    """Return what removes a library from a root."""

    def prepare(root: Path) -> None:
        for path in root.glob(f"usr/lib/*/{soname}"):
            path.unlink()
        for path in root.glob(f"lib/*/{soname}"):
            path.unlink(missing_ok=True)

    return prepare


def glibc_by_name(root: Path) -> None:
    """Have musl's loader under the name of glibc's, as Alpine's package libc6-compat does."""
    (root / "lib64").mkdir(exist_ok=True)
    (root / "lib64/ld-linux-x86-64.so.2").symlink_to("/lib/ld-musl-x86_64.so.1")


class Row(Struct, frozen=True):
    """One proof: *before* is refused on *root* for *code*; *advice* and *rest* are then run."""

    code: str
    toolchain: str
    advice: str
    root: str
    sources: Mapping[str, str]
    before: str
    rest: str = ""
    cpu: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    prepare: Prepare | None = None  # changes the root


OLD, BARE = "version-missing", "interpreter-missing"
ROWS = (
    Row(OLD, "c", "zig cc -target x86_64-linux-gnu.2.31", "bullseye", C, "gcc -o app app.c",
        "-o app app.c"),
    Row(OLD, "c", 'docker run --rm -v "$PWD:/src" -w /src buildpack-deps:bullseye gcc', "bullseye",
        C, "gcc -o app app.c", "-o app app.c"),
    Row(OLD, "c", "musl-gcc -static", "bullseye", C, "gcc -o app app.c", "-o app app.c"),
    Row(OLD, "c++", "zig c++ -target x86_64-linux-gnu.2.31", "bullseye", CXX_PLAIN,
        "g++ -Wl,--no-as-needed -o app app.cc", "-nostdlib++ -o app app.cc"),
    Row(OLD, "c++", 'docker run --rm -v "$PWD:/src" -w /src buildpack-deps:bullseye g++',
        "bullseye", CXX, "g++ -o app app.cc", "-o app app.cc"),
    Row(OLD, "c++", "g++ -static", "bullseye", CXX, "g++ -o app app.cc", "-o app app.cc"),
    Row(BARE, "c", "musl-gcc -static", "musl", C, "gcc -o app app.c", "-o app app.c"),
    Row(BARE, "c", "gcc -static", "musl", C, "gcc -o app app.c", "-o app app.c"),
    Row(BARE, "c++", "g++ -static", "musl", CXX, "g++ -o app app.cc", "-o app app.cc"),
    Row("symbol-missing", "c", "musl-gcc -static", "musl", FORTIFIED, FORTIFY, "-o app app.c",
        prepare=glibc_by_name),
    Row("symbol-missing", "c", "gcc -static", "musl", FORTIFIED, FORTIFY, "-o app app.c",
        prepare=glibc_by_name),
    Row("relocation-unsupported", "c", "gcc -static", "musl", CHOSEN, "gcc -o app app.c",
        "-o app app.c", prepare=glibc_by_name),
    Row("machine-mismatch", "c", "aarch64-linux-gnu-gcc", "arm64", C, "gcc -o app app.c",
        "-o app app.c", cpu="cortex-a57"),
    Row("machine-mismatch", "c", "zig cc -target aarch64-linux-gnu.2.36", "arm64", C,
        "gcc -o app app.c", "-Os -o app app.c", cpu="cortex-a57"),
    Row("machine-mismatch", "c", "gcc -m32", "i386", C, "gcc -o app app.c", "-o app app.c",
        cpu="pentium3"),
    Row("library-missing", "c++", "g++ -static-libstdc++ -static-libgcc", "bookworm", CXX,
        "g++ -o app app.cc", "-o app app.cc", prepare=take_away("libstdc++.so.6")),
    Row("library-missing", "c++", "clang++ -static-libstdc++ -static-libgcc", "bookworm", CXX,
        "clang++ -o app app.cc", "-o app app.cc", prepare=take_away("libstdc++.so.6")),
    Row("library-missing", "c", "gcc -static-libgcc", "bookworm", UNWINDS, "gcc -o app app.c",
        "-o app app.c", prepare=take_away("libgcc_s.so.1")),
    Row("library-missing", "c", "gcc '-Wl,-rpath,$ORIGIN/../lib'", "bookworm", GREET, LINK_GREET,
        "-o app app.c -L. -lgreet"),
    Row("library-missing", "c", "patchelf --set-rpath '$ORIGIN/../lib' app", "bookworm", GREET,
        LINK_GREET),
    Row("cpu-level-too-low", "c", "gcc -march=x86-64-v2", "bookworm", C, f"gcc {V3} -o app app.c",
        "-o app app.c", cpu="Nehalem"),
    Row(OLD, "c", "gcc -Wl,-z,nopack-relative-relocs", "bullseye", POINTERS,
        "gcc -nostartfiles -Wl,--no-as-needed,-z,pack-relative-relocs -o app app.c",
        "-nostartfiles -Wl,--no-as-needed -o app app.c"),
    Row("version-inconsistent", "c", "gcc -Wl,-z,nopack-relative-relocs", "bookworm", C,
        "gcc -fuse-ld=lld -Wl,--pack-dyn-relocs=relr -o app app.c", "-o app app.c"),
    Row(OLD, "rust", "RUSTFLAGS='-C link-arg=-Wl,-z,nopack-relative-relocs' cargo build",
        "bullseye", RUST_POINTERS,
        "RUSTFLAGS='-C link-arg=-Wl,-z,pack-relative-relocs' cargo build"),
    Row("library-missing", "c", "clang '-Wl,-rpath,$ORIGIN/../lib'", "bookworm", GREET,
        LINK_GREET.replace("gcc", "clang"), "-o app app.c -L. -lgreet"),
    Row(BARE, "c", "patchelf --set-interpreter /lib64/ld-linux-x86-64.so.2 app", "bookworm", C,
        "gcc -Wl,--dynamic-linker=/nix/store/glibc/ld-linux-x86-64.so.2 -o app app.c"),
    Row("exec-policy", "c", "gcc -Wl,-z,noexecstack", "trixie", C,
        "gcc -Wl,-z,execstack -o app app.c", "-o app app.c",
        env=(("GLIBC_TUNABLES", "glibc.rtld.execstack=0"),)),
    Row("exec-policy", "go",
        "go build -ldflags '-linkmode external -extldflags -Wl,-z,noexecstack'", "trixie", GO_OWN,
        "go build -ldflags '-linkmode external -extldflags -Wl,-z,execstack'",
        env=(("GLIBC_TUNABLES", "glibc.rtld.execstack=0"),)),
    Row("exec-policy", "rust", "RUSTFLAGS='-C link-arg=-Wl,-z,noexecstack' cargo build", "trixie",
        RUST, "RUSTFLAGS='-C link-arg=-Wl,-z,execstack' cargo build",
        env=(("GLIBC_TUNABLES", "glibc.rtld.execstack=0"),)),
    Row("script-carriage-return", "script", "sed -i 's/\\r$//' app", "bookworm", SCRIPT,
        "chmod +x app"),
    Row(OLD, "go", "CGO_ENABLED=0 go build", "bullseye", GO_USER, "go build", ""),
    Row(OLD, "go", "go build -tags netgo,osusergo", "bullseye", GO_USER, "go build", ""),
    Row(OLD, "go", "CC='zig cc -target x86_64-linux-gnu.2.31' CGO_ENABLED=1 go build", "bullseye",
        GO_OWN, "go build"),
    Row(OLD, "go",
        "go build -tags netgo,osusergo -ldflags '-linkmode external -extldflags -static'",
        "bullseye", GO_OWN, "go build"),
    Row("library-missing", "go", "CGO_ENABLED=0 go build", "bookworm", GO_USER, "go build",
        prepare=take_away("libc.so.6")),
    Row("library-missing", "go", "go build -tags netgo,osusergo", "bookworm", GO_USER, "go build",
        prepare=take_away("libc.so.6")),
    Row("library-missing", "go",
        "go build -ldflags '-linkmode external -extldflags -Wl,-rpath,$ORIGIN/../lib'",
        "bookworm", GO_GREET, f"{MAKE_GREET} && go build"),
    Row("library-missing", "go", "CGO_LDFLAGS=-static-libgcc go build", "bookworm", GO_UNWINDS,
        "go build", prepare=take_away("libgcc_s.so.1")),
    Row(BARE, "go",
        "go build -tags netgo,osusergo -ldflags '-linkmode external -extldflags -static'",
        "musl", GO_OWN, "go build"),
    Row(BARE, "go", "CGO_ENABLED=0 go build -buildmode=exe", "musl", GO_PURE,
        "CGO_ENABLED=0 go build -buildmode=pie"),
    Row("cpu-level-too-low", "go", "GOAMD64=v2 go build", "bookworm", GO_PURE,
        "GOAMD64=v3 go build", cpu="Nehalem"),
    Row("machine-mismatch", "go", "GOOS=linux GOARCH=amd64 go build", "bookworm", GO_PURE,
        "GOARCH=s390x go build"),
    Row("system-mismatch", "go", "GOOS=linux GOARCH=amd64 go build", "bookworm", GO_PURE,
        "GOOS=freebsd go build"),
    Row("format-not-elf", "go", "GOOS=linux GOARCH=amd64 go build", "bookworm", GO_PURE,
        "GOOS=windows go build -o app"),
    Row(OLD, "rust", "cargo zigbuild --target x86_64-unknown-linux-gnu.2.31", "bullseye", RUST,
        "cargo build"),
    Row(OLD, "rust", "RUSTFLAGS='-C target-feature=+crt-static' cargo build "
        "--target x86_64-unknown-linux-gnu", "bullseye", RUST, "cargo build"),
    Row("library-missing", "rust",
        "RUSTFLAGS='-C link-arg=-Wl,-rpath,$ORIGIN/../lib' cargo build", "bookworm", RUST_GREET,
        f"{MAKE_GREET} && cargo build"),
    Row("cpu-level-too-low", "rust", "RUSTFLAGS='-C target-cpu=x86-64-v2' cargo build", "bookworm",
        RUST, "RUSTFLAGS='-C target-cpu=x86-64-v3 -C link-arg=-fuse-ld=bfd "
        "-C link-arg=-Wl,-z,x86-64-v3' cargo build",
        cpu="Nehalem"),
    Row(BARE, "rust", "RUSTFLAGS='-C target-feature=+crt-static' cargo build "
        "--target x86_64-unknown-linux-gnu", "musl", RUST, "cargo build"),
    Row("library-missing", "rust", "cargo zigbuild --target x86_64-unknown-linux-gnu", "bookworm",
        RUST, "cargo build", prepare=take_away("libgcc_s.so.1")),
)  # fmt: skip


class Shop:
    """Where one program is built, with the tools on PATH under the names of the advice."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._tools = directory.parent / "tools"
        self._tools.mkdir()
        self._tool("zig", f'exec {sys.executable} -m ziglang "$@"')
        inside = IN_BUILDER.format(builder=roots.place_of(BUILDER))
        self._tool("docker", f"shift 7\n{inside}")  # run --rm -v "$PWD:/src" -w /src IMAGE
        self._tool("aarch64-linux-gnu-gcc", f'set -- aarch64-linux-gnu-gcc "$@"\n{inside}')

    def _tool(self, name: str, script: str) -> None:
        (self._tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (self._tools / name).chmod(0o755)

    def write(self, sources: Mapping[str, str]) -> None:
        """Write the program's sources."""
        for name, content in sources.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())

    def run(self, command: str) -> Path:
        """Run a build command as a shell does; return the program that it made."""
        for old in self.directory.glob("target/**/app"):
            old.unlink()
        beside = os.pathsep.join((str(self._tools), os.path.dirname(sys.executable)))
        env = {
            **os.environ,
            "PATH": beside + os.pathsep + os.environ["PATH"],
            "GOCACHE": str(roots.CACHE / "go-build"),
            "GOFLAGS": "-mod=mod -buildvcs=false",
            "CARGO_NET_OFFLINE": "true",
            "ZIG_GLOBAL_CACHE_DIR": str(roots.CACHE / "zig"),
            "ZIG_LOCAL_CACHE_DIR": str(roots.CACHE / "zig"),
        }
        done = subprocess.run(
            ["sh", "-euc", command],
            cwd=self.directory,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        for made in self.directory.glob("target/**/app"):
            shutil.copy(made, self.directory / "app")
        return self.directory / "app"


# Runs a command on what lies in the working directory, in a root of another release.
IN_BUILDER = """
exec unshare --mount sh -euc '
    mount --bind "$PWD" {builder}/mnt
    exec chroot {builder} sh -c "cd /mnt && exec \\"\\$@\\"" sh "$@"' sh "$@"
"""


@pytest.fixture
def shop(stage, tmp_path):
    """A place to build in; skips where a tool of the advice is not there."""
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the wheel ziglang is not installed")
    del stage
    roots.made_by(BUILDER)
    (tmp_path / "app").mkdir()
    return Shop(tmp_path / "app")


def missing_tools(row: Row) -> list[str]:
    """Return the commands of a row that this machine does not have."""
    words = f"{row.before} {row.advice}".split()
    known = (
        "gcc",
        "g++",
        "clang",
        "clang++",
        "go",
        "cargo",
        "musl-gcc",
        "patchelf",
        "cargo-zigbuild",
    )
    return [name for name in known if name in words and not shutil.which(name)]


def lay_out(root: Path, app: Path) -> None:
    """Put the program, and the library beside its source, where they would be installed."""
    for source, target in ((app, APP), (app.parent / "libgreet.so", LIB)):
        if source.exists():
            place = Path(f"{root}{target}")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, place)


def judge_and_start(row: Row, stage, app: Path) -> tuple[Verdict, Outcome]:
    """Return what preflight says of the program on the row's root, and how it really starts."""
    scenario = Scenario(
        name="remedy",
        files={},
        start=Start(install_path=APP, cwd="/", env=row.env),
        cpu=row.cpu,
        prepare=row.prepare,
    )
    with stage.laid_out(scenario, row.root) as root:
        lay_out(root, app)
        facts = structs.replace(judged.facts_of(root, scenario), **told_by(root, row.root))
        verdict = judged.verdict_of(root, analyze(app), scenario.start, facts)
        return verdict, real_start(root, [APP], env=dict(row.env), cpu=row.cpu)


def told_by(root: Path, name: str) -> dict[str, str]:
    """Return the facts that the advice looks at."""
    lines = (root / "etc/os-release").read_text().splitlines()
    release = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    libc = {"bullseye": "2.31", "bookworm": "2.36", "arm64": "2.36", "trixie": "2.41"}.get(name)
    facts = {"os_id": release["ID"], "os_version": release.get("VERSION_ID")}
    return facts | ({"ldd_family": "glibc", "ldd_version": libc} if libc else {})


def advised(finding: Finding) -> list[str | None]:
    """Return the commands that the build is told."""
    return [remedy.command for remedy in finding.remedies if remedy.where == "build"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.code}-{row.toolchain}-{row.root}")
def test_what_is_advised_makes_the_program_start(row, stage, shop):
    """Refused with the finding before; after the advised command it is gone and all starts."""
    if lacking := missing_tools(row):
        pytest.skip(f"{', '.join(lacking)} not installed")
    shop.write(row.sources)
    verdict, outcome = judge_and_start(row, stage, shop.run(row.before))
    told = [advised(f) for f in verdict.findings if f.code == row.code]
    assert verdict.outcome == "blocked"
    assert outcome.refused or outcome.status != 0
    assert told
    assert any(row.advice in commands for commands in told), told
    assert all(len(commands) <= 3 for commands in told)
    assert row.code != "relocation-unsupported" or "musl" not in str(told)

    verdict, outcome = judge_and_start(row, stage, shop.run(f"{row.advice} {row.rest}"))

    assert [f.code for f in verdict.findings if f.severity == "error"] == []
    assert (outcome.status, outcome.stderr.strip()) == (0, "")


def test_page_marks_what_is_proven():
    """docs/remedies.md calls those changes proven that a row here builds with, and no others."""
    listed = re.findall(
        r"^\| (`[^|]*) \| (\S+) \| `([^|]+)` \| (yes|no) \|$", PAGE.read_text("utf-8"), re.MULTILINE
    )
    proven = {
        (code, toolchain, change)
        for codes, toolchain, change, mark in listed
        for code in re.findall(r"`([a-z-]+)`", codes)
        if mark == "yes"
    }
    twice = {("version-missing", "c++", "g++ -static-libstdc++ -static-libgcc")}

    assert (
        proven - twice == {(row.code, row.toolchain, row.advice) for row in ROWS} | PROVEN_ELSEWHERE
    )
