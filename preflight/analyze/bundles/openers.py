"""
Which program of a bundle opens the extension modules in it: told by the names that they have.

Source: CPython's PEP 3149 and PEP 384 (tags of extension modules), Node.js' addons (.node).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from msgspec import structs

from preflight.model.requirements import Requirements

# "cpython-311-x86_64-linux-gnu", "abi3".
_EXTENSION = re.compile(r"\.(?:cpython-3(\d+)[a-z]*(?:-[\w-]+)?|abi3)\.so")
_PYTHON = re.compile(r"python3(?:\.(\d+))?")


def with_openers(members: Sequence[Requirements]) -> tuple[Requirements, ...]:
    """
    Return *members*, each extension of Python or Node.js with the program that opens it.

    So is every library of a one-folder PyInstaller program, with that program.
    """
    programs = [m for m in members if m.elf is not None and m.elf.kind != "shared-object"]
    return tuple(
        m if m.elf is None else structs.replace(m, opened_by=_opener(m, programs)) for m in members
    )


def folder_of(program: Requirements) -> str:
    """Return the directory of a one-folder PyInstaller program's libraries, with a slash."""
    folder = posixpath.join(posixpath.dirname(program.inner or ""), program.beside or "")
    return f"{folder.rstrip('/')}/" if folder else ""


def _opener(member: Requirements, programs: Sequence[Requirements]) -> str | None:
    if member.elf is None or member.elf.kind != "shared-object":
        return None
    fitting = (program.inner for program in programs if _opens(program, member))
    return next(fitting, None)


def _opens(program: Requirements, member: Requirements) -> bool:
    elf, image = member.elf, program.elf
    if elf is None or image is None or (elf.machine, elf.bits) != (image.machine, image.bits):
        return False
    if program.beside is not None:
        return (member.inner or "").startswith(folder_of(program))
    if member.name.endswith(".node"):
        return program.name == "node"
    extension, python = _EXTENSION.search(member.name), _PYTHON.fullmatch(program.name)
    if extension is None or python is None:
        return False
    return None in (extension[1], python[1]) or extension[1] == python[1]
