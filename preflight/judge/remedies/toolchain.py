"""What a program was built with, as far as the file tells, for the sake of the advice."""

from __future__ import annotations

from typing import Literal, NamedTuple

from preflight.model.requirements import Requirements

Language = Literal["go", "rust", "c++", "c"]


class Build(NamedTuple):
    """The toolchain; *compiler* is the command that C and C++ are built with."""

    language: Language
    compiler: str = ""
    certain: bool = True  # False: the file does not say, and C is the commonest


def build_of(requirements: Requirements) -> Build:
    """Return the toolchain: Go by its build information, C++ where libstdc++ is needed."""
    if requirements.go is not None:
        return Build("go")
    elf = requirements.elf
    if elf is not None and "libstdc++.so.6" in elf.needed:
        return Build("c++", "g++")
    return Build("c", "gcc", certain=False)
