"""Symbol tables for judging without a file."""

from __future__ import annotations

import struct

from preflight.model.elf import NO_VERSYM, PLACE_UNDEFINED, PLACE_ZERO, SYMBOL_RECORD, SymbolTable

_GLOBAL_FUNC = 0x12


def table(name: str, *, uses: int, info: int = _GLOBAL_FUNC) -> SymbolTable:
    """Return a table with one undefined symbol that relocations use as *uses* says."""
    null = struct.pack(SYMBOL_RECORD, NO_VERSYM, 0, 0, PLACE_UNDEFINED | PLACE_ZERO, 0, 0, 0, 0)
    place = PLACE_UNDEFINED | PLACE_ZERO
    record = struct.pack(SYMBOL_RECORD, NO_VERSYM, info, 0, place, uses, 0, 1, 1)
    return SymbolTable(b"\0" + name.encode() + b"\0", null + record)
