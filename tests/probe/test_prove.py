"""The host's own loader traces a copy of the program, and no trace of that stays on the host."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from msgspec import structs

from preflight.analyze import analyze
from preflight.api import Options, Want, check, judge, probe
from preflight.inventory import load
from preflight.judge.proof import with_proof
from preflight.model.host import Host
from preflight.model.snapshot import Facts
from preflight.model.start import Start
from preflight.probe.frames import Frames
from preflight.probe.prove import Task, prove, remove
from preflight.probe.script import COMMAND, bootstrap
from preflight.transport import Deadline, connect
from preflight.transport import Options as ConnectOptions
from tests.hosts.runs import mount
from tests.probe.conftest import ShellSession

pytestmark = pytest.mark.slow

APP = "/opt/app/bin/app"
LOADER = "/lib64/ld-linux-x86-64.so.2"


def _host(fleet, name, **changes):
    hosts = load([str(fleet.inventory)]).hosts
    return structs.replace(next(host for host in hosts if host.name == name), **changes)


def _compile(path, source, *flags, compiler="gcc"):
    command = [compiler, "-x", "c", "-", "-x", "none", "-o", path, *flags]
    subprocess.run(command, input=source.encode(), check=True)


def _left(root):
    """What lies about in the places where a proof may put something."""
    places = ("tmp", "opt/app/bin", "mnt/noexec", "mnt/small", "usr/bin")
    return [path for place in places for path in (root / place).glob(".preflight*")]


def _proof(fleet, name, program, *, start=None, **changes):
    """Return the verdict on *program* with its proof, after looking for what was left."""
    (fleet.root(name) / "opt/app/bin").mkdir(parents=True, exist_ok=True)
    report = check(
        [analyze(str(program))],
        [_host(fleet, name, **changes)],
        starts=lambda *_: start or Start(install_path=APP),
        options=Options(prove=True),
    )
    assert _left(fleet.root(name)) == []
    return report.verdicts[0]


def _task(directory):
    """A program of this machine, to be proven in *directory*."""
    return Task(
        program=Path("/bin/true").read_bytes(),
        interpreter=LOADER,
        family="glibc",
        start=Start(install_path=f"{directory}/app"),
        by_origin=True,
    )


def _half_sent(session, task):
    """Begin a proof, and stop in the middle of the program."""
    stream = session.start(COMMAND)
    nonce = "0" * 32
    lines = [nonce, "prove", f"{task.leaf} {task.directories[0]}"]
    stream.send(f"{bootstrap('prove.sh')}{chr(10).join(lines)}{chr(10)}".encode())
    frames = Frames(stream, nonce, 1 << 20)
    frames.hello()
    assert next(frames.round()).kind == "D"
    size = len(task.program)
    stream.send(f"{size} 1 20 / {LOADER} -{chr(10)}".encode() + task.program[: size // 2])
    return stream


def _wait_until_empty(directory):
    deadline = time.monotonic() + 5
    while os.listdir(directory) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert os.listdir(directory) == []


@pytest.mark.parametrize("name", ["bullseye", "bookworm", "trixie", "sid", "i386", "arm64"])
def test_loaders_of_all_hosts_agree_about_their_own_programs(fleet, name):
    """A program of the host itself is traced, and what is loaded was predicted file by file."""
    verdict = _proof(fleet, name, fleet.root(name) / "usr/bin/openssl")

    assert (verdict.outcome, verdict.proof.agrees) == ("deployable", True), verdict.proof
    assert any("libcrypto" in line for line in verdict.proof.said)


@pytest.mark.parametrize("name", ["bullseye", "bookworm", "trixie"])
def test_loader_agrees_about_a_program_that_is_too_new(fleet, name):
    """Missing libraries and versions of a newer program are those that were predicted."""
    verdict = _proof(fleet, name, fleet.root("sid") / "usr/bin/gdb")

    assert (verdict.outcome, verdict.proof.agrees) == ("blocked", True), verdict.proof


@pytest.mark.parametrize(
    ("name", "compiler"), [("bookworm", "gcc"), ("sid", "gcc"), ("musl", "musl-gcc")]
)
def test_loader_agrees_about_missing_symbols_and_libraries(fleet, tmp_path, name, compiler):
    """Undefined functions and data, and a library that is not there, are named alike."""
    library, program = tmp_path / "liba.so", tmp_path / "app"
    shared = ("-shared", "-fPIC", "-nostartfiles", "-Wl,-soname,liba.so")
    source = "extern int data; int f(void); int g(void) { return f() + data; }"
    full = source.replace("extern int", "int") + "int f(void) { return 1; }"
    _compile(library, full, *shared, compiler=compiler)
    user = f"{source} int main(void) {{ return g(); }}".replace("int g(void) {", "int h(void) {")
    user = user.replace("return g()", "int g(void); return g() + h()")
    _compile(program, user, str(library), "-Wl,-z,lazy", compiler=compiler)
    place = fleet.root(name) / "opt/app/lib"
    place.mkdir(parents=True, exist_ok=True)
    start = Start(install_path=APP, env=(("LD_LIBRARY_PATH", "/opt/app/lib"),))

    missing = _proof(fleet, name, program, start=start)
    _compile(place / "liba.so", "int g(void) { return 1; }", *shared, compiler=compiler)
    lacking = _proof(fleet, name, program, start=start)
    shutil.copy(library, place)
    complete = _proof(fleet, name, program, start=start)

    assert [v.outcome for v in (missing, lacking, complete)] == ["blocked", "blocked", "deployable"]
    for verdict in (missing, lacking, complete):
        assert verdict.proof.agrees, verdict.proof
    assert any("f" in finding.subject for finding in lacking.findings)


def test_thousands_of_lines_arrive_whole(fleet):
    """A library that takes very many symbols with it is still named; the report is cut short."""
    root = fleet.root("trixie")
    library = root / "usr/lib/x86_64-linux-gnu/libcrypto.so.3"
    library.rename(root / "tmp/libcrypto")

    verdict = _proof(fleet, "trixie", root / "usr/bin/openssl")
    (root / "tmp/libcrypto").rename(library)

    assert (verdict.outcome, verdict.proof.agrees) == ("blocked", True), verdict.proof
    assert "more lines)" in verdict.proof.said[-1]


def test_nothing_of_the_program_runs(fleet, tmp_path):
    """Neither main, constructors nor IFUNC resolvers of what is traced are executed."""
    library, program = tmp_path / "liba.so", tmp_path / "app"
    mark = """
    static void mark(void) {
        long r;
        const char *path = "/tmp/it-ran";
        __asm__ volatile(
            "syscall" : "=a"(r) : "a"(85), "D"(path), "S"(0600) : "rcx", "r11", "memory");
    }
    """
    source = (
        mark
        + """
    static int one(void) { return 1; }
    static void *resolve(void) { mark(); return one; }
    int f(void) __attribute__((ifunc("resolve")));
    __attribute__((constructor)) static void begin(void) { mark(); }
    """
    )
    _compile(library, source, "-shared", "-fPIC", "-Wl,-soname,liba.so")
    _compile(
        program,
        mark + "int f(void); int (*p)(void) = f; int main(void) { mark(); return f() + p(); }",
        str(library),
    )
    root = fleet.root("bookworm")
    (root / "opt/app/lib").mkdir(parents=True, exist_ok=True)
    shutil.copy(library, root / "opt/app/lib/liba.so")
    start = Start(install_path=APP, env=(("LD_LIBRARY_PATH", "/opt/app/lib"),))

    verdict = _proof(fleet, "bookworm", program, start=start)

    assert verdict.proof.agrees, verdict.proof
    assert not (root / "tmp/it-ran").exists()


def test_environment_and_paths_never_become_code(fleet):
    """Values and paths full of shell syntax reach the loader as they are."""
    odd = "/tmp/a b'\"\n$(touch /tmp/pwned)`touch /tmp/pwned`;&|*\\0040"
    start = Start(install_path=f"{odd}/app", env=(("LD_LIBRARY_PATH", odd),))
    root = fleet.root("bookworm")
    (Path(f"{root}{odd}")).mkdir(parents=True)

    verdict = _proof(fleet, "bookworm", root / "usr/bin/openssl", start=start)

    assert verdict.proof.agrees, verdict.proof
    assert not (root / "tmp/pwned").exists()
    assert list(Path(f"{root}{odd}").iterdir()) == []


def test_changed_host_is_a_disagreement(fleet):
    """A library that goes away after the probe makes the verdict unknown, by name."""
    root = fleet.root("trixie")
    program = analyze(str(root / "usr/bin/openssl"))
    host, start = _host(fleet, "trixie"), Start(install_path=APP)
    (snapshot,) = probe([host], lambda _: [Want(program, start)])
    verdict = judge(program, start, snapshot).verdict
    library = next((root / "usr/lib/x86_64-linux-gnu").glob("libssl.so.*"))
    library.rename(root / "tmp/libssl.away")
    task = Task(
        program=Path(program.path).read_bytes(),
        interpreter=LOADER,
        family="glibc",
        start=start,
        by_origin=False,
    )

    with connect(host, ConnectOptions(), Deadline.after(20)) as session:
        trace = prove(session, task, snapshot.facts)
    (root / "tmp/libssl.away").rename(library)

    proven = with_proof(program, start, verdict, trace)
    assert (verdict.outcome, proven.outcome) == ("deployable", "unknown")
    assert f"said, but not predicted: missing library {library.name}" in proven.proof.differences
    assert "proof-disagrees" in [finding.code for finding in proven.findings]


def test_full_target_is_refused(fleet):
    """Where the program does not fit the proof is refused, and the place is as it was."""
    root = fleet.root("bookworm")
    (root / "mnt/small").mkdir()
    mount("tmpfs", "small", root / "mnt/small", "size=64k,mode=755")

    verdict = _proof(
        fleet, "bookworm", root / "usr/bin/openssl", start=Start(install_path="/mnt/small/app")
    )

    assert verdict.proof.agrees is None
    assert "could be written to /mnt/small/" in verdict.proof.refused
    assert "No space left on device" in verdict.proof.refused


def test_noexec_target_is_refused(fleet):
    """A place whose mount forbids execution is named, and nothing is sent there."""
    program = fleet.root("bookworm") / "usr/bin/openssl"

    verdict = _proof(fleet, "bookworm", program, start=Start(install_path="/mnt/noexec/app"))

    assert verdict.proof.refused == "/mnt/noexec lies on /mnt/noexec, which is mounted noexec"


def test_place_that_is_not_writable_gives_way_to_tmp(fleet):
    """An ordinary user proves in /tmp what will lie where he may not write."""
    program = fleet.root("trixie") / "usr/bin/openssl"

    verdict = _proof(fleet, "trixie", program, start=Start(install_path="/usr/bin/app"), user="app")

    assert verdict.proof.agrees, verdict.proof


@pytest.mark.parametrize("user", ["deploy", "app"])
def test_origin_is_proven_in_the_install_directory_alone(fleet, tmp_path, user):
    """What hangs on $ORIGIN is traced beside its libraries, or not at all."""
    library, program = tmp_path / "liba.so", tmp_path / "app"
    _compile(library, "int f(void) { return 1; }", "-shared", "-Wl,-soname,liba.so")
    source = "int f(void); int main(void) { return f(); }"
    _compile(program, source, str(library), "-Wl,-rpath,$ORIGIN/../lib")
    place = fleet.root("sid") / "opt/app/lib"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(library, place)

    verdict = _proof(fleet, "sid", program, user=user)

    assert verdict.outcome == "deployable", verdict
    if user == "app":
        assert "/opt/app/bin" in verdict.proof.refused
    else:
        assert verdict.proof.agrees, verdict.proof


def test_every_shell_traces_alike(shell, tmp_path):
    """The script runs under every shell that may be /bin/sh."""
    trace = prove(ShellSession(shell), _task(tmp_path), Facts())

    assert (trace.status, trace.refused, trace.left) == (0, None, None)
    assert any("libc.so.6 => " in line for line in trace.lines)
    assert list(tmp_path.iterdir()) == []


def test_loader_that_hangs_is_ended(shell, tmp_path):
    """A trace that takes too long is ended from outside, and everything goes as usual."""
    loader = tmp_path / "loader"
    loader.write_text("#!/bin/sh\nexec sleep 60\n")
    loader.chmod(0o700)
    # With glibc's variables the script's own shell would be traced.
    task = structs.replace(_task(tmp_path), interpreter=str(loader), family="musl", limit_s=1)
    began = time.monotonic()

    trace = prove(ShellSession(shell), task, Facts())

    assert (trace.status, trace.refused, trace.left) == (137, None, None)
    assert time.monotonic() - began < 10
    assert os.listdir(tmp_path) == ["loader"]


def test_lost_connection_leaves_nothing(shell, tmp_path):
    """Where the program arrives only in part, the script removes what it made."""
    stream = _half_sent(ShellSession(shell), _task(tmp_path))

    stream.hang_up()

    _wait_until_empty(tmp_path)
    stream.close()


def test_terminated_script_leaves_nothing(tmp_path):
    """A signal that ends the script has it remove what it made."""
    with connect(
        Host(name="here", transport="local"), ConnectOptions(), Deadline.after(20)
    ) as session:
        _half_sent(session, _task(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_what_was_left_is_removed_later(tmp_path):
    """`remove` takes away what an earlier proof of the same name left, and nothing else."""
    task = _task(tmp_path)
    (tmp_path / task.leaf).mkdir()
    (tmp_path / task.leaf / "program").write_text("")
    (tmp_path / "other").mkdir()

    assert remove(ShellSession(["dash"]), task) is None
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_lost_ssh_connection_leaves_nothing(fleet):
    """Where SSH breaks off in the middle, the host clears up by itself."""
    root = fleet.root("bookworm")
    place = root / "opt/lost"
    place.mkdir()
    with connect(_host(fleet, "bookworm"), ConnectOptions(), Deadline.after(20)) as session:
        task = structs.replace(_task("/opt/lost"), start=Start(install_path="/opt/lost/app"))
        _half_sent(session, task)
        assert len(os.listdir(place)) == 1

    _wait_until_empty(place)
