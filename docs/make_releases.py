"""
Writes ``preflight/model/releases/debian.toml``: what Debian's releases really bring, and
the table of docs/releases.md.

``python -m docs.make_releases``, as root on Debian: it builds the root file
systems of the test hosts where they are not there yet, reads their libraries
with the ELF reader, and asks the mirror's own indices for packages that are
not installed in them.  The other releases, which cannot be built here, stand
with their sources in ``cited.toml``.
"""

from __future__ import annotations

import csv
import gzip
import re
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from preflight.elf import read_file
from preflight.model.nodes import newest
from preflight.model.releases import Release, releases, stem
from tests.hosts import roots

TABLE = Path(__file__).parent.parent / "preflight/model/releases/debian.toml"
PAGE = Path(__file__).with_name("releases.md")
DISTRO_INFO = Path("/usr/share/distro-info/debian.csv")
SUITES = ("bullseye", "bookworm", "trixie", "sid")
# Of a release's first day.  Source: each release's notes, "What's new".
KERNELS = {"bullseye": "5.10", "bookworm": "6.1", "trixie": "6.12"}
ROLLING = "sid"

# Libraries that programs commonly need: of these the table has every soname of a release.
_SURVEYED = """
    libacl libaio libapt-pkg libarchive libasound libassuan libatomic libattr libaudit libavcodec
    libavformat libblkid libboost_filesystem libboost_regex libboost_system libboost_thread
    libbrotlicommon libbrotlidec libbrotlienc libbsd libbz libc libcap libcap-ng libcares
    libcom_err libcrypt libcrypto libcurl libcurl-gnutls libdb libdbus libedit libelf libev
    libevent libexpat libfdt libffi libfontconfig libfreetype libfuse libgcc_s libgcrypt libgd
    libgdbm libgfortran libgio libglib libgmp libgnutls libgobject libgomp libgpg-error
    libgssapi_krb libhiredis libhogweed libicudata libicui18n libicui libicuuc libidn libjansson
    libjemalloc libjpeg libjson-c libk libkeyutils libkrb libksba liblber libldap libldap_r liblua
    liblz libm liblzma liblzo libmagic libmd libmnl libmount libmpfr libncurses libncursesw
    libnettle libnghttp libnl libnpth libnss libnuma libodbc libonig libp11-kit libpam libpanel
    libpanelw libpcap libpcre libperl libpng libpopt libpq libproc libprotobuf libpsl libpython
    libquadmath libreadline librtmp libruby libsasl libseccomp libselinux libsepol libsmartcols
    libsnappy libsodium libsqlite libssh libssl libstdc++ libsystemd libtasn libtcl libtinfo
    libtirpc libtcmalloc libudev libunistring libunwind libusb libuuid libuv libwrap libX libxcb
    libxml libxslt libxxhash libyaml libz libzmq libzstd
"""
SURVEYED = _SURVEYED.split()

# Debian's names of the machines.
MACHINES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armhf": "arm",
    "i386": "i386",
    "mips64el": "mips64el",
    "ppc64el": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
_LIBRARY = re.compile(r"(?:usr/)?lib/x86_64-linux-gnu/(lib[^/\s]+\.so\.\d+(?:\.\d+)?)")
_LINE = re.compile(_LIBRARY.pattern + r"\s+(\S+)")
_BEGIN = "## The table\n\n"
_HEAD = """\
# Made by `python -m docs.make_releases` from real root file systems; change that, not this.

"""


def measured(root: Path) -> dict[str, Any]:
    """Return what the libraries of a Debian root and its packages say of its release."""
    packages = _packages(root)
    owners = dict(sorted(_plain(dict(_owners(root))).items()))
    nodes: dict[str, list[str]] = {}
    libc_version = None
    for path in (path for name in owners if (path := _place(root, name))):
        elf = read_file(path)
        if elf.soname != path.name:
            continue
        if elf.soname == "libc.so.6" and elf.identity:
            libc_version = elf.identity.release
        if defined := newest(version.name for version in elf.version_defs if not version.base):
            nodes[path.name] = [node for _, node in sorted(defined.items())]
    everywhere = _closure(packages)
    return {
        "libc_version": libc_version,
        "gcc": _upstream(packages["libstdc++6"]["Version"]),
        "always": sorted(name for name, owner in owners.items() if owner in everywhere - {"libc6"}),
        "nodes": nodes,
        "libraries": {name: package for name, package in owners.items() if package != "libc6"},
    }


def row(suite: str, root: Path) -> dict[str, Any]:
    """Return the release's row of the table: *root*, the mirror's indices and its dates."""
    found = measured(root)
    base = f"{roots.mirror()}/dists/{suite}"
    indexed = _plain(dict(_indexed(gzip.decompress(_get(f"{base}/main/Contents-amd64.gz")))))
    libraries = dict(sorted((indexed | found.pop("libraries")).items()))
    architectures = HeaderParser().parsestr(_get(f"{base}/Release").decode())["Architectures"]
    machines = [MACHINES[name] for name in architectures.split() if name in MACHINES]
    version, end = _dates(suite)
    return {
        "name": f"Debian {version} ({suite})" if version else f"Debian {suite}",
        "family": "Debian",
        "id": "debian",
        "version": version,
        "libc": "glibc",
        "libc_version": found["libc_version"],
        "gcc": found["gcc"],
        "grows": ["libc", "gcc"] if suite == ROLLING else [],
        "kernel": KERNELS.get(suite),
        "machines": machines,
        "end_of_support": end,
        "sources": ["measured", "https://deb.debian.org/debian/dists/" + suite],
        "always": found["always"],
        "nodes": found["nodes"],
        "libraries": libraries,
    }


def document(rows: Iterable[dict[str, Any]]) -> str:
    """Return the table as TOML; what is None or empty is left out."""
    text = _HEAD + f"surveyed = {_value(list(SURVEYED))}\n"
    for one in rows:
        text += "\n[[release]]\n"
        for key, value in one.items():
            if isinstance(value, dict):
                text += f"[release.{key}]\n"
                text += "".join(f'"{name}" = {_value(item)}\n' for name, item in value.items())
            elif value:
                text += f"{key} = {value if key == 'end_of_support' else _value(value)}\n"
    return text


def with_table(page: str) -> str:
    """Return *page* with the whole table at its end."""
    lines = ["release", "C library", "gcc", "kernel", "x86-64 level", "end of support", "source"]
    rows = [lines, ["---"] * len(lines), *(_cells(release) for release in releases())]
    return page.partition(_BEGIN)[0] + _BEGIN + "".join(f"| {' | '.join(r)} |\n" for r in rows)


def _cells(release: Release) -> list[str]:
    names = ", ".join([release.name, *(twin.name for twin in release.twins)])
    libc = f"{release.libc} {release.libc_version}" if release.libc else "none"
    cited = [f"[{number}]({one})" for number, one in enumerate(release.sources, 1) if ":" in one]
    return [
        names,
        libc + (" or newer" if "libc" in release.grows else ""),
        (release.gcc or "") + (" or newer" if "gcc" in release.grows else ""),
        release.kernel or "",
        release.x86_level.removeprefix("x86-64").removeprefix("-") or "v1",
        str(release.end_of_support or ""),
        "measured" if release.measured else " ".join(cited),
    ]


def _value(value: str | list[str]) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    line = f"[{', '.join(map(_value, value))}]"
    if len(line) < 80:
        return line
    return "[\n" + "".join(f"    {_value(item)},\n" for item in value) + "]"


def _packages(root: Path) -> dict[str, Any]:
    """Return the installed packages' fields by name.  Source: deb-control(5)."""
    blocks = (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n")
    fields = (HeaderParser().parsestr(block) for block in blocks if block.strip())
    return {one["Package"]: one for one in fields}


def _owners(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the names in the libraries' directory and the packages that they belong to."""
    for listing in sorted((root / "var/lib/dpkg/info").glob("*.list")):
        package = listing.stem.partition(":")[0]
        for line in listing.read_text("utf-8").splitlines():
            if name := _LIBRARY.fullmatch(line.lstrip("/")):
                yield name[1], package


def _plain(owners: dict[str, str]) -> dict[str, str]:
    """Return *owners* without ``libfoo.so.5.9`` where there is ``libfoo.so.5``: it is its file."""

    def is_plain(name: str) -> bool:
        short, _, last = name.rpartition(".")
        return not (owners.get(short) == owners[name] and last != "0" and ".so." in short)

    return {name: package for name, package in owners.items() if is_plain(name)}


def _place(root: Path, name: str) -> Path | None:
    """Return where a library lies in a root, whether its directories are merged or not."""
    for directory in ("usr/lib", "lib"):
        path = root / directory / "x86_64-linux-gnu" / name
        if path.is_file() and path.resolve().is_relative_to(root):
            return path
    return None


def _closure(packages: dict[str, Any]) -> set[str]:
    """Return the packages that every installation has: the essential ones, apt, and their needs."""
    found: set[str] = set()
    wanted = [name for name, fields in packages.items() if fields.get("Essential") == "yes"]
    wanted.append("apt")
    while wanted:
        name = wanted.pop()
        if name in found or name not in packages:
            continue
        found.add(name)
        for field in ("Depends", "Pre-Depends"):
            groups = (packages[name].get(field) or "").split(",")
            # Of alternatives the first is taken, as mmdebstrap's apt does.
            wanted += [re.split(r"[\s:(|]", group.strip())[0] for group in groups]
    return found


def _indexed(contents: bytes) -> Iterator[tuple[str, str]]:
    """Yield sonames of surveyed libraries and their packages.  Source: Debian's Contents index."""
    candidates: dict[str, list[str]] = defaultdict(list)
    for found in _LINE.finditer(contents.decode("utf-8", "replace")):
        if stem(found[1]) in SURVEYED:
            candidates[found[1]] += [place.rpartition("/")[2] for place in found[2].split(",")]
    for soname, packages in candidates.items():
        if "libc6" not in packages:
            yield soname, min(packages, key=lambda name: (len(name), name))


def _upstream(version: str) -> str:
    """Return gcc's release of a package version: ``12.2`` of ``12.2.0-14+deb12u1``."""
    found = re.match(r"\d+(\.[1-9]\d*)?", version)
    return found[0] if found else version


def _dates(suite: str) -> tuple[str | None, str | None]:
    """Return the version and the last day of LTS.  Source: the package distro-info-data."""
    with DISTRO_INFO.open(newline="") as lines:
        found = next(line for line in csv.DictReader(lines) if line["series"] == suite)
    return found["version"] or None, found.get("eol-lts") or None


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=120) as answer:  # noqa: S310 - apt's own mirror
        data: bytes = answer.read()
    return data


if __name__ == "__main__":
    built = roots.build(SUITES)
    TABLE.write_text(document(row(suite, built[suite]) for suite in SUITES), "utf-8")
    releases.cache_clear()
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
