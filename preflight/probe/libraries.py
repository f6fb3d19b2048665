"""What answers about loaders and directories mean: which libcs there are, what to ask for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from preflight.model.elf import LoaderIdentity, machine_name
from preflight.model.question import (
    Answer,
    BytesContent,
    ElfContent,
    List,
    Listing,
    Question,
    ReadBytes,
    ReadElf,
)
from preflight.model.snapshot import Libc

CACHE = "/etc/ld.so.cache"
PRELOAD = "/etc/ld.so.preload"
Answers = Mapping[Question, Answer]


def libcs_of(loaders: Iterable[str], answers: Answers) -> tuple[Libc, ...]:
    """Return the libcs behind *loaders*, by what the answers say of their bytes."""
    found = ((path, answers.get(ReadElf(path))) for path in loaders)
    return tuple(_libc(path, a) for path, a in found if isinstance(a, ElfContent) and a.elf.bits)


def _libc(path: str, answer: ElfContent) -> Libc:
    elf, identity = answer.elf, answer.elf.identity
    machine = machine_name(elf.machine, elf.bits, elf.endian)
    if identity is None:
        return Libc(path, machine, "unknown", None)
    return Libc(path, machine, identity.family, identity.release)


def everything(
    loaders: Iterable[str], answers: Answers, parse_cache: Callable[[bytes], Iterable[str]]
) -> Iterator[Question]:
    """
    Yield what to ask for a host to be judged later by any program.

    That is every library of ld.so.cache and of the loaders' own directories.
    Each call sees further with the *answers* to the one before; once it yields
    no new question, all is asked.  *parse_cache* returns the paths in a cache.
    """
    yield from (ReadBytes(CACHE), ReadBytes(PRELOAD))
    for loader in loaders:
        yield ReadElf(loader)
        answer = answers.get(ReadElf(loader))
        if isinstance(answer, ElfContent) and answer.elf.identity is not None:
            yield from _around(loader, answer.elf.identity, answers)
    cache = answers.get(ReadBytes(CACHE))
    if isinstance(cache, BytesContent):
        yield from map(ReadElf, parse_cache(cache.data))


def _around(loader: str, identity: LoaderIdentity, answers: Answers) -> Iterator[Question]:
    directories = list(identity.system_dirs)
    if identity.family == "musl":
        name = loader.rpartition("/")[2].removesuffix(".so.1")
        path = ReadBytes(f"/etc/{name}.path")
        yield path
        directories = _musl_directories(answers.get(path))
    for directory in directories:
        plain = directory.rstrip("/")
        yield from _inside(plain, answers)
        for level in identity.hwcaps:
            yield from _inside(f"{plain}/glibc-hwcaps/{level}", answers)


def _musl_directories(answer: Answer | None) -> list[str]:
    """Return musl's system path.  Source: musl ldso/dynlink.c, load_library()."""
    if isinstance(answer, BytesContent):
        words = answer.data.decode("utf-8", "surrogateescape").replace("\n", ":").split(":")
        return [word for word in words if word.startswith("/")]
    return ["/lib", "/usr/local/lib", "/usr/lib"]


def _inside(directory: str, answers: Answers) -> Iterator[Question]:
    yield List(directory)
    listing = answers.get(List(directory))
    if isinstance(listing, Listing):
        names = sorted(name for name in listing.names if ".so" in name)
        yield from (ReadElf(f"{directory}/{name}") for name in names)
