"""What a program was built with, as far as the file tells, for the sake of the advice."""

from __future__ import annotations

from typing import Literal, NamedTuple

from preflight.model.requirements import Requirements

Language = Literal["go", "rust", "c++", "c"]


class Build(NamedTuple):
    """The toolchain; *compiler* is the command that C and C++ are built with."""

    language: Language
    compiler: str = ""


def build_of(requirements: Requirements) -> Build:
    """Return the toolchain by the file's own word; C++ where libstdc++ is needed, else C."""
    names = {tool.name for tool in requirements.toolchain}
    if requirements.go is not None:
        return Build("go")
    if "rustc" in names:
        return Build("rust")
    # The C run-time that every program has in it is often gcc's.
    clang = "clang" in names
    needed = requirements.elf.needed if requirements.elf else ()
    if "libstdc++.so.6" in needed:
        return Build("c++", "clang++" if clang else "g++")
    return Build("c", "clang" if clang else "gcc")
