"""Directories and archives are opened in place: what is in them, and what is refused."""

from __future__ import annotations

import contextlib
import hashlib
import io
import random
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

from preflight.analyze import analyze
from preflight.errors import BinaryError
from preflight.model.requirements import Requirements
from tests.builders.elf import build_elf

PROGRAM = build_elf(interpreter="/lib64/ld-linux-x86-64.so.2", needed=["libc.so.6"])
LIBRARY = build_elf(soname="libx.so.1")


@pytest.fixture
def tree(tmp_path) -> Path:
    """Return a directory with a program, a library, links and a text."""
    root = tmp_path / "app"
    for name in ("bin", "lib"):
        (root / name).mkdir(parents=True)
    (root / "bin/app").write_bytes(PROGRAM)
    (root / "bin/app").chmod(0o755)
    (root / "bin/again").hardlink_to(root / "bin/app")
    (root / "lib/libx.so.1.0").write_bytes(LIBRARY)
    (root / "lib/libx.so.1").symlink_to("libx.so.1.0")
    (root / "README").write_text("read me\n")
    return root


def tarred(path: Path, *members: tuple[str, bytes, dict[str, object]]) -> Path:
    """Write an archive of *members*: a name, the content, what else the header says."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data, fields in members:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            for field, value in fields.items():
                setattr(header, field, value)
            archive.addfile(header, io.BytesIO(data))
    return path


def link(target: str, kind: bytes = tarfile.SYMTYPE) -> dict[str, object]:
    """Return the fields of a link."""
    return {"type": kind, "linkname": target}


def inner(needs: Requirements) -> list[str]:
    """Return where the members lie in their bundle."""
    assert needs.bundle is not None
    return sorted(member.inner or "" for member in needs.bundle.members)


def paths(needs: Requirements) -> set[str]:
    """Return every path in the bundle."""
    assert needs.bundle is not None
    return {entry.path for entry in needs.bundle.entries} - {""}


def test_a_directory(tree):
    """Programs and libraries are members, with the path of each; links are not followed."""
    needs = analyze(tree)

    assert "directory" == needs.format
    assert needs.bundle is not None
    assert {"b1.1", "b1.2", "b1.3"} == {member.id for member in needs.bundle.members}
    assert {"b1"} == {member.member_of for member in needs.bundle.members}
    assert f"{tree}/lib/libx.so.1.0" in {member.path for member in needs.bundle.members}
    assert "libx.so.1.0" == needs.bundle.index["lib/libx.so.1"].target


def test_a_changed_member_changes_the_directory(tree):
    """The hash of a directory is one of its contents: a run about others is not resumed."""
    before = analyze(tree).sha256
    (tree / "lib/libx.so.1.0").write_bytes(build_elf(soname="libx.so.2"))

    assert before != analyze(tree).sha256


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"])
def test_tar_archives(tmp_path, suffix):
    """Every compression that tar writes gives the names that tar lists, and the same bytes."""
    path = tmp_path / f"app.{suffix}"
    subprocess.run(["tar", "-caf", path, "-C", tmp_path, "app"], check=True)
    listed = subprocess.run(["tar", "-tf", path], check=True, capture_output=True, text=True)

    needs = analyze(path)

    assert {line.rstrip("/") for line in listed.stdout.splitlines()} == paths(needs)
    assert ["app/bin/app", "app/lib/libx.so.1.0"] == [
        name.replace("again", "app") for name in inner(needs)
    ]
    assert needs.bundle is not None
    sizes = {member.name: member.size_bytes for member in needs.bundle.members}
    assert len(LIBRARY) == sizes["libx.so.1.0"]
    one, two = needs.bundle.index["app/bin/app"], needs.bundle.index["app/bin/again"]
    assert (one.number, one.member) == (two.number, two.member)


def test_zip_archives(tree, tmp_path):
    """A zip file, which a wheel is too, is read with its modes."""
    path = tmp_path / "app.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tree / "bin/app", "bin/app")
        archive.write(tree / "README", "README")

    needs = analyze(path)

    assert {"bin", "bin/app", "README"} == paths(needs)
    assert ["bin/app"] == inner(needs)
    assert needs.bundle is not None
    assert 0o755 == needs.bundle.index["bin/app"].mode


@pytest.mark.parametrize(
    ("system", "names"), [(0, {"bin", "bin/app"}), (3, {"bin\\app"})], ids=["dos", "unix"]
)
def test_backslashes_of_windows_part_directories(tmp_path, system, names):
    """A zip of older .NET unpacks into directories, as with unzip; elsewhere it is a name."""
    path, member = tmp_path / "app.zip", zipfile.ZipInfo("bin\\app")
    member.create_system = system
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, PROGRAM)

    assert names == paths(analyze(path))


def test_backslashes_lead_nowhere_else(tmp_path):
    """Read as slashes, they are held to the same rules."""
    path, member = tmp_path / "app.zip", zipfile.ZipInfo("..\\app")
    member.create_system = 0
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, PROGRAM)

    with pytest.raises(BinaryError, match="leads out of the archive"):
        analyze(path)


@pytest.mark.parametrize("compression", ["xz", "zstd", "gzip", "none"])
def test_debian_packages(tree, tmp_path, compression):
    """A package installs at /, and has what dpkg-deb lists."""
    (tree / "DEBIAN").mkdir()
    control = "Package: app\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@b>\nDescription: a\n"
    (tree / "DEBIAN/control").write_text(control)
    path = tmp_path / "app.deb"
    build = ["dpkg-deb", f"-Z{compression}", "--root-owner-group", "-b", tree, path]
    subprocess.run(build, check=True, capture_output=True)

    needs = analyze(path)

    assert needs.bundle is not None
    assert "/" == needs.bundle.root
    listed = subprocess.run(["dpkg-deb", "-c", path], check=True, capture_output=True, text=True)
    names = (line.split(maxsplit=5)[5] for line in listed.stdout.splitlines())
    shown = {n.split(" -> ")[0].split(" link to ")[0].strip("./") for n in names}
    assert shown - {""} == paths(needs)


SPEC = """Name: app
Version: 1
Release: 1
Summary: app
License: MIT
AutoReqProv: no
%define _binary_payload {payload}
%define __os_install_post %{{nil}}
%description
app
%install
mkdir -p %{{buildroot}}/opt
cp -a {tree} %{{buildroot}}/opt/app
%files
/opt/app
"""


@pytest.mark.slow
@pytest.mark.parametrize("payload", ["w2.xzdio", "w3.zstdio", "w9.gzdio", "w9.bzdio", "w.ufdio"])
def test_rpm_packages(tree, tmp_path, payload):
    """A package installs at /, and has what rpm lists, with the same bytes."""
    (tmp_path / "app.spec").write_text(SPEC.format(tree=tree, payload=payload))
    top = ["--define", f"_topdir {tmp_path}/rpm", "--define", f"_rpmdir {tmp_path}"]
    subprocess.run(
        ["rpmbuild", "-bb", *top, tmp_path / "app.spec"], check=True, capture_output=True
    )
    (path,) = tmp_path.glob("*/app-1-1.*.rpm")
    listed = subprocess.run(["rpm", "-qlp", path], check=True, capture_output=True, text=True)

    needs = analyze(path)

    assert needs.bundle is not None
    assert "/" == needs.bundle.root
    assert {line.lstrip("/") for line in listed.stdout.splitlines()} == paths(needs) - {"opt"}
    digests = {member.name: member.sha256 for member in needs.bundle.members}
    assert hashlib.sha256(LIBRARY).hexdigest() == digests["libx.so.1.0"]
    one, two = (needs.bundle.index[f"opt/app/bin/{name}"] for name in ("app", "again"))
    assert one.member == two.member


def test_an_archive_without_programs_is_a_mistake(tmp_path):
    """As a directory without any is; archives in it are not opened."""
    inner = tarred(tmp_path / "inner.tgz", ("app", PROGRAM, {}))
    outer = tarred(tmp_path / "a.tar.gz", ("a", b"text", {}), ("i.tgz", inner.read_bytes(), {}))

    with pytest.raises(BinaryError, match="compressed with gzip, without programs") as caught:
        analyze(outer)
    assert "archives in archives are not opened" in caught.value.hint


@pytest.mark.parametrize("name", ["app.jar", "app.pyz", "app.whl"])
def test_an_archive_for_another_use_stays_what_it_is(tmp_path, name):
    """It is told what it is, and that Linux does not start it."""
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("__main__.py", "print(1)")

    found = analyze(tmp_path / name)

    assert (found.format, found.bundle) == ("archive", None)


def test_the_last_of_a_name_wins(tmp_path):
    """What tar would leave after unpacking is what counts."""
    twice = ("app", PROGRAM, {}), ("app", LIBRARY, {})

    needs = analyze(tarred(tmp_path / "a.tgz", *twice))

    assert needs.bundle is not None
    assert ["libx.so.1"] == [m.elf and m.elf.soname for m in needs.bundle.members]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../app", PROGRAM, {})], "member '../app' leads out of the archive"),
        ([("/app", PROGRAM, {})], "member '/app' leads out of the archive"),
        ([("a", b"", link("../etc")), ("b", PROGRAM, {})], "link 'a' leads out of it, to '../etc'"),
        ([("a", b"", link("/etc")), ("a/b", PROGRAM, {})], "a member lies behind 'a', a symlink"),
        (
            [("a", b"", link("b", tarfile.LNKTYPE))],
            "member 'a' is a hard link to 'b', which is not in the archive",
        ),
    ],
)
def test_what_leads_out_is_refused(tmp_path, members, reason):
    """An archive that would write elsewhere ends in one line."""
    path = tarred(tmp_path / "bad.tgz", *members)

    with pytest.raises(BinaryError) as caught:
        analyze(path)

    assert f"{path}: {reason}" == caught.value.message


def test_devices_are_left_aside(tmp_path):
    """A device in an archive is neither made nor read."""
    device = {"type": tarfile.CHRTYPE}
    needs = analyze(tarred(tmp_path / "a.tgz", ("null", b"", device), ("app", PROGRAM, {})))

    assert needs.bundle is not None
    assert "other" == needs.bundle.index["null"].kind


def test_a_bomb_is_refused_at_once(tmp_path):
    """What claims to unpack to far more than its size is not unpacked."""
    (tmp_path / "big").touch()
    with (tmp_path / "big").open("r+b") as file:
        file.truncate(3 << 30)
    path = tmp_path / "bomb.tgz"
    subprocess.run(["tar", "-czSf", path, "-C", tmp_path, "big"], check=True)

    with pytest.raises(BinaryError, match="unpacks to more than 1000 times its size"):
        analyze(path)


def test_millions_of_entries_are_refused(tmp_path, monkeypatch):
    """The number of entries has a limit."""
    monkeypatch.setattr(sys.modules["preflight.analyze.bundles.item"], "ENTRIES", 2)
    path = tarred(tmp_path / "a.tgz", *((name, PROGRAM, {}) for name in "abc"))

    with pytest.raises(BinaryError, match="more than 2 entries"):
        analyze(path)


@pytest.mark.parametrize("name", ["app.tar", "app.tar.gz", "app.tar.xz", "app.zip", "app.deb"])
def test_damaged_archives_end_in_one_line(tree, tmp_path, name):
    """Whatever is cut or changed: an answer or a `BinaryError`, and nothing else."""
    path = tmp_path / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tree / "bin/app", "bin/app")
    elif name.endswith(".deb"):
        (tree / "DEBIAN").mkdir()
        control = "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: a\n"
        (tree / "DEBIAN/control").write_text(control)
        subprocess.run(["dpkg-deb", "-Zgzip", "-b", tree, path], check=True, capture_output=True)
    else:
        subprocess.run(["tar", "-caf", path, "-C", tmp_path, "app"], check=True)
    whole, chance = path.read_bytes(), random.Random(5)

    for _ in range(60):
        data = bytearray(whole[: chance.randrange(len(whole))])
        for _ in range(chance.randrange(3)):
            data[chance.randrange(len(data) or 1) : 1] = bytes([chance.randrange(256)])
        path.write_bytes(data)
        with contextlib.suppress(BinaryError):
            analyze(path)


@pytest.mark.usefixtures("tree")
def test_a_cut_tar_archive_is_not_taken_for_a_whole_one(tmp_path):
    """Members that are not there any more must not be overlooked."""
    path = tmp_path / "app.tar"
    subprocess.run(["tar", "-cf", path, "-C", tmp_path, "app"], check=True)
    path.write_bytes(path.read_bytes()[:2000])

    with pytest.raises(BinaryError, match="the archive is damaged"):
        analyze(path)


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    """A large member goes through a nameless file in the temporary directory."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(sys.modules["preflight.analyze.bundles.collect"], "_IN_MEMORY_BYTES", 16)

    needs = analyze(tarred(tmp_path / "a.tgz", ("app", PROGRAM, {})))

    assert ["app"] == inner(needs)
    assert [] == list(place.iterdir())
