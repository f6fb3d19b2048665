"""
Which versions an object wants of its libraries and which it defines.

pyelftools knows these tables by section only; a loader finds them by DT_VERNEED
and DT_VERDEF and follows their links, whatever DT_VERNEEDNUM and DT_VERDEFNUM
say.  Source: LSB Core, "Symbol Versioning"; glibc elf/dl-version.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from preflight.elf.dynamic import Dynamic
from preflight.elf.image import Image
from preflight.model.elf import NeededVersion, VersionDef, VersionNeed

_VER_FLG_BASE, _VER_FLG_WEAK = 1, 2
_INDEX = 0x7FFF  # bit 15 of an index hides the symbol
# Links of one table that are followed: an index has 15 bits, so more cannot be meant.
_MAX_LINKS = 1 << 15
_MAX_TABLE = 1 << 21


class _Chain:
    """One table of linked records, at most `_MAX_LINKS` of them in all."""

    def __init__(self, image: Image, address: int, what: str) -> None:
        self.image = image
        self.what = what
        self.data = image.window(address, _MAX_TABLE)
        self.left = _MAX_LINKS

    def records(self, form: str, start: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Yield offset and fields from *start* on; the last field links to the next record."""
        record = Struct(self.image.layout.order + form)
        offset, step = start, 1
        while step:
            self.left -= 1
            if self.left < 0 or offset + record.size > len(self.data):
                self.image.complain(f"the {self.what} run past the end of their table")
                return
            fields = record.unpack_from(self.data, offset)
            yield offset, fields
            step = fields[-1]
            offset += step

    def check(self, version: int) -> None:
        """Complain of a record whose structure nobody knows (glibc refuses it as well)."""
        if version != 1:
            self.image.complain(f"the {self.what} have the unknown structure version {version}")


def read_version_needs(dynamic: Dynamic) -> tuple[VersionNeed, ...]:
    """Return DT_VERNEED, one entry a library, in file order."""
    address = dynamic.get("DT_VERNEED")
    if address is None:
        return ()
    chain = _Chain(dynamic.image, address, "version needs")
    needs = []
    # Verneed: vn_version, vn_cnt, vn_file, vn_aux, vn_next.
    for offset, (version, _, file, aux, _) in chain.records("HHIII", 0):
        chain.check(version)
        library = dynamic.string(file, "a library of the version needs")
        needs.append(VersionNeed(library, tuple(_versions(dynamic, chain, offset + aux))))
    return tuple(needs)


def _versions(dynamic: Dynamic, chain: _Chain, start: int) -> Iterator[NeededVersion]:
    # Vernaux: vna_hash, vna_flags, vna_other, vna_name, vna_next.
    for _, (_, flags, other, name, _) in chain.records("IHHII", start):
        yield NeededVersion(
            dynamic.string(name, "the name of a needed version"),
            weak=bool(flags & _VER_FLG_WEAK),
            index=other & _INDEX,
        )


def read_version_defs(dynamic: Dynamic) -> tuple[VersionDef, ...]:
    """Return DT_VERDEF in file order; of each definition its own name, without its parents."""
    address = dynamic.get("DT_VERDEF")
    if address is None:
        return ()
    chain = _Chain(dynamic.image, address, "version definitions")
    defs = []
    # Verdef: vd_version, vd_flags, vd_ndx, vd_cnt, vd_hash, vd_aux, vd_next.
    for offset, (version, flags, index, _, _, aux, _) in chain.records("HHHHIII", 0):
        chain.check(version)
        # Verdaux: vda_name, vda_next.
        for _, (name, _) in chain.records("II", offset + aux):
            defs.append(
                VersionDef(
                    dynamic.string(name, "the name of a defined version"),
                    index=index & _INDEX,
                    base=bool(flags & _VER_FLG_BASE),
                )
            )
            break
    return tuple(defs)
