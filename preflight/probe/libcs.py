"""Which C libraries a host has, by the ELF interpreters that were read there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from preflight.model.elf import machine_name
from preflight.model.question import Answer, ElfContent, Question, ReadElf
from preflight.model.snapshot import Libc


def libcs_of(loaders: Iterable[str], answers: Mapping[Question, Answer]) -> tuple[Libc, ...]:
    """Return one `Libc` for each of *loaders* whose answer is a loader that we know."""
    return tuple(_libcs(loaders, answers))


def _libcs(loaders: Iterable[str], answers: Mapping[Question, Answer]) -> Iterator[Libc]:
    for path in loaders:
        answer = answers.get(ReadElf(path))
        if isinstance(answer, ElfContent) and answer.elf.identity is not None:
            elf, identity = answer.elf, answer.elf.identity
            machine = machine_name(elf.machine, elf.bits, elf.endian)
            yield Libc(path, machine, identity.family, identity.release or _by_name(answer))


def _by_name(answer: ElfContent) -> str | None:
    """Return 2.31 for a loader that is really called ld-2.31.so: older ones do not say more."""
    name = answer.state.real.rpartition("/")[2]
    release = name.removeprefix("ld-").removesuffix(".so")
    return release if release[:1].isdigit() and name == f"ld-{release}.so" else None
