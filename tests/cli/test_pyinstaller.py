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


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The same as a one-folder program: a small one, and its libraries beside it."""
    directory = tmp_path_factory.mktemp("onedir")
    (directory / "app.py").write_text(SOURCE)
    command = [sys.executable, "-m", "PyInstaller", "--onedir", "--log-level", "ERROR", "app.py"]
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


@pytest.mark.parametrize("name", ["bullseye", "bookworm", "trixie"])
def test_a_folder_is_judged_with_what_lies_beside_the_program(run, fleet, folder, name):
    """Its extensions are opened by the program, once that has libpython; both are started."""
    place = ["-i", str(fleet.inventory), "-l", name, "-F", "none", "--install-path", "/root/dir/"]
    result = run("check", str(folder), *place, "--format", "json")
    target = fleet.root(name) / "root/dir"
    subprocess.run(["cp", "-a", folder, target], check=True)
    real = real_start(fleet.root(name), ["/root/dir/app"], timeout_s=60)

    verdicts = {v["path"].removeprefix(f"{folder}/"): v for v in json.loads(result.out)["verdicts"]}

    outcome = verdicts[str(folder)]["outcome"]
    assert ("blocked" if real.status else "deployable") == outcome, real.stderr
    libpython = verdicts["_internal/libpython3.11.so.1.0"]
    assert f"{folder}/app" == libpython["loaded_by"]
    if real.status:
        assert libpython["predicted_error"].partition(": ")[2] in real.stderr
        assert 1 == len(verdicts[str(folder)]["findings"])


def test_a_folder_whose_extension_lacks_a_library_is_blocked(run, fleet, folder, tmp_path):
    """A library that only the host of the build had is missed, by the import and by us."""
    subprocess.run(["cp", "-a", folder, tmp_path / "app"], check=True)
    (tmp_path / "app/_internal/libsqlite3.so.0").unlink()
    root = fleet.root("trixie")
    (library,) = (root / "usr/lib/x86_64-linux-gnu").glob("libsqlite3.so.0")
    library.rename(root / "tmp/sqlite")
    subprocess.run(["cp", "-a", tmp_path / "app", root / "root/cut"], check=True)
    place = ["-i", str(fleet.inventory), "-l", "trixie", "--install-path", "/root/cut/"]

    result = run("check", str(tmp_path / "app"), *place, "-F", "none", "--format", "json")
    real = real_start(root, ["/root/cut/app"], timeout_s=60)
    (root / "tmp/sqlite").rename(library)

    (whole,) = (v for v in json.loads(result.out)["verdicts"] if v["binary"] == "b1")
    (finding,) = (found for found in whole["findings"] if found["severity"] == "error")
    assert real.status
    assert "_sqlite3" in finding["subject"]
    assert "libsqlite3.so.0" in real.stderr
    assert "libsqlite3.so.0" in finding["message"]


def test_a_one_folder_program_alone_is_unknown(run, folder):
    """The small program starts everywhere: what lies beside it was not given."""
    result = run("check", str(folder / "app"), "--local", "--format", "json")

    (verdict,) = json.loads(result.out)["verdicts"]
    assert (3, "payload-not-judged") == (result.status, verdict["findings"][0]["code"])
    assert "_internal beside it" in verdict["findings"][0]["message"]
