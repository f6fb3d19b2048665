"""Real ELF files to read: this machine's, and Debian's libraries for other machines."""

from __future__ import annotations

from pathlib import Path

HERE = ("/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib32", "/usr/libx32")
# Where Debian's package puts the libraries of another machine, and its name.
FOREIGN = {
    "aarch64-linux-gnu": "libc6-arm64-cross",
    "alpha-linux-gnu": "libc6.1-alpha-cross",
    "arm-linux-gnueabihf": "libc6-armhf-cross",
    "hppa-linux-gnu": "libc6-hppa-cross",
    "mips-linux-gnu": "libc6-mips-cross",
    "mips64el-linux-gnuabi64": "libc6-mips64el-cross",
    "powerpc-linux-gnu": "libc6-powerpc-cross",
    "powerpc64le-linux-gnu": "libc6-ppc64el-cross",
    "riscv64-linux-gnu": "libc6-riscv64-cross",
    "s390x-linux-gnu": "libc6-s390x-cross",
    "sparc64-linux-gnu": "libc6-sparc64-cross",
}


def elf_files(*directories: str | Path) -> list[Path]:
    """Return the ELF programs and libraries in *directories*, sorted."""
    found = (p for d in directories for p in sorted(Path(d).rglob("*")) if not p.is_symlink())
    return [p for p in found if p.is_file() and _is_elf(p)]


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(18)
    # Neither relocatable objects nor separate debug information.
    return head[:4] == b"\x7fELF" and head[16:18] in (b"\2\0", b"\3\0", b"\0\2", b"\0\3")


def sample(files: list[Path], count: int) -> list[Path]:
    """Return at most *count* of *files*, evenly spread."""
    return files[:: max(1, -(-len(files) // count))]
