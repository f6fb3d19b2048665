"""PyInstaller programs, really built: judged by what they unpack, and started for real."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from preflight.analyze import analyze
from tests.hosts import runs
from tests.hosts.outcome import real_start

pytestmark = pytest.mark.slow

SOURCE = 'import json, sqlite3, ssl, zlib\nprint("fine")\n'


@pytest.fixture(scope="module")
def app(tmp_path_factory) -> Path:
    """A one-file program with OpenSSL and SQLite in it."""
    directory = tmp_path_factory.mktemp("pyinstaller")
    (directory / "app.py").write_text(SOURCE)
    command = [sys.executable, "-m", "PyInstaller", "--onefile", "--log-level", "ERROR", "app.py"]
    subprocess.run(command, cwd=directory, check=True, capture_output=True)
    return directory / "dist/app"


def judged(run, fleet, app: Path, name: str) -> dict:
    """Return the verdict on the program itself on one host."""
    place = ["-i", str(fleet.inventory), "-l", name, "-F", "none", "--install-path", "/root/app"]
    result = run("check", str(app), *place, "--format", "json")
    (verdict,) = (v for v in json.loads(result.out)["verdicts"] if v["binary"] == "b1")
    return verdict


def started(fleet, app: Path, name: str):
    """Return what becomes of it in the root itself."""
    place = fleet.root(name) / "root/app"
    place.write_bytes(app.read_bytes())
    place.chmod(0o755)
    return real_start(fleet.root(name), ["/root/app"], timeout_s=60)


@pytest.mark.parametrize("name", ["bullseye", "bookworm", "trixie"])
def test_a_payload_counts_and_not_the_stub_alone(run, fleet, app, name):
    """The stub starts on every release; the libraries in it want the C library of the build."""
    verdict, real = judged(run, fleet, app, name), started(fleet, app, name)

    assert (verdict["outcome"] == "blocked") == (real.status != 0), real.stderr
    if real.status:
        reasons = [f for f in verdict["findings"] if f["code"] == "member-blocked"]
        said = "\n".join(line for reason in reasons for line in reason["evidence"])
        assert re.findall(r"GLIBC_[\d.]+", real.stderr)[0] in said


def test_tmp_without_exec_stops_it(run, fleet, app):
    """It is unpacked to /tmp, and a library on a noexec mount cannot be mapped."""
    tmp = fleet.root("trixie") / "tmp"
    runs.mount("tmpfs", "noexec", tmp, "noexec,mode=1777")
    try:
        verdict, real = judged(run, fleet, app, "trixie"), started(fleet, app, "trixie")
    finally:
        subprocess.run(["umount", tmp], check=True)

    assert real.status
    assert "failed to map segment from shared object" in real.stderr
    assert verdict["outcome"] == "blocked"
    assert "mounted noexec" in verdict["findings"][0]["evidence"][0]


def test_what_it_unpacks_is_what_pyinstaller_lists(app):
    """Every library of the archive is a member, under its name there."""
    command = [
        sys.executable,
        "-m",
        "PyInstaller.utils.cliutils.archive_viewer",
        "-b",
        "-l",
        str(app),
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    members = analyze(app).bundle.members

    assert {"libcrypto.so.3", "libssl.so.3"} <= {member.inner for member in members}
    assert all(member.inner in listed for member in members)


@pytest.mark.parametrize("cut", [1, 60, 5000])
def test_a_damaged_archive_is_not_judged(run, app, tmp_path, cut):
    """Whether a program with a table that leads nowhere starts is unknown, not deployable."""
    data = bytearray(app.read_bytes())
    at = data.rfind(b"MEI\014\013\012\013\016")
    data[at + 12 : at + 16] = (len(data) - cut).to_bytes(4, "big")
    path = tmp_path / "cut"
    path.write_bytes(data)
    path.chmod(0o755)

    result = run("check", str(path), "--local", "--format", "json")

    (verdict,) = json.loads(result.out)["verdicts"]
    assert (result.status, verdict["outcome"]) == (3, "unknown")
    assert verdict["findings"][0]["code"] == "payload-not-judged"
