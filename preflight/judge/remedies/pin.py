"""
Which symbols a source may pin to an older version of glibc, so that the floor sinks.

Source: GNU as, ".symver".  A pin helps where all symbols that hold the floor
up are few, where the library on the host offers each of them by another
version, and where they are the program's own: start-up code is glibc's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.loader.symbols import symbols_of
from preflight.model import text
from preflight.model.elf import Elf
from preflight.model.requirements import GlibcStep

_MOST = 2  # symbols that are pinned by hand
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VERSION = re.compile(r"GLIBC_[0-9.]+")
_START_UP = "__libc_start_main"  # of crt1.o, which no source pins


def pins(case: Case, library: str, missing: str) -> str | None:
    """
    Return the source line that binds what needs *missing* to what *library* offers.

    None where that takes many lines, or cannot be done.
    """
    step = next((s for s in case.requirements.glibc_steps if f"GLIBC_{s.version}" == missing), None)
    offering = _provider(case, library)
    if step is None or offering is None or not _few(step):
        return None
    lines = [_pin(name, offering) for name in step.symbols]
    return None if None in lines else " ".join(filter(None, lines))


def _few(step: GlibcStep) -> bool:
    return step.count == len(step.symbols) <= _MOST and _START_UP not in step.symbols


def _provider(case: Case, library: str) -> Elf | None:
    objects = case.resolution.objects if case.resolution else ()
    return next((entry.elf for entry in objects if entry.elf.soname == library), None)


def _pin(name: str, offering: Elf) -> str | None:
    older = next(_versions(name, offering), "")
    safe = _NAME.fullmatch(name) and _VERSION.fullmatch(older)
    return f'__asm__(".symver {name},{name}@{older}");' if safe else None


def _versions(name: str, offering: Elf) -> Iterator[str]:
    """Yield the versions by which the library has the symbol, its default one first."""
    tables = symbols_of(offering)
    found = tables.definitions.of(text.encode(name))
    for symbol in sorted(found, key=lambda symbol: symbol.hidden_version):
        version = tables.versions.get(symbol.version_index)
        if version is not None and not symbol.undefined:
            yield version.name
