"""Which program of a bundle opens the extension modules in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from preflight.analyze import analyze
from tests.builders.elf import build_elf

LOADER = "/lib64/ld-linux-x86-64.so.2"
PROGRAM, LIBRARY = build_elf(interpreter=LOADER), build_elf(soname="x")
X86 = "x86_64-linux-gnu"


def opened_by(root: Path, library: str, *programs: str, machine: int = 62) -> str | None:
    """Return what opens *library* in a bundle of it and *programs*."""
    for name in (library, *programs):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        image = LIBRARY if name == library else build_elf(interpreter=LOADER, machine=machine)
        (root / name).write_bytes(image)
    bundle = analyze(root).bundle
    assert bundle is not None
    (found,) = (member for member in bundle.members if member.inner == library)
    return found.opened_by


@pytest.mark.parametrize(
    ("library", "programs", "opener"),
    [
        (f"lib/x.cpython-311-{X86}.so", ("bin/python3.11",), "bin/python3.11"),
        (f"lib/x.cpython-311-{X86}.so", ("bin/python3.12", "bin/python3.11"), "bin/python3.11"),
        (f"lib/x.cpython-311-{X86}.so", ("bin/python3",), "bin/python3"),
        (f"lib/x.cpython-311-{X86}.so", ("bin/python3.12",), None),
        (f"lib/x.cpython-313t-{X86}.so", ("bin/python3.13",), "bin/python3.13"),
        ("lib/x.abi3.so", ("bin/python3.12",), "bin/python3.12"),
        ("lib/x.abi3.so", ("bin/app",), None),
        ("lib/x.so", ("bin/python3.11",), None),
        ("lib/x.node", ("bin/node",), "bin/node"),
        ("lib/x.node", ("bin/python3.11",), None),
    ],
)
def test_extensions_are_opened_by_the_interpreter_of_their_name(
    tmp_path, library, programs, opener
):
    """The tag in a module's name says for which release of Python it is."""
    assert opener == opened_by(tmp_path, library, *programs)


def test_an_interpreter_for_another_machine_opens_nothing(tmp_path):
    """A bundle for several machines has an interpreter of each."""
    assert opened_by(tmp_path, "x.abi3.so", "bin/python3", machine=183) is None
