"""
Small libraries for dlopen(3), and the program that opens them, made by the real compiler.

They use no symbol newer than glibc 2.31, so that they start on every test host.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

HOME = "/mnt/plugins"  # where program and plugins lie on a host

_OPENER = r"""
#include <stdio.h>
#include <stdlib.h>
void *dlopen(const char *, int);
char *dlerror(void);
int own(void) { return 1; }
int main(int count, char **words) {
    if (dlopen(words[1], 1)) return 0;
    fprintf(stderr, "%s\n", dlerror());
    return 7;
}
"""
# glibc 2.34 gave these new versions; the old ones are there for ever.
_OLD = r"""
__asm__(".symver dlopen,dlopen@GLIBC_2.2.5\n.symver dlerror,dlerror@GLIBC_2.2.5");
__asm__(".globl _start\n_start: mov %rsp,%rdi\nand $-16,%rsp\ncall begin");
void begin(long *stack) { exit(main((int)*stack, (char **)(stack + 1))); }
"""
_OPENER_FLAGS = {
    "gcc": (
        *("-nostartfiles", "-fno-stack-protector", "-Wl,--no-as-needed", "-l:libdl.so.2"),
        *("-Wl,--disable-new-dtags", f"-Wl,-rpath,{HOME}/program"),
    ),
    "musl-gcc": (),
}

_STATIC_TLS = """
__thread __attribute__((tls_model("initial-exec"))) char block[SIZE];
char *f(void) { return block; }
"""


class Plugin(NamedTuple):
    """One library: its source, how it is linked, and the small libraries that it names."""

    source: str = "int f(void) { return 1; }"
    flags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


PLUGINS: dict[str, Plugin] = {
    "complete": Plugin("int own(void); int f(void) { return own(); }"),
    "calls-nothing": Plugin("int no(void); int f(void) { return no(); }", ("-Wl,-z,lazy",)),
    "bound-now": Plugin("int no(void); int f(void) { return no(); }", ("-Wl,-z,now",)),
    "reads-nothing": Plugin("extern int no; int *f(void) { return &no; }"),
    "points-at-nothing": Plugin("extern int no(void); int (*f)(void) = no;"),
    "lacks-library": Plugin(needs=("libnowhere.so",)),
    "beside-itself": Plugin(needs=("libbeside.so",), flags=("-Wl,-rpath,$ORIGIN/own",)),
    "beside-program": Plugin(needs=("libprogram.so",)),
    "lacks-version": Plugin("int v(void); int f(void) { return v(); }", needs=("libversion.so",)),
    "meets-directory": Plugin(needs=("libdir.so",), flags=(f"-Wl,-rpath,{HOME}/directory",)),
    "executable-stack": Plugin(flags=("-Wl,-z,execstack",)),
    "not-to-be-opened": Plugin(flags=("-Wl,-z,nodlopen",)),
    "large-static-tls": Plugin(_STATIC_TLS.replace("SIZE", "4096")),
    "small-static-tls": Plugin(_STATIC_TLS.replace("SIZE", "64")),
    "for-another-cpu": Plugin(flags=("-Wl,-z,x86-64-v4",)),
    "pie": Plugin("int main(void) { return 0; }", ("-pie", "-fPIE", "-Wl,-e,main")),
    "fixed": Plugin("int main(void) { return 0; }", ("-no-pie", "-Wl,-e,main")),
}
# name: (its directory on the host, None: it is not there; the version that it defines there)
_LIBRARIES: dict[str, tuple[str | None, str]] = {
    "libnowhere.so": (None, ""),
    "libbeside.so": ("own", ""),
    "libprogram.so": ("program", ""),
    "libversion.so": ("program", "V_OTHER"),
    "libdir.so": (None, ""),
}


class Built(NamedTuple):
    """What was made: the program, the plugins by name, and a directory to be laid under HOME."""

    opener: Path
    plugins: dict[str, Path]
    host: Path


def build(directory: Path, compiler: str) -> Built:
    """Compile all with *compiler*, "gcc" or "musl-gcc", into *directory*."""
    opener, host = directory / "opener", directory / "host"
    source = _OPENER + (_OLD if compiler == "gcc" else "")
    _compile(compiler, opener, source, "-rdynamic", *_OPENER_FLAGS[compiler])
    for part in ("own", "program", "directory/libdir.so"):
        (host / part).mkdir(parents=True)
    (host / "opener").write_bytes(opener.read_bytes())
    (host / "opener").chmod(0o755)
    for name, (place, version) in _LIBRARIES.items():
        _library(compiler, directory / name, "V" if version else "")
        if place:
            _library(compiler, host / place / name, version)
    plugins = {name: directory / f"{name}.so" for name in PLUGINS}
    for name, plugin in PLUGINS.items():
        needed = ["-Wl,--no-as-needed", *(str(directory / need) for need in plugin.needs)]
        shared = [] if "main" in plugin.source else ["-shared"]
        flags = (*shared, "-nostartfiles", *plugin.flags, *needed)
        _compile(compiler, plugins[name], plugin.source, *flags)
    for name, content in (("text", b"x" * 200), ("short", b"x" * 20)):
        plugins[name] = directory / f"{name}.so"
        plugins[name].write_bytes(content)
    return Built(opener, plugins, host)


def _library(compiler: str, path: Path, version: str) -> None:
    script = []
    if version:
        map_ = path.with_suffix(".map")
        map_.write_text(f"{version} {{ global: v; local: *; }};")
        script = [f"-Wl,--version-script={map_}"]
    flags = ("-shared", "-nostartfiles", f"-Wl,-soname,{path.name}", *script)
    _compile(compiler, path, "int v(void) { return 1; }", *flags)


def _compile(compiler: str, path: Path, source: str, *flags: str) -> None:
    if "-fPIE" not in flags and "-no-pie" not in flags and path.name != "opener":
        flags = ("-fPIC", *flags)
    command = [compiler, "-x", "c", "-", "-x", "none", "-o", str(path), *flags]
    subprocess.run(command, input=source.encode(), check=True)
