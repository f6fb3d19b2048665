"""A loader and a libc are recognised by their own bytes, and say where they look."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from preflight.elf import read_bytes, read_file
from preflight.model.elf import LoaderIdentity
from tests.builders.elf import build_elf

GLIBC = Path("/lib64/ld-linux-x86-64.so.2")
MUSL = Path("/lib/ld-musl-x86_64.so.1")
FOREIGN = {
    "aarch64-linux-gnu/lib/ld-linux-aarch64.so.1": "libc6-arm64-cross",
    "arm-linux-gnueabihf/lib/ld-linux-armhf.so.3": "libc6-armhf-cross",
    "mips64el-linux-gnuabi64/lib64/ld.so.1": "libc6-mips64el-cross",
    "powerpc64le-linux-gnu/lib/ld64.so.2": "libc6-ppc64el-cross",
    "s390x-linux-gnu/lib/ld64.so.1": "libc6-s390x-cross",
}
BANNER = "ld.so (GNU libc) stable release version 2.28."


def built(*texts, soname="ld-linux-x86-64.so.2", versions=("GLIBC_2.2.5",), **more):
    """Return the identity of a file that holds *texts*."""
    code = b"\0" + b"\0".join(texts) + b"\0"
    # The builder's one segment is writable; a loader's texts are not.
    data = build_elf(soname=soname, version_defs=versions, code=code, **more)
    return read_bytes(data.replace(b"\x01\0\0\0\x07\0\0\0", b"\x01\0\0\0\x05\0\0\0", 1)).identity


@pytest.mark.skipif(not GLIBC.exists(), reason="needs glibc on x86-64")
def test_this_machines_loader_says_the_same_as_its_diagnostics():
    """Directories, release and hwcaps equal what ld.so --list-diagnostics prints."""
    identity = read_file(GLIBC).identity
    told = subprocess.run([GLIBC, "--list-diagnostics"], capture_output=True, text=True, check=True)

    assert identity.family == "glibc"
    assert _told(told.stdout, r"path\.system_dirs\[\w+\]") == list(identity.system_dirs)
    assert _told(told.stdout, r"version\.version") == [identity.release]
    assert _told(told.stdout, "dl_hwcaps_subdirs") == [":".join(identity.hwcaps)]
    assert (identity.cache_path, identity.preload_path) == (
        "/etc/ld.so.cache",
        "/etc/ld.so.preload",
    )


def _told(output: str, name: str) -> list[str]:
    return re.findall(rf'^{name}="(.*)"$', output, re.MULTILINE)


@pytest.mark.skipif(not MUSL.exists(), reason="needs Debian's package musl")
def test_musl_is_its_own_loader():
    """Musl's loader names itself and its directories; it has no cache."""
    told = subprocess.run([MUSL], capture_output=True, text=True, check=False).stderr
    release = re.search(r"^Version (\S+)", told, re.MULTILINE)

    assert read_file(MUSL).identity == LoaderIdentity(
        family="musl",
        release=release[1],
        banner=told.splitlines()[0],
        system_dirs=("/lib/", "/usr/local/lib/", "/usr/lib/"),
        hwcaps=(),
        cache_path=None,
        preload_path=None,
    )


@pytest.mark.parametrize(("path", "package"), FOREIGN.items(), ids=FOREIGN)
def test_loaders_of_other_machines_are_recognised(path, package):
    """A glibc loader is one whatever its name and machine."""
    loader = Path("/usr", path)
    if not loader.exists():
        pytest.skip(f"needs Debian's package {package}")

    identity = read_file(loader).identity

    assert (identity.family, identity.release) == ("glibc", "2.36")
    assert identity.system_dirs[-2:] == ("/lib/", "/usr/lib/")


def test_power_loaders_know_their_hwcaps():
    """The glibc-hwcaps directories of another machine are read as well."""
    identity = built(b"power10:power9", soname="ld64.so.2")

    assert identity.hwcaps == ("power10", "power9")


def test_a_glibc_without_release_in_its_loader():
    """A loader before glibc 2.33 is known by its versions and does not tell its release."""
    identity = built(b"/lib64/", b"/usr/lib64/", b"", b"/etc/ld.so.cache")

    assert (identity.family, identity.release, identity.banner) == ("glibc", None, None)
    assert identity.system_dirs == ("/lib64/", "/usr/lib64/")
    assert identity.hwcaps == ()


@pytest.mark.parametrize(
    ("banner", "release"),
    [
        (b"GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.", "2.31"),
        (b"GNU C Library (GNU libc) development release version 2.40.9000.", "2.40.9000"),
        (b"GNU C Library stable release version 2.12, by Roland McGrath et al.", "2.12"),
    ],
)
def test_a_libc_tells_its_release(banner, release):
    """The line that libc.so.6 prints when it is run names the release, also of old ones."""
    identity = built(banner + b"\nCopyright", soname="libc.so.6", interpreter="/lib64/ld.so")

    assert (release, banner.decode()) == (identity.release, identity.banner)
    assert identity.system_dirs == ()


@pytest.mark.parametrize(
    ("text", "release"),
    [
        (b"1.2.3", "1.2.3"),
        (b"1.2.5-git-8-g05ac3456", "1.2.5-git-8-g05ac3456"),
        (b"1.2." + 5000 * b"3", None),
    ],
)
def test_musl_tells_its_release(text, release):
    """Numbers that nobody could compare are none."""
    banner = b"musl libc (x86_64)\nVersion %s"

    assert release == built(banner, text, soname="libc.musl.so", versions=()).release


def test_paths_of_a_loader_that_lies_elsewhere():
    """A loader with another prefix names its own directory, cache and list of preloads."""
    identity = built(
        b"/nix/store/abc-glibc-2.38/lib/",
        b"",
        b"/nix/store/abc-glibc-2.38/etc/ld.so.cache",
        b"/etc/ld-nix.so.preload",
    )

    assert identity.system_dirs == ("/nix/store/abc-glibc-2.38/lib/",)
    assert identity.cache_path == "/nix/store/abc-glibc-2.38/etc/ld.so.cache"
    assert identity.preload_path == "/etc/ld-nix.so.preload"


@pytest.mark.parametrize(
    ("text", "family"),
    [
        (b"NixOS cannot run it, see:\nhttps://nix.dev/permalink/stub-ld", "nix-stub"),
        (b"/lib/libgcompat.so.0", "gcompat"),
    ],
)
def test_what_stands_in_a_loaders_place(text, family):
    """NixOS's refusal and gcompat's wrapper are told from a loader."""
    identity = built(text, soname=None, versions=())

    assert identity.family == family


def test_a_program_that_mentions_a_loader_is_none():
    """A dynamic program, and a library of another name, have no identity."""
    texts = (BANNER.encode(), b"musl libc (x86_64)\n", b"/lib/libgcompat.so.0")

    assert built(*texts, soname="libother.so.1", needed=["libc.so.6"]) is None
    assert built(*texts, soname=None, versions=(), interpreter="/lib/ld.so") is None


def test_only_constant_text_counts():
    """What stands in a writable segment is no text of a loader, nor is what fills megabytes."""
    banner = b"\0" + BANNER.encode() + b"\0"
    writable = build_elf(soname="ld.so.1", version_defs=["GLIBC_2.0"], code=banner)

    assert read_bytes(writable).identity.release is None
    assert built(banner, bytes(17 << 20)).release is None
    assert built(banner).release == "2.28"


@pytest.mark.skipif(shutil.which("busybox") is None, reason="needs busybox-static")
def test_a_static_program_is_no_loader():
    """A static program holds much of a loader's text and is still a program."""
    assert read_file(shutil.which("busybox")).identity is None
