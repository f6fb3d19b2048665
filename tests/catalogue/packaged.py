"""What others built: Debian's programs, packages of PyPI and npm, and files of other systems."""

from __future__ import annotations

from tests.catalogue.artefact import Artefact, Fetched, Here, Rooted, Says


def archive(members: int) -> Says:
    """Return what is said of an archive with so many programs and libraries."""
    return Says(format="archive", machine=None, kind=None, libc=None, members=members)


def debian(root: str, path: str, says: Says, *argv: str, name: str | None = None) -> Artefact:
    """Return a file of a root, started with ``--version`` unless told otherwise."""
    called = name or f"{root}-{path.rpartition('/')[2]}"
    return Artefact(
        name=called,
        source=Rooted(root, path),
        says=says,
        argv=argv or ("--version",),
        rolling=root == "sid",
    )


def wheel(pattern: str, members: int) -> Artefact:
    """Return a wheel of PyPI."""
    return Artefact(
        name=f"wheel-{pattern}", source=Fetched("wheels", f"{pattern}*.whl"), says=archive(members)
    )


def node(pattern: str, members: int, starts: str | None = None) -> Artefact:
    """Return a package of npm."""
    return Artefact(
        name=f"node-{pattern}",
        source=Fetched("node-packages", f"{pattern}-*.tgz"),
        says=archive(members),
        starts=starts,
        argv=("--version",),
    )


def deb(name: str, members: int, starts: str | None = None) -> Artefact:
    """Return a package of Debian."""
    source = Fetched("debs", f"{name}.deb")
    return Artefact(name=f"deb-{name}", source=source, says=archive(members), starts=starts)


def elsewhere(path: str, package: str | None, kind: str, *foreign: str) -> Artefact:
    """Return a file of this machine that runs on other systems."""
    says = Says(format=kind, machine=None, kind=None, libc=None, foreign=foreign)
    return Artefact(name=path.rpartition("/")[2], source=Here(path, package), says=says)


DEBIAN = (
    debian("sid", "usr/bin/jq", Says()),
    debian("sid", "usr/sbin/nginx", Says(), "-v"),
    debian("sid", "usr/bin/redis-check-rdb", Says()),
    debian("sid", "usr/bin/git", Says()),
    debian("sid", "usr/bin/curl", Says()),
    debian("sid", "usr/bin/tmux", Says(), "-V"),
    debian("sid", "usr/bin/python3.1?", Says(), name="sid-python3"),
    debian("sid", "usr/bin/gdb", Says()),
    debian("sid", "usr/sbin/haproxy", Says(), "-v"),
    debian("sid", "usr/bin/aria2c", Says()),
    debian("sid", "usr/bin/busybox", Says(), "true"),
    debian(
        "trixie",
        "usr/bin/curl",
        Says(floor="2.34", needed=("libcurl.so.4", "libz.so.1", "libc.so.6")),
    ),
    debian(
        "trixie",
        "usr/bin/sqlite3",
        Says(
            floor="2.34", needed=("libsqlite3.so.0", "libreadline.so.8", "libz.so.1", "libc.so.6")
        ),
        "-version",
    ),
    debian(
        "bookworm",
        "usr/bin/openssl",
        Says(floor="2.34", needed=("libssl.so.3", "libcrypto.so.3", "libc.so.6")),
        "version",
    ),
    debian(
        "bookworm",
        "usr/bin/perl",
        Says(floor="2.34", needed=("libm.so.6", "libc.so.6", "libcrypt.so.1")),
    ),
    debian(
        "bullseye",
        "usr/bin/curl",
        Says(floor="2.17", needed=("libcurl.so.4", "libz.so.1", "libpthread.so.0", "libc.so.6")),
    ),
    debian(
        "bullseye",
        "usr/bin/openssl",
        Says(
            floor="2.15",
            needed=("libssl.so.1.1", "libcrypto.so.1.1", "libpthread.so.0", "libc.so.6"),
        ),
        "version",
    ),
    debian(
        "bullseye",
        "usr/bin/zstd",
        Says(
            floor="2.16",
            needed=("libz.so.1", "liblzma.so.5", "liblz4.so.1", "libpthread.so.0", "libc.so.6"),
        ),
    ),
    debian(
        "i386",
        "usr/bin/openssl",
        Says(machine="i386", floor="2.34", needed=("libssl.so.3", "libcrypto.so.3", "libc.so.6")),
        "version",
    ),
    debian(
        "i386",
        "usr/bin/xz",
        Says(machine="i386", floor="2.34", needed=("liblzma.so.5", "libc.so.6")),
    ),
    debian(
        "arm64",
        "usr/bin/openssl",
        Says(
            machine="aarch64",
            floor="2.34",
            needed=("libssl.so.3", "libcrypto.so.3", "libc.so.6", "ld-linux-aarch64.so.1"),
        ),
        "version",
    ),
    debian("musl", "bin/busybox", Says(kind="static", libc=None), "true"),
    debian(
        "go-programs",
        "usr/bin/age",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
    ),
    debian(
        "go-programs",
        "usr/bin/fzf",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
    ),
    debian(
        "go-programs",
        "usr/bin/gh",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
    ),
    debian(
        "go-programs",
        "usr/bin/rclone",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
        "version",
    ),
    debian(
        "go-programs",
        "usr/bin/restic",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
        "version",
    ),
    debian(
        "go-programs",
        "usr/bin/prometheus-node-exporter",
        Says(floor="2.34", needed=("libc.so.6",), go="dynamic-cgo", toolchain=("go",)),
    ),
    debian(
        "node-addons",
        "usr/bin/node",
        Says(
            floor="2.34",
            needed=("libnode.so.108", "libc.so.6"),
            runpath=("$ORIGIN/../lib", "$ORIGIN/"),
        ),
    ),
    debian(
        "node-addons",
        "usr/lib/*/nodejs/iconv/build/Release/iconv.node",
        Says(
            kind="shared-object",
            floor="2.4",
            needed=("libnode.so.108", "libpthread.so.0", "libc.so.6"),
            soname="iconv.node",
        ),
    ),
    debian(
        "node-addons",
        "usr/lib/*/nodejs/sqlite3/lib/binding/napi-v6*/node_sqlite3.node",
        Says(
            kind="shared-object",
            floor="2.14",
            needed=(
                "libnode.so.108",
                "libsqlite3.so.0",
                "libstdc++.so.6",
                "libgcc_s.so.1",
                "libc.so.6",
            ),
            runpath=("external/lib",),
            soname="node_sqlite3.node",
        ),
    ),
    deb("hello", 1, "usr/bin/hello"),
    deb("jq", 1),
    deb("tini", 2, "usr/bin/tini"),
)
PYPI = (
    wheel("cryptography", 1),
    wheel("grpcio", 1),
    wheel("lxml-5.3.0-cp311-cp311-manylinux", 6),
    wheel("lxml-5.3.0-cp311-cp311-musllinux", 6),
    wheel("numpy", 26),
    wheel("pillow", 23),
    wheel("psycopg2_binary", 15),
    wheel("pydantic_core", 2),
    wheel("pyzmq", 3),
)
NPM = (
    node("esbuild-linux-x64", 1, "package/bin/esbuild"),
    node("img-sharp-linux-x64", 1),
    node("img-sharp-libvips-linux-x64", 1),
    node("parcel-watcher-linux-x64-glibc", 1),
    node("parcel-watcher-linux-x64-musl", 1),
    node("rollup-rollup-linux-x64-gnu", 1),
    node("rollup-rollup-linux-x64-musl", 1),
    node("bufferutil", 1),
)
FOREIGN = (
    elsewhere("_vendor/distlib/t64.exe", "pip", "pe", "x86-64", "Windows"),
    elsewhere("_vendor/distlib/w32.exe", "pip", "pe", "x86", "Windows"),
    elsewhere("_vendor/distlib/w64-arm.exe", "pip", "pe", "ARM64", "Windows"),
    elsewhere("usr/share/java/commons-cli.jar", None, "archive", "Java 7"),
)
PACKAGED = (*DEBIAN, *PYPI, *NPM, *FOREIGN)
