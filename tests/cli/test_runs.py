"""Run files: what is known of a run stays known, and another run goes on from it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builders.elf import build_elf

pytestmark = pytest.mark.usefixtures("two_hosts")
RUNS = Path("state/preflight/runs")


def run_files() -> list[Path]:
    """Return the run files, the oldest first."""
    return sorted(RUNS.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def lines_of(path: Path) -> list[dict]:
    """Return the lines of a run file that are whole."""
    return [
        json.loads(line) for line in path.read_text().splitlines(keepends=True) if line[-1] == "\n"
    ]


def by_host(report: str) -> dict[str, dict]:
    """Return the hosts of a JSON report by name."""
    return {host["name"]: host for host in json.loads(report)["hosts"]}


@pytest.fixture
def two_hosts(inventory, closed_port) -> None:
    """An inventory with a host that answers and one that does not."""
    inventory(here="transport: local", gone=f"address: 127.0.0.1, port: {closed_port}")


def test_check_over_a_network_leaves_a_run_file(run, program):
    """It is the report of the format jsonl, for its owner alone, and names its run."""
    result = run("check", program(), "--install-path", "/opt/", "--format", "json")

    (path,) = run_files()
    kinds = [line["type"] for line in lines_of(path)]
    assert ["run", "binary", "host", "verdict", "host", "verdict", "summary"] == kinds
    begin = lines_of(path)[0]
    assert (path.stem, 2) == (begin["run"], begin["hosts_expected"])
    assert {"install_path": "/opt/"} == begin["start"]
    assert path.stem == json.loads(result.out)["run"]
    assert "" == result.err
    assert 0o600 == path.stat().st_mode & 0o777
    assert 0o700 == RUNS.stat().st_mode & 0o777


def test_nothing_is_recorded_without_a_network(run, program):
    """The own machine is quickly asked again; and who wants no record gets none."""
    run("check", program(), "--local")
    run("check", program(), "--no-run-file")

    assert [] == run_files()


def test_environment_of_the_program_is_not_recorded(run, program):
    """Only the variables that a loader reads are in a run file: others may be secret."""
    given = ["--env", "LD_LIBRARY_PATH=/opt/lib", "--env", "TOKEN=canary-7"]

    run("check", program(), *given)

    assert {"env": {"LD_LIBRARY_PATH": "/opt/lib"}} == lines_of(run_files()[0])[0]["start"]
    assert "canary" not in run_files()[0].read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory that root may not write either")
def test_state_directory_that_cannot_be_written_is_a_warning(run, program):
    """The run goes on, and says that it cannot be resumed."""
    Path("state").write_text("in the way")

    result = run("check", program())

    assert 3 == result.status
    assert "the run cannot be resumed\npreflight: hint: --no-run-file\n" in result.err


def test_old_run_files_are_removed(run, program):
    """The newest 50 stay, and one that is being written stays as well."""
    RUNS.mkdir(parents=True)
    old = [RUNS / f"20250101T0000{n:02}Z-aaaa.jsonl" for n in range(60)]
    for path in old:
        path.touch()
    (RUNS / "notes.txt").touch()
    with old[0].open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        run("check", program())

    left = set(RUNS.iterdir())
    assert {old[0], *old[11:], RUNS / "notes.txt"} == {
        path for path in left if "2026" not in path.name
    }
    assert 52 == len(left)


@pytest.fixture
def killed(start, program, inventory, silent) -> Iterator[Path]:
    """The run file of a check that was killed when one of its two hosts was done."""
    port = silent.getsockname()[1]
    inventory(here="transport: local", hung=f"address: 127.0.0.1, port: {port}")
    process = start("check", program(), "--connect-timeout", "60")
    with silent.accept()[0]:
        wait_until(lambda: any('"name":"here"' in path.read_text() for path in run_files()))
        process.send_signal(signal.SIGKILL)
        process.wait()
    silent.close()
    return run_files()[0]


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait for an event."""
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def test_run_that_was_killed_is_reported(run, killed):
    """SIGKILL loses no host that was done, and the rest counts as undetermined."""
    result = run("report", "last", "--format", "json")

    assert (3, ["here"]) == (result.status, list(by_host(result.out)))
    gap = f"preflight: warning: {killed.absolute()}: 1 of 2 hosts are missing ("
    assert result.err.startswith(gap)


def test_run_that_was_killed_is_resumed(run, program, killed):
    """Only what is missing is asked, and the new run has everything."""
    mark_host(killed, "here")

    result = run("check", program(), "--resume", "last", "--format", "json")

    hosts = by_host(result.out)
    assert ["here", "hung"] == list(hosts)
    assert ("6.6.6", "unreachable") == (hosts["here"]["facts"]["kernel"], hosts["hung"]["status"])
    assert killed.stem == json.loads(result.out)["resumed"]
    note = f"preflight: 1 of 2 hosts are known from {killed.absolute()}\n"
    assert note == result.err
    again = run("report", "last", "--format", "json")
    assert (hosts, "") == (by_host(again.out), again.err)


def mark_host(path: Path, name: str) -> None:
    """Write into a run file that the host has a kernel that no host has."""
    lines = lines_of(path)
    for line in lines:
        if line["type"] == "host" and line["name"] == name:
            line["facts"]["kernel"] = "6.6.6"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_torn_line_is_asked_again(run, program):
    """A run file that ends within a line is as good as one that ends before it."""
    run("check", program())
    (path,) = run_files()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + lines[4][:30])

    result = run("check", program(), "--resume", str(path), "--format", "json")

    assert {"here", "gone"} == set(by_host(result.out))
    assert result.err.startswith("preflight: 1 of 2 hosts are known from ")


def test_hosts_that_were_not_run_are_asked_again(run, program):
    """What an interrupted run did not come to is no result."""
    run("check", program())
    (path,) = run_files()
    path.write_text(path.read_text().replace('"status":"unreachable"', '"status":"not-run"'))

    result = run("check", program(), "--resume", path.stem[:12], "--format", "json")

    assert "unreachable" == by_host(result.out)["gone"]["status"]


def test_a_run_about_a_bundle_is_resumed_with_its_members(run, tmp_path):
    """A host that is known has its verdicts on all members; a changed member is another bundle."""
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    for name in ("one", "two"):
        (tree / "bin" / name).write_bytes(build_elf(interpreter="/lib64/ld-linux-x86-64.so.2"))
    command = ("check", tree, "--install-path", "/opt/none", "--format", "json")
    first = run(*command)

    again = run(*command, "--resume", "last")
    (tree / "bin/one").write_bytes(build_elf(interpreter="/lib/ld-musl-x86_64.so.1"))
    changed = run(*command, "--resume", "last")

    verdicts = json.loads(first.out)["verdicts"]
    assert {"b1", "b1.1", "b1.2"} == {verdict["binary"] for verdict in verdicts}
    assert verdicts == json.loads(again.out)["verdicts"]
    assert 2 == changed.status
    assert "cannot be resumed" in changed.err


def test_resumed_hosts_are_those_that_are_chosen_now(run, program):
    """With -l the new run has the chosen hosts alone."""
    run("check", program())

    result = run("check", program(), "--resume", "last", "-l", "here", "--format", "names")

    assert (0, "here\n") == (result.status, result.out)


@pytest.mark.parametrize(
    ("options", "difference"),
    [
        (["--install-path", "/opt/app"], "install_path is /opt/app, was not given"),
        (["--env", "LD_PRELOAD=/x.so"], "env is LD_PRELOAD=/x.so, was not given"),
        (["--run-as", "www"], "run_as is www, was not given"),
    ],
)
def test_another_start_cannot_be_resumed(run, program, options, difference):
    """Verdicts about one start say nothing about another."""
    run("check", program())

    result = run("check", program(), "--resume", "last", *options)

    assert (2, "") == (result.status, result.out)
    assert f"cannot be resumed: {difference}\n" in result.err


def test_another_manifest_cannot_be_resumed(run, program, tmp_path):
    """Where it says how the program starts, that is another start, too."""
    manifest = tmp_path / "app.yaml"
    manifest.write_text(f"binaries: [{program()}]\ninstall_path: /opt/app\n")
    run("check", "--manifest", str(manifest))

    manifest.write_text(f"binaries: [{program()}]\ninstall_path: /srv/app\n")
    result = run("check", "--manifest", str(manifest), "--resume", "last")

    assert 2 == result.status
    assert "cannot be resumed: install_path is /srv/app, was /opt/app\n" in result.err


def test_another_binary_cannot_be_resumed(run, program):
    """A rebuilt program, one more or one less is another run."""
    app = program()
    run("check", app)

    program(needed=["libother.so.1"])
    rebuilt = run("check", app, "--resume", "last")
    renamed = run("check", program("tool"), "--resume", "last")

    assert 2 == rebuilt.status == renamed.status
    assert f"cannot be resumed: {app} has changed (sha256 " in rebuilt.err
    assert f"it was about {app} too; it was not about {app.parent}/tool\n" in renamed.err
    assert 1 == len(run_files())


def test_proofs_are_asked_for_again(run, program):
    """A resumed run with --prove takes no result without a proof."""
    run("check", program())

    result = run("check", program(), "--resume", "last", "--prove", "--format", "json")

    assert "proof" in json.loads(result.out)["verdicts"][0]


def test_run_that_is_still_going_on_cannot_be_resumed(run, program):
    """Two processes that go on from one another would lose each other's work."""
    run("check", program())
    with run_files()[0].open() as written:
        fcntl.flock(written, fcntl.LOCK_EX)
        result = run("check", program(), "--resume", "last")

    assert 2 == result.status
    assert "the run is still going on" in result.err


@pytest.mark.parametrize("command", [["check", "app", "--resume"], ["report"]])
def test_unknown_run_is_an_error_that_names_the_last(run, program, command):
    """Whoever mistypes an id learns where the runs are."""
    program()
    nothing = run(*command, "nosuchrun")
    run("check", "app")

    result = run(*command, "nosuchrun")

    assert "hint: no run was recorded under " in nothing.err
    assert 2 == result.status
    assert "there is no file and no run 'nosuchrun'" in result.err
    assert f"hint: the last run is {run_files()[0].stem}" in result.err


def test_rerun_asks_those_that_failed(run, program, inventory, closed_port):
    """After a fix only the hosts are asked that were not deployable, by any program."""
    closed = f"address: 127.0.0.1, port: {closed_port}"
    bad = "transport: local, start: {env: {LD_PRELOAD: x}, run_as: nobody-here}"
    inventory(good="transport: local", bad=bad, gone=closed)
    run("check", program(), "--fail-on", "unknown")
    first = run_files()[0].stem
    blocked = by_outcome(first)

    failed = run("check", program("fixed"), "--rerun", f"failed={first}", "--format", "json")
    gone = run("check", program("fixed"), "--rerun", f"unreachable={first}", "--format", "json")

    assert blocked == set(by_host(failed.out))
    assert {"gone"} == set(by_host(gone.out))


def by_outcome(run_id: str) -> set[str]:
    """Return the hosts that were not deployable in a run."""
    lines = lines_of(RUNS / f"{run_id}.jsonl")
    return {
        line["host"]
        for line in lines
        if line["type"] == "verdict" and line["outcome"] != "deployable"
    }


def test_rerun_of_nothing_says_so(run, program, inventory):
    """Where no host failed there is nothing to do, and that is well."""
    inventory(a="transport: local", b="transport: local")
    run("check", program())

    result = run("check", program(), "--rerun", "failed", "--format", "names")

    assert (0, "") == (result.status, result.out)
    assert "preflight: none of the hosts was failed in " in result.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rerun", "some"], "--rerun 'some': no such hosts"),
        (["--rerun", "failed="], "--rerun 'failed=': no such hosts"),
        (["--rerun", "failed", "--resume", "last"], "--resume and --rerun exclude each other"),
        (["--resume", "last", "--local"], "--resume and --local exclude each other"),
        (["--shard", "1/2", "--local"], "--shard chooses from an inventory"),
        (["--resume", "last", "--facts", "f"], "--resume and --facts exclude each other"),
        (["--shard", "1/2", "--facts", "f"], "--shard and --facts exclude each other"),
    ],
)
def test_contradictions_are_refused(run, program, options, message):
    """Options that cannot both be meant are an error."""
    result = run("check", program(), *options)

    assert 2 == result.status
    assert message in result.err


def test_jsonl_streams(start, program, inventory, silent):
    """Whoever reads the format jsonl has a host's lines while others are still asked."""
    port = silent.getsockname()[1]
    inventory(here="transport: local", hung=f"address: 127.0.0.1, port: {port}")
    process = start("check", program(), "--format", "jsonl", "--connect-timeout", "60")
    with silent.accept()[0]:
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)

    assert ["run", "binary", "host", "verdict"] == [line["type"] for line in lines]
    kinds = [json.loads(line)["type"] for line in rest.splitlines()]
    assert ["host", "verdict", "summary"] == kinds
    assert 130 == process.returncode


def test_reader_who_leaves_ends_the_run(start, program, inventory, silent):
    """As in ``preflight check … --format jsonl | head -1``: no further host is asked."""
    port = silent.getsockname()[1]
    hung = f"address: 127.0.0.1, port: {port}"
    inventory(hung=hung, here="transport: local", late=hung)
    process = start("check", program(), "--format", "jsonl", "-f", "2", "--connect-timeout", "60")
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None

    with silent.accept()[0]:
        assert 141 == process.wait(20)
    wait_until(lambda: '"type":"summary"' in run_files()[0].read_text())


def test_full_disk_under_one_report_spares_the_others(preflight, program):
    """One error line names what is not whole, everything else is written, and the status is 70."""
    files = ["--format", "jsonl=/dev/full", "--format", "json=whole.json", "--format", "table"]

    result = preflight("check", program(), *files)

    assert 70 == result.status
    error = "preflight: error: /dev/full: No space left on device; the output is not whole\n"
    assert error == result.err
    assert "1 deployable, 0 blocked, 1 unknown" in result.out
    assert {"here", "gone"} == set(by_host(Path("whole.json").read_text()))
    assert "summary" == lines_of(run_files()[0])[-1]["type"]


def test_outputs_that_are_not_whole_are_all_named(preflight, program):
    """Each output that is not whole has a line of its own."""
    files = ["--format", "jsonl=r.jsonl", "--format", "json=r.json", "--format", "table"]

    def allow_small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    result = preflight("check", program(), *files, preexec_fn=allow_small_files_only)

    names = [line.split(": ")[2] for line in result.err.splitlines()]
    assert [str(run_files()[0].absolute()), "r.jsonl", "r.json"] == names
    assert 70 == result.status
    assert "1 deployable" in result.out


@pytest.fixture
def tiny_disk(tmp_path, monkeypatch) -> Iterator[Path]:
    """A state directory on a file system that is soon full."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("a small file system needs root, and the right to mount")
    monkeypatch.setenv("XDG_STATE_HOME", str(place))
    yield place
    subprocess.run(["umount", place], check=True)


def test_full_disk_under_the_run_file(preflight, program, inventory, closed_port, tiny_disk):
    """The report is whole, the run file has what fitted, and the status is 70."""
    closed = f"address: 127.0.0.1, port: {closed_port}"
    inventory(**{f"h{number}": closed for number in range(50)})

    result = preflight("check", program(), "--format", "json")

    assert 50 == len(by_host(result.out))
    assert 70 == result.status
    (line,) = result.err.splitlines()
    (path,) = (tiny_disk / "preflight" / "runs").iterdir()
    assert f"preflight: error: {path}: No space left on device; the output is not whole" == line
    assert 3 == preflight("report", path, "--format", "names").status
    assert "hosts are known from" in preflight("check", program(), "--resume", path).err
