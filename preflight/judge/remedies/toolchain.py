"""What a program was built with, as far as its needs tell."""

from __future__ import annotations

from typing import Literal

from preflight.model.requirements import Requirements

Toolchain = Literal["go", "c++", "unknown"]


def toolchain_of(requirements: Requirements) -> Toolchain:
    """Return the toolchain: Go by its build information, C++ where libstdc++ is needed."""
    if requirements.go is not None:
        return "go"
    elf = requirements.elf
    names = {dependency.name for dependency in elf.dependencies} if elf else set()
    return "c++" if "libstdc++.so.6" in names else "unknown"
