"""
How the files of a scenario are made: by real compilers, by patching, or byte for byte.

Every build is plain data; the same build is made once in a session.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from tests.builders.elf import build_elf

COMPILERS = {
    "gcc": ("gcc", "-nostdlib"),
    "gcc -m32": ("gcc", "-m32", "-nostdlib"),
    "cc": ("gcc",),  # with the C library
    "musl-gcc": ("musl-gcc",),
}
# Exits with 0 before anything else runs; the symbols of libraries are only referred to.
START = {
    "gcc": 'void _start(void){__asm__("xor %edi,%edi; mov $60,%eax; syscall");}',
    "gcc -m32": 'void _start(void){__asm__("xor %ebx,%ebx; mov $1,%eax; int $0x80");}',
}


class Gcc(Struct, frozen=True):
    """One C source; *links* are libraries (file name → build) that it is linked with."""

    source: str
    flags: tuple[str, ...] = ()
    links: tuple[tuple[str, Build], ...] = ()
    compiler: str = "gcc"
    script: str | None = None  # a version script
    after: str | None = None  # a shell command that changes the file "$1"


class Raw(Struct, frozen=True):
    """These bytes."""

    data: bytes


class Patch(Struct, frozen=True):
    """Another build with bytes changed: offset → bytes; *cut* keeps only so many."""

    base: Build
    changes: tuple[tuple[int, bytes], ...] = ()
    cut: int | None = None


class Link(Struct, frozen=True):
    """A symbolic link."""

    target: str


class Dir(Struct, frozen=True):
    """An empty directory."""


class Copy(Struct, frozen=True):
    """A copy of another file of the root."""

    path: str


Build = Gcc | Raw | Patch | Link | Dir | Copy


def program(  # noqa: PLR0913 - one argument for each thing that can differ
    *needed: str,
    source: str = "",
    flags: tuple[str, ...] = (),
    links: tuple[tuple[str, Build], ...] = (),
    interpreter: str | None = None,
    compiler: str = "gcc",
    script: str | None = None,
    after: str | None = None,
) -> Gcc:
    """Return a program that starts and ends well, and needs the libraries *needed*."""
    stubs = tuple((name, library(name, compiler=compiler)) for name in needed)
    dynamic = () if interpreter is None else (f"-Wl,--dynamic-linker={interpreter}",)
    return Gcc(
        START[compiler] + source,
        ("-pie", "-fPIE", "-Wl,--no-as-needed", *dynamic, *flags),
        (*stubs, *links),
        compiler,
        script,
        after,
    )


def library(  # noqa: PLR0913 - one argument for each thing that can differ
    soname: str | None,
    *needed: str,
    source: str = "",
    flags: tuple[str, ...] = (),
    links: tuple[tuple[str, Build], ...] = (),
    script: str | None = None,
    compiler: str = "gcc",
    after: str | None = None,
) -> Gcc:
    """Return a shared library called *soname* that needs the libraries *needed*."""
    named = () if soname is None else (f"-Wl,-soname,{soname}",)
    stubs = tuple((name, library(name, compiler=compiler)) for name in needed)
    shared = ("-shared", "-fPIC", "-Wl,--no-as-needed")
    return Gcc(source, (*shared, *named, *flags), (*stubs, *links), compiler, script, after)


def rpath(value: str) -> tuple[str, str]:
    """Return the flags for a DT_RPATH."""
    return ("-Wl,--disable-new-dtags", f"-Wl,-rpath,{value}")


def runpath(value: str) -> tuple[str, str]:
    """Return the flags for a DT_RUNPATH."""
    return ("-Wl,--enable-new-dtags", f"-Wl,-rpath,{value}")


def elf(**fields: object) -> Raw:
    """Return what `tests.builders.elf.build_elf` builds."""
    build: Callable[..., bytes] = build_elf
    return Raw(build(**fields))


def patched(soname: str, *changes: tuple[int, bytes]) -> Patch:
    """Return a good 64-bit library with bytes changed: offset → bytes."""
    return Patch(elf(soname=soname), changes)


def header(index: int, field: int) -> int:
    """Return where a field of the 64-bit program header number *index* stands."""
    return 64 + 56 * index + field


@functools.cache
def content(build: Build) -> bytes:
    """Return the bytes of a regular file."""
    if isinstance(build, Raw):
        return build.data
    if isinstance(build, Patch):
        data = bytearray(content(build.base))
        for at, new in build.changes:
            data[at : at + len(new)] = new
        return bytes(data[: build.cut])
    if isinstance(build, Gcc):
        return _compiled(build)
    raise TypeError(f"{build} has no content of its own")


def _compiled(build: Gcc) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "source.c").write_text(build.source)
        command = [*COMPILERS[build.compiler], "-O1", "-o", "out", "source.c", *build.flags]
        for library_name, linked in build.links:
            path = directory / library_name
            if not path.resolve().is_relative_to(directory.resolve()):
                raise ValueError(f"{library_name} would be written outside of the build")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content(linked))
            command += ["-L.", f"-l:{library_name}"]
        if build.script is not None:
            (directory / "versions").write_text(build.script)
            command.append("-Wl,--version-script=versions")
        command += ["-Wl,--allow-shlib-undefined", "-Wl,-z,noseparate-code"]
        _run(command, directory)
        if build.after is not None:
            _run(["sh", "-euc", build.after, "sh", "out"], directory)
        return (directory / "out").read_bytes()


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")


def place(root: Path, files: Mapping[str, Build]) -> None:
    """Put *files* (absolute path in the root → build) into *root*; regular ones are executable."""
    for path, build in files.items():
        target = Path(f"{root}{path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or target.is_file():
            target.unlink()
        if isinstance(build, Link):
            target.symlink_to(build.target)
        elif isinstance(build, Dir):
            target.mkdir(exist_ok=True)
        elif isinstance(build, Copy):
            shutil.copy(f"{root}{build.path}", target)
        else:
            target.write_bytes(content(build))
            target.chmod(0o755)
