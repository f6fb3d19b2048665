"""
What a generated start consists of: ELF files, links, an environment, a cache.

Plain data with a JSON form, so that a graph on which preflight and a loader
disagree can be made smaller and kept.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from tests.builders.elf import Note, Symbol, build_elf

PLACE = "/fz"
PROGRAM = f"{PLACE}/app/bin/prog"


class Use(msgspec.Struct, frozen=True, omit_defaults=True):
    """One symbol; see `tests.builders.elf.Symbol`."""

    name: str
    defined: bool = False
    version: str | None = None
    hidden: bool = False
    use: str | None = None
    weak: bool = False
    type: int = 2

    def symbol(self) -> Symbol:
        """Return it for `build_elf`."""
        bind = 2 if self.weak else 1
        size = 8 if self.use == "copy" or self.type == 1 else 0
        return Symbol(
            self.name, self.defined, self.version, self.hidden, self.use, bind, self.type, size=size
        )


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file: a symbolic link, or an ELF file, perhaps a spoilt one."""

    path: str
    link: str | None = None
    machine: int = 62
    bits: int = 64
    endian: str = "little"
    type: int = 3
    osabi: int = 0
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    version_needs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    weak_versions: tuple[str, ...] = ()
    version_defs: tuple[str, ...] = ()
    symbols: tuple[Use, ...] = ()
    flags: int = 0  # DT_FLAGS
    flags_1: int = 0  # DT_FLAGS_1
    abi_tag: tuple[int, int, int, int] | None = None
    isa: int = 0
    dynamic: bool = True
    patches: tuple[tuple[int, bytes], ...] = ()
    cut: int | None = None
    directory: bool = False
    data: bytes | None = None  # the content itself, where a compiler made it

    def content(self) -> bytes:
        """Return the bytes of a regular file."""
        if self.data is not None:
            return self.data
        tags = [(30, self.flags)] if self.flags else []
        tags += [(0x6FFFFFFB, self.flags_1)] if self.flags_1 else []
        data = bytearray(
            build_elf(
                machine=self.machine,
                bits=self.bits,
                endian=self.endian,
                type=self.type,
                osabi=self.osabi,
                interpreter=self.interpreter,
                needed=self.needed,
                soname=self.soname,
                rpath=self.rpath,
                runpath=self.runpath,
                version_needs=dict(self.version_needs),
                weak_versions=self.weak_versions,
                version_defs=self.version_defs,
                symbols=[use.symbol() for use in self.symbols],
                notes=list(self._notes()),
                note_align=8 if self.isa else 4,
                tags=tags,
                dynamic=self.dynamic,
            )
        )
        for at, new in self.patches:
            data[at : at + len(new)] = new
        return bytes(data[: self.cut])

    def _notes(self) -> Iterator[Note]:
        if self.abi_tag is not None:
            words = b"".join(word.to_bytes(4, "little") for word in self.abi_tag)
            yield Note(b"GNU\0", 1, words)
        if self.isa:
            words = (0xC0008002, 4, self.isa, 0)
            yield Note(b"GNU\0", 5, b"".join(word.to_bytes(4, "little") for word in words))


class Graph(msgspec.Struct, frozen=True, omit_defaults=True):
    """One start of PROGRAM; *cached* are the directories that ldconfig or musl's path file gets."""

    files: tuple[File, ...]
    env: tuple[tuple[str, str], ...] = ()
    cached: tuple[str, ...] = ()
    preload: str | None = None  # /etc/ld.so.preload

    def lay_out(self, root: Path) -> None:
        """Write the files into *root*."""
        for file in self.files:
            target = Path(f"{root}{file.path}")
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.link is not None:
                target.symlink_to(file.link)
            elif file.directory:
                target.mkdir()
            else:
                target.write_bytes(file.content())
                target.chmod(0o755)

    def clear(self, root: Path) -> None:
        """Remove the files from *root* again."""
        for directory in {Path(f"{root}{file.path}").parent for file in self.files}:
            # Also the links that ldconfig made for sonames.
            for path in directory.glob("libfz*"):
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()
        shutil.rmtree(f"{root}{PLACE}", ignore_errors=True)

    def smaller(self) -> Iterator[Graph]:
        """Yield graphs that lack one thing that this one has."""
        for index, file in enumerate(self.files):
            rest = self.files[:index] + self.files[index + 1 :]
            if file.path != PROGRAM:
                yield msgspec.structs.replace(self, files=rest)
            for less in _simpler(file):
                files = (*self.files[:index], less, *self.files[index + 1 :])
                yield msgspec.structs.replace(self, files=files)
        for index in range(len(self.env)):
            yield msgspec.structs.replace(self, env=self.env[:index] + self.env[index + 1 :])
        for index in range(len(self.cached)):
            rest_dirs = self.cached[:index] + self.cached[index + 1 :]
            yield msgspec.structs.replace(self, cached=rest_dirs)
        if self.preload is not None:
            yield msgspec.structs.replace(self, preload=None)


def _simpler(file: File) -> Iterator[File]:
    defaults = {f.name: f.default for f in msgspec.structs.fields(File) if not f.required}
    for name, default in defaults.items():
        value: Any = getattr(file, name)
        if value == default or name in ("interpreter", "data"):
            continue
        yield msgspec.structs.replace(file, **{name: default})
        if isinstance(value, tuple) and len(value) > 1:
            for index in range(len(value)):
                shorter = value[:index] + value[index + 1 :]
                yield msgspec.structs.replace(file, **{name: shorter})
        if name in ("rpath", "runpath") and ":" in value:
            parts = value.split(":")
            for index in range(len(parts)):
                shorter_path = ":".join(parts[:index] + parts[index + 1 :])
                yield msgspec.structs.replace(file, **{name: shorter_path})
