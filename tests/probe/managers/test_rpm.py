"""RPM and the cache of dnf: real packages in a real repository, and dnf's own answer beside."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.model.question import Offer, Package
from preflight.probe.managers import read_packages
from preflight.probe.managers.request import words
from preflight.probe.script import code_of

TOOLS = ("rpmbuild", "createrepo_c", "dnf", "gcc", "zstd")
absent = [tool for tool in TOOLS if shutil.which(tool) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} not installed"),
]
SPEC = """
Name: libdemo
Epoch: 1
Version: 1.{release}
Release: 1
Summary: A library and a command
License: MIT
BuildArch: x86_64
%description
A library and a command.
%install
mkdir -p %{{buildroot}}/usr/lib64 %{{buildroot}}/usr/bin
cp libdemo.so.1 %{{buildroot}}/usr/lib64/
cp /bin/true %{{buildroot}}/usr/bin/demo-tool
%files
/usr/lib64/libdemo.so.1
/usr/bin/demo-tool
"""
LIBRARY = Package("libdemo.so.1")
VERSION = Package("libdemo.so.1", 64, "DEMO_1.2", "/usr/lib64/libdemo.so.1")
TOO_NEW = Package("libdemo.so.1", 64, "DEMO_1.9", "/usr/lib64/libdemo.so.1")
COMMAND = Package("/usr/bin/demo-tool")
OTHER = Package("libdemo.so.1", 32)


class Host:
    """A directory with the database of rpm and the cache of dnf in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cache = directory / "var/cache/dnf"
        self._home = directory / "home"
        self._home.mkdir(parents=True)
        (self._home / ".rpmmacros").write_text(f"%_dbpath {directory}/var/lib/rpm\n")
        self.env = {**os.environ, "HOME": str(self._home), "LC_ALL": "C"}

    def dnf(self, *arguments: str) -> str:
        """Return what dnf says with this cache."""
        where = [f"--setopt={key}={self.directory}/log" for key in ("logdir", "persistdir")]
        where += [f"--setopt=cachedir={self.cache}", "--setopt=reposdir=/none", "--releasever=1"]
        repository = f"--repofrompath=demo,file://{self.directory}/repository"
        argv = ["dnf", "-q", *where, repository, *arguments]
        return subprocess.run(argv, env=self.env, text=True, capture_output=True, check=True).stdout

    def said(self, *questions: Package) -> bytes:
        """Return what the script prints, with its absolute paths below the directory."""
        code = code_of("packages.sh").replace("/var/", f"{self.directory}/var/")
        code = code.replace("/lib/apk", f"{self.directory}/lib/apk")
        argv = ["sh", "-c", code, "sh", *words(questions)]
        return subprocess.run(argv, env=self.env, capture_output=True, check=True).stdout

    def asked(self, *questions: Package):
        """Return the answers to *questions*, in their order."""
        answers = read_packages(questions, self.said(*questions))
        return [answers[question] for question in questions]


@pytest.fixture(scope="module")
def host(tmp_path_factory) -> Host:
    """A host that could install libdemo 1.1 and 1.2; the latter has DEMO_1.2."""
    host = Host(tmp_path_factory.mktemp("host"))
    nodes = "DEMO_1.0 { global: demo; };\n"
    for release in (1, 2):
        nodes += f"DEMO_1.{release} {{ }} DEMO_1.{release - 1};\n"
        build(host, release, nodes)
    subprocess.run(["createrepo_c", "-q", host.directory / "repository"], check=True)
    host.dnf("makecache")
    return host


def build(host: Host, release: int, nodes: str) -> None:
    """Build the package of one release, whose library has *nodes*."""
    work = host.directory / f"build-{release}"
    work.mkdir()
    (work / "demo.c").write_text("void demo(void) {}\n")
    (work / "demo.map").write_text(nodes)
    (work / "demo.spec").write_text(SPEC.format(release=release))
    link = ["-Wl,-soname,libdemo.so.1", "-Wl,--version-script=demo.map"]
    gcc = ["gcc", "-shared", "-fPIC", "-o", "libdemo.so.1", *link, "demo.c"]
    subprocess.run(gcc, cwd=work, check=True)
    defines = {
        "_topdir": work,
        "_builddir": work,
        "_rpmdir": host.directory / "repository",
        "_binary_payload": "w0.gzdio",
        "debug_package": "%{nil}",
    }
    defined = [word for key, value in defines.items() for word in ("--define", f"{key} {value}")]
    command = ["rpmbuild", "-bb", "--quiet", *defined, "demo.spec"]
    subprocess.run(command, cwd=work, env=host.env, check=True, capture_output=True)


def test_cache_tells_library_version_and_command(host):
    """The newest that provides the capability is the candidate; what none has is not made up."""
    library, version, too_new, command, other = host.asked(
        LIBRARY, VERSION, TOO_NEW, COMMAND, OTHER
    )

    offer = Offer("libdemo", "provides", "dnf cache", None, "1:1.2-1")
    assert (library.packages, library.manager, library.read) == ((offer,), "dnf", True)
    assert version.packages == (offer,)
    assert command.packages == (offer,)
    assert (too_new.packages, too_new.read) == ((), True)
    assert other.packages == ()


def test_answers_are_those_of_dnf(host):
    """What dnf itself finds for each capability, from its cache alone, is what was found."""
    for capability, question in {
        "libdemo.so.1(DEMO_1.2)(64bit)": VERSION,
        "/usr/bin/demo-tool": COMMAND,
    }.items():
        query = ["repoquery", "-C", "--latest-limit=1", "--whatprovides", capability]
        words_ = host.dnf(*query, "--qf", "%{name} %{epoch}:%{version}-%{release}").split()
        expected = list(zip(words_[::2], words_[1::2], strict=True))

        (answer,) = host.asked(question)

        assert [(one.name, one.candidate) for one in answer.packages] == expected


def test_installed_package_is_the_one_to_upgrade(host):
    """The owner's newer version has the node, and one that no version has is nowhere."""
    (package,) = (host.directory / "repository").rglob("libdemo-1.1-1.*.rpm")
    install = ["rpm", "--nodeps", "--noscripts", "-i", "--justdb", "--ignoreos", "--ignorearch"]
    subprocess.run([*install, package], env=host.env, check=True)
    try:
        version, library = host.asked(VERSION, LIBRARY)
    finally:
        subprocess.run(["rpm", "-e", "--justdb", "libdemo"], env=host.env, check=True)

    assert version.packages[0].relation == "provides"
    assert version.packages[0].candidate == "1:1.2-1"
    assert library.packages[0].installed == "1:1.1-1"


def test_nothing_is_written(host):
    """The cache stays as it is, and no lock is left."""

    def state() -> list[tuple[str, int, int]]:
        # SQLite keeps an index of readers beside rpm's database, by every rpm -q.
        paths = (p for p in (host.directory / "var").rglob("*") if not p.name.endswith("-shm"))
        return sorted(
            (str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in paths if p.is_file()
        )

    host.said(LIBRARY)
    before = state()

    host.said(LIBRARY, VERSION)

    assert before == state()


@pytest.mark.parametrize("ending", ["zst", "xz", "bz2", "xml"])
def test_any_compression_is_read(host, ending):
    """Of newer repositories the index is compressed otherwise."""
    (index,) = host.cache.glob("*/repodata/*-primary.xml.gz")
    tool = {"zst": ["zstd", "-qc"], "xz": ["xz", "-c"], "bz2": ["bzip2", "-c"], "xml": ["cat"]}
    plain = subprocess.run(["gzip", "-dc", index], capture_output=True, check=True).stdout
    packed = subprocess.run(tool[ending], input=plain, capture_output=True, check=True).stdout
    other = index.with_name("primary.xml" if ending == "xml" else f"0-primary.xml.{ending}")
    kept = index.read_bytes()
    index.unlink()
    other.write_bytes(packed)
    try:
        (answer,) = host.asked(LIBRARY)
    finally:
        other.unlink()
        index.write_bytes(kept)

    assert answer.packages[0].candidate == "1:1.2-1"


def test_host_without_a_cache_cannot_tell(host):
    """No index: nothing is said of what could be installed, and why."""
    cache = host.cache.rename(host.cache.with_name("away"))
    try:
        (answer,) = host.asked(LIBRARY)
    finally:
        cache.rename(host.cache)

    assert (answer.packages, answer.read) == ((), False)
    assert answer.reason == "dnf has no cache there: dnf makecache makes one"
