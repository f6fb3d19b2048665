"""
Initial-exec thread-local storage of what dlopen(3) loads: there is little room for it, or none.

Source: glibc elf/dl-reloc.c, _dl_try_allocate_static_tls(); elf/dl-tls.c,
_dl_tls_static_surplus_init(); musl ldso/dynlink.c, do_relocs().  Limit: what
the program opened before has taken some of the room, and nobody says how much.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from preflight.loader.setting import Object, Resolution
from preflight.loader.symbols import symbols_of
from preflight.model.elf import DF_STATIC_TLS, PT_TLS, USE_TLS, Elf
from preflight.model.text import decode

# The surplus is 1664 bytes; rounding to 64 bytes can leave more.
_SURPLUS_BYTES, _ROUNDING_BYTES = 1664, 64


class TlsProblem(Struct, frozen=True):
    """One object whose thread-local storage does not fit, or may not."""

    path: str
    words: str
    line: str  # what dlerror(3) says
    certain: bool = True


def static_tls(resolution: Resolution) -> TlsProblem | None:
    """Return the first problem of what a plugin brought, None where there is none."""
    opened = [entry for entry in resolution.objects if entry.opened]
    eager = [entry for entry in opened if entry.elf.dt_flags & DF_STATIC_TLS]
    if resolution.family == "musl":
        return next(filter(None, (_defined_late(entry, opened) for entry in eager)), None)
    return _no_room(eager)


def _no_room(eager: Sequence[Object]) -> TlsProblem | None:
    taken = 0
    for entry in eager:
        taken += _size(entry.elf)
        if taken > _SURPLUS_BYTES:
            words = "cannot allocate memory in static TLS block"
            certain = taken > _SURPLUS_BYTES + _ROUNDING_BYTES
            return TlsProblem(entry.path, words, f"{entry.path}: {words}", certain)
    return None


def _defined_late(entry: Object, opened: Sequence[Object]) -> TlsProblem | None:
    """Return what musl says of a variable that a library defines which came too late."""
    used = [symbol for symbol in symbols_of(entry.elf).used if symbol.uses & USE_TLS]
    for symbol in sorted(used, key=lambda symbol: symbol.data_rank or symbol.slot_rank):
        for party in opened:
            if symbol.name in symbols_of(party.elf).definitions:
                return _late(entry, decode(symbol.name), party)
    return _late(entry, "(local)", entry) if not used and _size(entry.elf) else None


def _late(entry: Object, name: str, party: Object) -> TlsProblem:
    words = f"{name}: initial-exec TLS resolves to dynamic definition in {party.path}"
    return TlsProblem(entry.path, words, f"Error relocating {entry.path}: {words}")


def _size(elf: Elf) -> int:
    return sum(segment.memsz for segment in elf.segments if segment.type == PT_TLS)
