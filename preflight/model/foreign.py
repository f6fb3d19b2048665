"""What a program for another system, or for a virtual machine, says of its needs."""

from __future__ import annotations

from msgspec import Struct


class Foreign(Struct, frozen=True, kw_only=True):
    """
    The needs of a file that is no ELF file, in the words of its own system.

    None and (): the file does not say, or its format has no such thing.
    """

    machines: tuple[str, ...] = ()  # "x86-64"; of a universal Mach-O file several
    runtime: str | None = None  # "Windows", ".NET (v4.0.30319)", "Java 17", "a WASI runtime"
    minimum_os: str | None = None  # "Windows 6.1", "macOS 11.0"
    imports: tuple[str, ...] = ()  # libraries or modules without which it does not start
    optional: tuple[str, ...] = ()  # which it loads when it first calls them, or can do without
    search: tuple[str, ...] = ()  # where it has libraries searched: LC_RPATH, a jar's Class-Path
    entry: str | None = None  # the class, or the function, that is started
    native: tuple[str, ...] = ()  # libraries of machine code that it carries inside
    defect: str | None = None  # why not all of it could be read

    @property
    def lines(self) -> tuple[str, ...]:
        """The needs in words, each a line."""
        named = (
            ("needs", self.runtime),
            ("at least", self.minimum_os),
            ("imports", ", ".join(self.imports)),
            ("may load", ", ".join(self.optional)),
            ("searches", ", ".join(self.search)),
            ("starts", self.entry),
            ("carries", ", ".join(self.native)),
            ("not all of it could be read:", self.defect),
        )
        return tuple(f"{name} {value}" for name, value in named if value)
