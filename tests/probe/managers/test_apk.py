"""Alpine's apk, by records as its database and its indices hold them."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from preflight.model.question import Offer, Package
from preflight.probe.managers import read_packages
from preflight.probe.managers.request import words
from preflight.probe.script import code_of

# Source: apk-package(5), apk-tools' src/package.c (apk_pkg_write_index_entry) and src/database.c.
INSTALLED = """\
C:Q1aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=
P:libstdc++
V:12.2.1_git20220924-r10
A:x86_64
S:639437
I:2408448
T:GNU C++ standard runtime library
U:https://gcc.gnu.org
L:GPL-2.0-or-later
o:gcc
m:Natanael Copa <ncopa@alpinelinux.org>
t:1690802532
D:so:libc.musl-x86_64.so.1 so:libgcc_s.so.1
p:so:libstdc++.so.6=6.0.30
F:usr
F:usr/lib
R:libstdc++.so.6
a:0:0:777
Z:Q1aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=
R:libstdc++.so.6.0.30
a:0:0:755

"""
INDEX = """\
C:Q1aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=
P:libssl3
V:3.1.8-r0
A:x86_64
S:247316
I:610304
T:SSL shared libraries
U:https://www.openssl.org/
L:Apache-2.0
o:openssl
t:1739280302
D:so:libc.musl-x86_64.so.1 so:libcrypto.so.3
p:so:libssl.so.3=3

C:Q1aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=
P:libstdc++
V:13.2.1_git20231014-r0
A:x86_64
D:so:libc.musl-x86_64.so.1
p:so:libstdc++.so.6=6.0.32

C:Q1aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=
P:python3
V:3.11.11-r0
A:x86_64
D:so:libssl.so.3
p:so:libpython3.11.so.1.0=1.0 cmd:python3=3.11.11-r0 cmd:pydoc3=3.11.11-r0

"""


@pytest.fixture
def ask(tmp_path):
    """Ask a host with that database and index; its paths lie below a directory."""
    database = tmp_path / "lib/apk/db/installed"
    database.parent.mkdir(parents=True)
    database.write_text(INSTALLED)
    index = tmp_path / "var/cache/apk/APKINDEX.0123abcd.tar.gz"
    index.parent.mkdir(parents=True)
    index.write_bytes(packed(INDEX))

    def asked(*questions: Package, without: Path | None = None):
        code = code_of("packages.sh").replace("/var/", f"{tmp_path}/var/")
        code = code.replace("/lib/apk/", f"{tmp_path}/lib/apk/")
        if without is not None:
            (tmp_path / without).unlink()
        argv = ["sh", "-c", code, "sh", *words(questions)]
        env = {"PATH": os.defpath, "LC_ALL": "C"}
        said = subprocess.run(argv, env=env, capture_output=True, check=True).stdout
        answers = read_packages(questions, said)
        return [answers[question] for question in questions]

    return asked


def packed(records: str) -> bytes:
    """Return an index as it is signed: two gzip streams, each part of one tar archive."""
    parts = []
    for name, data in ((".SIGN.RSA.key.rsa.pub", b"\x01" * 256), ("APKINDEX", records.encode())):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        parts.append(gzip.compress(buffer.getvalue()))
    return b"".join(parts)


def test_index_tells_library_and_command(ask):
    """What provides the library, and the command, is exact."""
    library, command, nowhere = ask(
        Package("libssl.so.3", guesses=("libssl3:amd64",)),
        Package("/usr/bin/python3", guesses=("python3",)),
        Package("libnone.so.1"),
    )

    assert library.packages == (Offer("libssl3", "provides", "apk index", None, "3.1.8-r0"),)
    assert command.packages == (Offer("python3", "provides", "apk index", None, "3.11.11-r0"),)
    assert (nowhere.packages, nowhere.read, nowhere.exact) == ((), True, True)


def test_owner_of_a_library_is_the_package_to_upgrade(ask):
    """Who holds the file that was found, in which version, and which version there would be."""
    (answer,) = ask(Package("libstdc++.so.6", 64, "GLIBCXX_3.4.32", "/usr/lib/libstdc++.so.6"))

    offer = Offer(
        *("libstdc++", "owns", "apk database"),
        *("12.2.1_git20220924-r10", "13.2.1_git20231014-r0"),
    )
    assert answer.packages == (offer,)


def test_host_without_an_index_knows_what_is_installed(ask):
    """No index, as in most images: no candidate, and the reason."""
    (answer,) = ask(
        Package("libstdc++.so.6"), without=Path("var/cache/apk/APKINDEX.0123abcd.tar.gz")
    )

    assert not answer.read
    assert answer.reason.startswith("apk has no index there")
    assert answer.packages[0].installed == "12.2.1_git20220924-r10"
    assert answer.packages[0].candidate is None
