"""What the package manager says mends a finding does: really installed in a throw-away root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.api.conversation import Conversation
from preflight.api.judged import Judged
from preflight.api.wants import Want
from preflight.judge import judge
from preflight.model.host import Host
from preflight.model.start import Start
from preflight.probe.interview import Interview
from preflight.probe.store import Store
from preflight.transport import Deadline
from tests.hosts import needs, recipes, roots, runs
from tests.probe.conftest import ShellStream

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(needs.missing() is not None, reason=f"no root here: {needs.missing()}"),
]


class Chroot:
    """A session with a root of this machine, as *user*."""

    def __init__(self, root: Path, user: str = "root") -> None:
        self._argv = ["chroot", f"--userspec={user}", str(root), "/bin/sh", "-c"]

    def start(self, command: str) -> ShellStream:
        """Start *command* there."""
        return ShellStream([*self._argv, command])


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A copy of the root with apt's lists; what is written into it ends with the module."""
    with runs.started() as directory:
        yield runs.mount_root(roots.made_by(recipes.WITH_LISTS), directory, "with-lists")


def asked(root: Path, program: Path, user: str = "root"):
    """Return the outcome of one host, and how many rounds it took without its packages."""
    want = Want(analyze(program), Start(install_path="/opt/app"))
    deadline = Deadline.after(60)
    with Interview(Chroot(root, user), Store(), key="host", deadline=deadline) as interview:
        talk = Conversation(_host(), (want,), interview.begin(), Judged())
        while questions := talk.questions(everything=False):
            talk.hear(interview.ask(questions))
        before = interview.rounds
        if packages := talk.packages():
            talk.hear(interview.ask_packages(packages))
        return talk.outcome(interview.rounds, interview.exhausted), before, want


def _host() -> Host:
    return Host(name="host", address="host")


def needing(directory: Path, *sonames: str, source: str = "int main(void) { return 0; }") -> Path:
    """Build a program of this machine that needs *sonames*."""
    libraries = []
    for soname in sonames:
        library = directory / soname
        command = ["gcc", "-shared", "-o", library, f"-Wl,-soname,{soname}", "-xc", os.devnull]
        subprocess.run(command, check=True)
        libraries.append(library)
    (directory / "app.c").write_text(source)
    command = ["gcc", "-o", "app", "app.c", "-Wl,--no-as-needed", *libraries]
    subprocess.run(command, cwd=directory, check=True)
    return directory / "app"


def host_remedies(verdict, code: str):
    """Return what mends the first finding of *code* on the host."""
    found = next(finding for finding in verdict.findings if finding.code == code)
    return [remedy for remedy in found.remedies if remedy.where == "host"]


def state_of(root: Path) -> str:
    """Return what there is under apt's and dpkg's directories and in /tmp, and when it changed."""
    command = ["find", "var/lib/apt", "var/lib/dpkg", "var/cache", "tmp", "-mindepth", "1", "-ls"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout


def test_missing_library_is_mended_by_the_package_that_is_named(root, tmp_path):
    """Installed from what the host's lists offer, the package makes the finding go away."""
    app = needing(tmp_path, "libonig.so.5")
    state = state_of(root)
    outcome, before, _ = asked(root, app)
    assert state == state_of(root)
    assert outcome.snapshot.rounds == before + 1
    (remedy,) = host_remedies(outcome.verdicts[0], "library-missing")
    assert (remedy.package, remedy.source, remedy.installed) == ("libonig5", "apt lists", None)
    assert remedy.certainty == "naming-rule"
    assert remedy.command == "apt-get install libonig5"

    apt = ["apt-get", "install", "--yes", "--no-download", f"libonig5={remedy.candidate}"]
    subprocess.run(["chroot", root, *apt], check=True, capture_output=True)
    after, before, _ = asked(root, app)

    assert after.verdicts[0].outcome == "deployable"
    assert after.snapshot.rounds == before


def test_any_user_may_ask(root, tmp_path):
    """Who is not root, and has no home, gets the same answers; what no rule leads to is told."""
    app = needing(tmp_path, "libcares.so.2", "libopus.so.0")

    verdict = asked(root, app, "nobody")[0].verdicts[0]

    found = {one.subject: one.remedies[0] for one in verdict.findings}
    assert found["libcares.so.2"].package is None
    assert "no package in the host's lists" in found["libcares.so.2"].text
    assert found["libopus.so.0"].package == "libopus0"


def test_cache_of_apt_is_used_while_it_is_fresh(root, tmp_path):
    """A cache that is newer than the lists saves making one; an older one is not believed."""
    app = needing(tmp_path, "libopus.so.0")
    subprocess.run(["chroot", root, "apt-cache", "gencaches"], check=True, capture_output=True)
    cache = root / "var/cache/apt/pkgcache.bin"
    os.utime(cache)
    fresh = asked(root, app)[0]
    cache.write_bytes(b"")
    os.utime(cache, (1, 1))

    stale = asked(root, app)[0]

    cache.unlink()
    (remedy,) = host_remedies(fresh.verdicts[0], "library-missing")
    assert remedy.package == "libopus0"
    assert fresh.verdicts == stale.verdicts


def test_contents_index_makes_it_certain(root, tmp_path):
    """Where apt-file left its index, it is known what the package has, whatever its name."""
    app = needing(tmp_path, "libcares.so.2")
    (lists,) = (root / "var/lib/apt/lists").glob("*_Packages")
    index = Path(str(lists).replace("main_binary-amd64_Packages", "main_Contents-amd64"))
    index.write_text(
        "usr/lib/node/libcares.so.2                 libs/nodejs-of-its-own\n"
        "usr/lib/x86_64-linux-gnu/libcares.so.2     libs/libc-ares2\n"
        "usr/lib/x86_64-linux-gnu/libcares.so.2.6.0 libs/other\n"
    )

    (remedy,) = host_remedies(asked(root, app)[0].verdicts[0], "library-missing")

    index.unlink()
    assert (remedy.package, remedy.source) == ("libc-ares2", "apt contents")
    assert (remedy.certainty, remedy.satisfies) == ("stated", True)
    archive = next((root / "var/cache/apt/archives").glob("libc-ares2_*.deb"))
    listed = subprocess.run(["dpkg", "-c", archive], capture_output=True, text=True, check=True)
    assert "/libcares.so.2 " in listed.stdout


def test_library_that_was_deleted_is_installed_again(root, tmp_path):
    """The package lies there without its file, and is not offered as new."""
    app = needing(tmp_path, "libssl.so.3")
    library = root / "usr/lib/x86_64-linux-gnu/libssl.so.3"
    kept = library.read_bytes()
    library.unlink()

    (remedy,) = host_remedies(asked(root, app)[0].verdicts[0], "library-missing")

    library.write_bytes(kept)
    assert remedy.command == "apt-get install --reinstall libssl3"
    assert (remedy.source, remedy.satisfies) == ("dpkg", None)


def test_candidate_that_is_too_old_is_no_remedy(root, tmp_path):
    """The lists hold no glibc with the version that is needed: that is said, nothing is typed."""
    app = needing(tmp_path)
    data = app.read_bytes()
    # A version of the same length, and its hash as the loader compares it.
    old, new = b"GLIBC_2.34\0", b"GLIBC_2.99\0"
    data = data.replace(old, new).replace(_hash(old), _hash(new))
    app.write_bytes(data)

    outcome, _, want = asked(root, app)

    (remedy,) = host_remedies(outcome.verdicts[0], "version-missing")
    assert (remedy.package, remedy.satisfies, remedy.command) == ("libc6", False, None)
    assert remedy.candidate == remedy.installed
    assert remedy.candidate.startswith("2.36-")
    assert "would not satisfy GLIBC_2.99" in remedy.text
    again = judge(want.requirements, want.start, outcome.snapshot).verdict
    assert again.findings == outcome.verdicts[0].findings


def _hash(version: bytes) -> bytes:
    """Return vna_hash.  Source: System V gABI, elf_hash()."""
    value = 0
    for byte in version.rstrip(b"\0"):
        value = (value << 4) + byte
        high = value & 0xF0000000
        value = (value ^ (high >> 24)) & ~high
    return value.to_bytes(4, "little")


def test_interpreter_of_a_script_is_asked_for(root, tmp_path):
    """A script's interpreter is a file of some package, too."""
    script = tmp_path / "app.py"
    script.write_text("#!/usr/bin/python3\n")

    (remedy,) = host_remedies(asked(root, script)[0].verdicts[0], "interpreter-missing")

    assert (remedy.package, remedy.certainty) == ("python3", "naming-rule")
