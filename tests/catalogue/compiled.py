"""What is built on the spot: C, C++, Go, Rust, scripts, and bundles of these."""

from __future__ import annotations

from collections.abc import Mapping

from tests.catalogue.artefact import Artefact, Built, Says

HELLO = {"a.c": '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n'}
POINTERS = {
    "a.c": "#include <stdio.h>\nstatic int a, b;\nint *volatile table[] = {&a, &b, &a, &b};\n"
    'int main(void) { return printf("%p\\n", (void *)table[0]) < 0; }\n'
}
MATHS = {
    "a.c": "#include <math.h>\n#include <pthread.h>\n"
    "static void *run(void *x) { *(double *)x = pow(*(double *)x, 2.5); return x; }\n"
    "int main(int n, char **v) { (void)v; double x = n; pthread_t t;\n"
    "  pthread_create(&t, 0, run, &x); pthread_join(t, 0); return x != 1.0; }\n"
}
GREET = {
    "a.c": "int greet(void);\nint main(void) { return greet(); }\n",
    "greet.c": '#include <stdio.h>\nint greet(void) { return puts("hello") < 0; }\n',
    "greet.map": "GREET_1.0 { global: greet; local: *; };\n",
}
CXX = {
    "a.cc": "#include <iostream>\n#include <stdexcept>\nint main() {\n"
    '  try { throw std::runtime_error("hello"); }\n'
    "  catch (const std::exception &e) { std::cout << e.what() << std::endl; }\n}\n"
}
MODULE = {"go.mod": "module example.org/a\n\ngo 1.19\n"}
GO_PURE = {**MODULE, "a.go": 'package main\n\nfunc main() { println("hello") }\n'}
GO_NET = {
    **MODULE,
    "a.go": 'package main\n\nimport "net"\n\n'
    'func main() { a, e := net.LookupHost("localhost"); println(len(a), e != nil) }\n',
}
GO_OWN = {
    **MODULE,
    "a.go": 'package main\n\n// #include <stdlib.h>\nimport "C"\n\n'
    "func main() { println(C.abs(-1)) }\n",
}
GO_LIBRARY = {
    **MODULE,
    "a.go": 'package main\n\nimport "C"\n\n//export Greet\nfunc Greet() int { return 0 }\n\n'
    "func main() {}\n",
}
RUST = {"a.rs": 'fn main() { println!("hello"); }\n'}
RUST_LIBRARY = {"a.rs": '#[no_mangle]\npub extern "C" fn greet() -> i32 { println!("hello"); 0 }\n'}
TREE = (
    "mkdir -p {0}/bin {0}/lib\n"
    "gcc -shared -fPIC -Wl,-soname,libgreet.so.1 -o {0}/lib/libgreet.so.1 greet.c\n"
    "gcc -o {0}/bin/app a.c {0}/lib/libgreet.so.1 -Wl,-rpath,'$ORIGIN/../lib'\n"
)
PYINSTALLER = {"a.py": 'import json, zlib\nprint("hello")\n'}
RPM = {
    "a.c": HELLO["a.c"],
    "a.spec": "Name: a\nVersion: 1\nRelease: 1\nSummary: a\nLicense: MIT\nAutoReqProv: no\n"
    "%define debug_package %{nil}\n%define __os_install_post %{nil}\n%description\na\n"
    "%install\nmkdir -p %{buildroot}/usr/lib/a\ncp %{_sourcedir}/app %{buildroot}/usr/lib/a/app\n"
    "%files\n/usr/lib/a/app\n",
}

C6 = ("libc.so.6",)
STD = ("libstdc++.so.6", "libgcc_s.so.1", "libc.so.6")
GCC, ZIG = "gcc", ("clang", "lld")


def built(  # noqa: PLR0913 - one argument for each thing that can differ
    name: str,
    command: str,
    sources: Mapping[str, str],
    says: Says,
    *needs: str,
    starts: str | None = None,
    rolling: bool = False,
    undecided: tuple[str, ...] = (),
) -> Artefact:
    """Return an artefact that *command* makes."""
    source = Built(command, sources, needs)
    return Artefact(
        name=name, source=source, says=says, starts=starts, rolling=rolling, undecided=undecided
    )


def c(floor: str | None = "2.34", **changes: object) -> Says:
    """Return what is said of an ordinary C program of this machine."""
    plain = {"floor": floor, "needed": C6, "toolchain": (GCC,)}
    return Says(**{**plain, **changes})  # type: ignore[arg-type]


def static(**changes: object) -> Says:
    """Return what is said of an ordinary C program that needs nothing."""
    return c(**{"floor": None, "libc": None, "kind": "static", "needed": (), **changes})  # type: ignore[arg-type]


def go(linkage: str = "static", **changes: object) -> Says:
    """Return what is said of a Go program of this machine."""
    plain: dict[str, object] = {"libc": None, "kind": "static"}
    if linkage == "dynamic-cgo":
        plain = {"floor": "2.34", "needed": C6}
    return Says(**{"toolchain": ("go",), **plain, "go": linkage, **changes})  # type: ignore[arg-type]


def other(kind: str, **changes: object) -> Says:
    """Return what is said of a file that is no ELF file."""
    none = dict.fromkeys(("machine", "kind", "libc"))
    return Says(format=kind, **{**none, **changes})  # type: ignore[arg-type]


WASM = "a JavaScript engine with wasm_exec.js of the same Go release"
RUSTC = (GCC, "rustc")
BOTH = ("go", GCC)
RUSTS = ("libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2")
C_PROGRAMS = (
    built("c-dynamic", "gcc -o out a.c", HELLO, c()),
    built("c-no-pie", "gcc -no-pie -o out a.c", HELLO, c()),
    built("c-now", "gcc -Wl,-z,now -o out a.c", HELLO, c()),
    built("c-hash-sysv", "gcc -Wl,--hash-style=sysv -o out a.c", HELLO, c()),
    built("c-hash-gnu", "gcc -Wl,--hash-style=gnu -o out a.c", HELLO, c()),
    built("c-stripped", "gcc -s -o out a.c", HELLO, c()),
    built(
        "c-no-sections",
        "gcc -o out a.c; llvm-strip --strip-sections out",
        HELLO,
        c(toolchain=()),
        "llvm-strip",
    ),
    built("c-relr", "gcc -Wl,-z,pack-relative-relocs -o out a.c", POINTERS, c("2.36")),
    built(
        "c-threads", "gcc -O1 -o out a.c -lm -pthread", MATHS, c(needed=("libm.so.6", "libc.so.6"))
    ),
    built("c-v3", "gcc -march=x86-64-v3 -Wl,-z,x86-64-v3 -o out a.c", HELLO, c(isa="x86-64-v3")),
    built("c-exec-stack", "gcc -Wl,-z,execstack -o out a.c", HELLO, c()),
    built(
        "c-clang-lld",
        "clang -fuse-ld=lld -o out a.c",
        HELLO,
        c(toolchain=(GCC, "lld", "clang")),
        "clang",
        "ld.lld",
    ),
    built("c-mold", "gcc -fuse-ld=mold -o out a.c", HELLO, c(toolchain=("mold", GCC)), "mold"),
    built("c-static", "gcc -static -o out a.c", HELLO, static()),
    built("c-static-pie", "gcc -static-pie -o out a.c", HELLO, static(kind="static-pie")),
    built("c-i386", "gcc -m32 -o out a.c", HELLO, c(machine="i386")),
    built("c-i386-static", "gcc -m32 -static -o out a.c", HELLO, static(machine="i386")),
    built(
        "c-musl",
        "musl-gcc -o out a.c",
        HELLO,
        c(None, libc="musl", needed=("libc.so",), toolchain=(GCC, GCC)),
    ),
    built("c-musl-static", "musl-gcc -static -o out a.c", HELLO, static(toolchain=(GCC, GCC))),
    built(
        "c-zig-2.17",
        "$PYTHON -m ziglang cc -target x86_64-linux-gnu.2.17 -o out a.c",
        HELLO,
        c("2.2.5", toolchain=ZIG),
        "ziglang",
    ),
    built(
        "c-zig-musl",
        "$PYTHON -m ziglang cc -target x86_64-linux-musl -o out a.c",
        HELLO,
        static(toolchain=ZIG),
        "ziglang",
    ),
    built(
        "c-arm64",
        "$PYTHON -m ziglang cc -target aarch64-linux-gnu.2.31 -o out a.c",
        HELLO,
        c("2.17", machine="aarch64", toolchain=ZIG),
        "ziglang",
    ),
    built(
        "c-arm64-static",
        "$PYTHON -m ziglang cc -target aarch64-linux-musl -o out a.c",
        HELLO,
        static(machine="aarch64", toolchain=ZIG),
        "ziglang",
    ),
    built(
        "c-library",
        "gcc -shared -fPIC -Wl,--version-script,greet.map -Wl,-soname,libgreet.so.1 -o out greet.c",
        GREET,
        c("2.2.5", kind="shared-object", soname="libgreet.so.1"),
    ),
    built(
        "c-library-absent",
        "gcc -shared -fPIC -Wl,-soname,libgreet.so.1 -o libgreet.so greet.c; "
        "gcc -o out a.c libgreet.so",
        GREET,
        c(needed=("libgreet.so.1", "libc.so.6")),
    ),
)
CXX_PROGRAMS = (
    built("cxx-dynamic", "g++ -o out a.cc", CXX, c(needed=STD)),
    built(
        "cxx-static-libstdc++",
        "g++ -static-libstdc++ -static-libgcc -o out a.cc",
        CXX,
        c("2.36", needed=("libc.so.6", "ld-linux-x86-64.so.2")),
    ),
    built("cxx-static", "g++ -static -o out a.cc", CXX, static()),
    built(
        "cxx-clang",
        "clang++ -o out a.cc",
        CXX,
        c(needed=(STD[0], "libm.so.6", *STD[1:]), toolchain=(GCC, "clang")),
        "clang++",
    ),
)
GO_PROGRAMS = (
    built("go-pure", "CGO_ENABLED=0 go build -o out", GO_PURE, go(), "go"),
    built("go-cgo", "go build -o out", GO_OWN, go("dynamic-cgo", toolchain=BOTH), "go"),
    built(
        "go-cgo-static",
        "go build -ldflags '-linkmode external -extldflags -static' -o out",
        GO_OWN,
        go("static-cgo", toolchain=BOTH),
        "go",
    ),
    built("go-net", "go build -o out", GO_NET, go("dynamic-cgo"), "go"),
    built("go-netgo", "go build -tags netgo -o out", GO_NET, go(), "go"),
    built(
        "go-musl",
        "CC=musl-gcc go build -o out",
        GO_OWN,
        go("dynamic-cgo", floor=None, libc="musl", needed=("libc.so",), toolchain=(*BOTH, GCC)),
        "go",
    ),
    built("go-v3", "GOAMD64=v3 CGO_ENABLED=0 go build -o out", GO_PURE, go(), "go"),
    built(
        "go-pie",
        "CGO_ENABLED=0 go build -buildmode=pie -o out",
        GO_PURE,
        go("dynamic", kind="executable", libc="glibc"),
        "go",
    ),
    built("go-arm64", "GOARCH=arm64 go build -o out", GO_PURE, go(machine="aarch64"), "go"),
    built("go-386", "GOARCH=386 go build -o out", GO_PURE, go(machine="i386"), "go"),
    built("go-s390x", "GOARCH=s390x go build -o out", GO_PURE, go(machine="s390x"), "go"),
    built(
        "go-library",
        "go build -buildmode=c-shared -o out; chmod +x out",
        GO_LIBRARY,
        go("dynamic-cgo", kind="shared-object", toolchain=BOTH),
        "go",
    ),
    built(
        "go-windows",
        "GOOS=windows go build -o out",
        GO_PURE,
        other("pe", foreign=("x86-64", "Windows")),
        "go",
    ),
    built(
        "go-darwin",
        "GOOS=darwin GOARCH=arm64 go build -o out",
        GO_PURE,
        other("mach-o", foreign=("arm64", "macOS")),
        "go",
    ),
    built("go-freebsd", "GOOS=freebsd go build -o out", GO_PURE, go(), "go"),
    built(
        "go-wasm",
        "GOOS=js GOARCH=wasm go build -o out",
        GO_PURE,
        other("wasm", foreign=("wasm32", WASM)),
        "go",
    ),
)
RUST_PROGRAMS = (
    built("rust-dynamic", "rustc -o out a.rs", RUST, c(needed=RUSTS, toolchain=RUSTC), "rustc"),
    built(
        "rust-static",
        "rustc -C target-feature=+crt-static -o out a.rs",
        RUST,
        static(kind="static-pie", toolchain=RUSTC),
        "rustc",
    ),
    built(
        "rust-library",
        "rustc --crate-type cdylib -o out a.rs",
        RUST_LIBRARY,
        c(kind="shared-object", needed=RUSTS, soname="out", toolchain=RUSTC),
        "rustc",
    ),
)
TEXT = other("script")
SCRIPTS = (
    built("script-sh", "mv a out", {"a": "#!/bin/sh\necho hello\n"}, TEXT),
    built("script-bash", "mv a out", {"a": "#!/usr/bin/env bash\necho hello\n"}, TEXT),
    built(
        "script-env-s",
        "mv a out",
        {"a": "#!/usr/bin/env -S sh -e\necho hello\n"},
        TEXT,
        undecided=("musl",),
    ),
    built("script-perl", "mv a out", {"a": "#!/usr/bin/perl -w\nprint qq(hello\\n);\n"}, TEXT),
    built("script-python", "mv a out", {"a": "#!/usr/bin/env python3\nprint('hello')\n"}, TEXT),
    built("script-crlf", "mv a out", {"a": "#!/bin/sh\r\necho hello\r\n"}, TEXT),
    built(
        "zipapp",
        "$PYTHON -m zipapp -p /usr/bin/python3 -o out a",
        {"a/__main__.py": "print('hello')\n"},
        TEXT,
    ),
)
ARCHIVE = other("archive", members=2)
BUNDLES = (
    built("tree", TREE.format("out"), GREET, other("directory", members=2), starts="bin/app"),
    built(
        "tree.tar.gz", TREE.format("a-1") + "tar czf out a-1", GREET, ARCHIVE, starts="a-1/bin/app"
    ),
    built(
        "tree.tar.xz", TREE.format("a-1") + "tar cJf out a-1", GREET, ARCHIVE, starts="a-1/bin/app"
    ),
    built(
        "tree.tar.zst",
        TREE.format("a-1") + "tar --zstd -cf out a-1",
        GREET,
        ARCHIVE,
        "zstd",
        starts="a-1/bin/app",
    ),
    built(
        "tree.zip",
        TREE.format("a-1") + "zip -qr out.zip a-1; mv out.zip out",
        GREET,
        ARCHIVE,
        starts="a-1/bin/app",
    ),
    built(
        "a.rpm",
        "mkdir s; gcc -o s/app a.c; "
        'rpmbuild --quiet -bb -D"_topdir $PWD/r" -D"_sourcedir $PWD/s" a.spec; '
        "mv r/RPMS/*/*.rpm out",
        RPM,
        other("archive", members=1),
        "rpmbuild",
        starts="usr/lib/a/app",
    ),
    built(
        "pyinstaller",
        "$PYTHON -m PyInstaller --onefile --log-level ERROR a.py; mv dist/a out",
        PYINSTALLER,
        Says(),
        "PyInstaller",
        rolling=True,
    ),
    built(
        "pyinstaller-folder",
        "$PYTHON -m PyInstaller --onedir --log-level ERROR a.py; mv dist/a out",
        PYINSTALLER,
        other("directory"),
        "PyInstaller",
        starts="a",
        rolling=True,
    ),
)
COMPILED = (*C_PROGRAMS, *CXX_PROGRAMS, *GO_PROGRAMS, *RUST_PROGRAMS, *SCRIPTS, *BUNDLES)
