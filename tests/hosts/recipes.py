"""What the root file systems are made of."""

from __future__ import annotations

from typing import Literal

import msgspec

# Enough for programs of other releases to find some libraries and miss others.
COMMON = ("curl", "openssl", "procps", "sqlite3", "xz-utils", "zstd")

# Ordinary programs to judge: several hundred executables and libraries.
PROGRAMS = (
    *COMMON,
    "acl",
    "aria2",
    "bc",
    "bind9-dnsutils",
    "binutils",
    "bsdextrautils",
    "busybox",
    "bzip2",
    "cpio",
    "cron",
    "dbus",
    "e2fsprogs",
    "ed",
    "ethtool",
    "fdisk",
    "file",
    "gawk",
    "gdb-minimal",
    "git",
    "gnupg",
    "haproxy",
    "htop",
    "iperf3",
    "iproute2",
    "iputils-ping",
    "jq",
    "kmod",
    "ldap-utils",
    "less",
    "libxml2-utils",
    "lsof",
    "lua5.4",
    "lz4",
    "m4",
    "make",
    "memcached",
    "nano",
    "ncat",
    "netcat-openbsd",
    "nftables",
    "nginx-light",
    "openssh-client",
    "p7zip-full",
    "patch",
    "postgresql-client",
    "psmisc",
    "pv",
    "python3-minimal",
    "redis-server",
    "rsync",
    "rsyslog",
    "ruby",
    "smartmontools",
    "socat",
    "strace",
    "sudo",
    "tcpdump",
    "tmux",
    "tree",
    "unzip",
    "vim-tiny",
    "wget",
    "whois",
    "xxhash",
    "zip",
    "zsh",
)


class Recipe(msgspec.Struct, frozen=True):
    """One user land: a release of Debian, for one architecture."""

    name: str
    suite: str
    arch: str = "amd64"
    packages: tuple[str, ...] = COMMON
    variant: Literal["minbase", "extract"] = "minbase"
    hooks: tuple[str, ...] = ()  # of mmdebstrap's own
    kept: tuple[str, ...] = ()  # packages whose .deb lies in apt's cache; apt's lists stay, too
    finish: str = ""  # shell commands that finish the root, which they get as "$1"


# Debian's musl has no ldd and no passwd; both stand on every musl distribution,
# and /usr/bin/ldd is a link to the loader, as musl's own manual says.
FINISH_MUSL = """
cd "$1"
mkdir -p dev etc proc root sbin tmp usr/bin usr/sbin
chroot . /bin/busybox --install -s
ln -s /lib/ld-musl-x86_64.so.1 usr/bin/ldd
echo root:x:0:0:root:/root:/bin/sh > etc/passwd
echo root:x:0: > etc/group
printf 'ID=musl-test\\nPRETTY_NAME="musl test"\\n' > etc/os-release
"""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        # The slowest one first, so that none waits for it in the end.
        Recipe("arm64", "bookworm", arch="arm64"),
        Recipe("bullseye", "bullseye"),
        Recipe("bookworm", "bookworm"),
        Recipe("trixie", "trixie"),
        Recipe("sid", "sid", packages=PROGRAMS),
        Recipe("i386", "bookworm", arch="i386"),
        Recipe(
            "musl",
            "bookworm",
            packages=("musl", "busybox-static"),
            variant="extract",
            finish=FINISH_MUSL,
        ),
    )
}

# No host, but programs to look at: what Debian builds with Go, static and with cgo.
GO_PROGRAMS = Recipe(
    "go-programs",
    "bookworm",
    packages=("age", "fzf", "gh", "prometheus-node-exporter", "rclone", "restic"),
    variant="extract",
)

# No host, but a place to build in: the compilers of an older release, and one for arm64, which
# Debian does not install beside gcc-multilib.
BUILDER = Recipe(
    "builder",
    "bullseye",
    packages=("g++", "gcc-aarch64-linux-gnu", "libc6-dev", "libc6-dev-arm64-cross"),
)

# A root that knows which packages it could install, and has some of them at hand.
WITH_LISTS = Recipe(
    "with-lists",
    "bookworm",
    packages=("openssl",),
    kept=("libonig5", "libc-ares2"),
)

# Node.js, and what Debian builds as its addons (.node).
NODE_ADDONS = Recipe(
    "node-addons",
    "bookworm",
    packages=("node-iconv", "node-sqlite3", "nodejs", "libnode108"),
    variant="extract",
)


class Wheel(msgspec.Struct, frozen=True):
    """One file of PyPI, which is what it is by its hash."""

    file: str
    sha256: str

    @property
    def project(self) -> str:
        """What pip calls it: name and release."""
        name, release = self.file.split("-")[:2]
        return f"{name}=={release}"


# For glibc of two ages and for musl, with libraries of their own and without, abi3 and not.
WHEELS = (
    Wheel(
        "cryptography-43.0.3-cp39-abi3-manylinux_2_28_x86_64.whl",
        "c2e6fc39c4ab499049df3bdf567f768a723a5e8464816e8f009f121a5a9f4405",
    ),
    Wheel(
        "grpcio-1.68.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "298ee7f80e26f9483f0b6f94cc0a046caf54400a11b644713bb5b3d8eb387600",
    ),
    Wheel(
        "lxml-5.3.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "aa617107a410245b8660028a7483b68e7914304a6d4882b5ff3d2d3eb5948d8c",
    ),
    Wheel(
        "lxml-5.3.0-cp311-cp311-musllinux_1_2_x86_64.whl",
        "62f7fdb0d1ed2065451f086519865b4c90aa19aed51081979ecd05a21eb4d1be",
    ),
    Wheel(
        "numpy-2.1.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "bc6f24b3d1ecc1eebfbf5d6051faa49af40b03be1aaa781ebdadcbc090b4539b",
    ),
    Wheel(
        "pillow-11.0.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "6f4dba50cfa56f910241eb7f883c20f1e7b1d8f7d91c750cd0b318bad443f4d5",
    ),
    Wheel(
        "psycopg2_binary-2.9.10-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "512d29bb12608891e349af6a0cccedce51677725a921c07dba6342beaf576f9a",
    ),
    Wheel(
        "pydantic_core-2.27.1-cp311-cp311-musllinux_1_1_x86_64.whl",
        "d1b26e1dff225c31897696cab7d4f0a315d4c0d9e8666dbffdb28216f3b17fdc",
    ),
    Wheel(
        "pyzmq-26.2.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        "689c5d781014956a4a6de61d74ba97b23547e431e9e7d64f27d4922ba96e9d6e",
    ),
)


class NodePackage(msgspec.Struct, frozen=True):
    """One release of npm's registry, which is what it is by its hash."""

    project: str  # as npm calls it: name and release
    sha256: str

    @property
    def file(self) -> str:
        """How npm calls the file of it."""
        name, _, release = self.project.rpartition("@")
        return f"{name.removeprefix('@').replace('/', '-')}-{release}.tgz"


# A Go program, and addons in C++ and Rust for glibc and for musl; one carries them for six systems.
NODE_PACKAGES = (
    NodePackage(
        "@esbuild/linux-x64@0.21.5",
        "d3c7e7e0991f28e987c8a8f1163ffebf326dfff80228afc7f12669a120591fe4",
    ),
    NodePackage(
        "@img/sharp-libvips-linux-x64@1.0.4",
        "0cff6e33fa8ff5e812666f08850d9f1535ecf6cc4fa48db188539bbedf98c589",
    ),
    NodePackage(
        "@img/sharp-linux-x64@0.33.5",
        "8c0b2bf8eacb82daafafb73c5937f021a9de137361ce2a60ad5c6470f7a2ea3e",
    ),
    NodePackage(
        "@parcel/watcher-linux-x64-glibc@2.5.0",
        "7a280b3db01fb2c22280ea77264ef2672397831137288776ebac4576a17c8abb",
    ),
    NodePackage(
        "@parcel/watcher-linux-x64-musl@2.5.0",
        "d81c68354b90027ea3ed64ac8cb78ced1e97fd20b98c0ff439cb82b74d072c38",
    ),
    NodePackage(
        "@rollup/rollup-linux-x64-gnu@4.24.0",
        "c6ccc85a3ada985c6d5e163909724bce7c405759b340099e99e4bc19feaa89eb",
    ),
    NodePackage(
        "@rollup/rollup-linux-x64-musl@4.24.0",
        "3cfd95b7651e7afce9a33e76d1fb37e4d0a48c6100e196dd40409edb5bde8ae2",
    ),
    NodePackage(
        "bufferutil@4.0.8",
        "5c2fd962b75fb890764a7ee2815a95691a70ece8d2ade67579a19e43b9e8e991",
    ),
)

# Packages of this machine's own release, as they are shipped.
DEBS = ("hello", "jq", "tini")

# The schemas of formats, out of sources on PyPI: the file's name, the project, where it lies.
SCHEMAS = {
    "junit-10.xsd": ("pytest==9.2.0", "testing/example_scripts/junit-10.xsd"),
    "sarif-2.1.0.json": ("sarif-om==1.0.4", "sarif-2.1.0-rtm.4.json"),
}
