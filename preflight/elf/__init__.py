"""
The one ELF reader: bytes in, `preflight.model.elf.Elf` out.

It looks at what a kernel and a loader look at, the program headers and the
dynamic table, never at section headers.  `source` says where bytes come from,
`image` finds them by address, `dynamic`, `versions`, `relocations`, `symbols`
and `notes` decode one table each, `identity` recognises a loader or a libc,
`reader` puts it together.
"""

from preflight.elf.reader import read, read_bytes, read_file
from preflight.elf.source import BytesSource, FileSource, RangeNeeded, Source, SparseSource

__all__ = [
    "BytesSource",
    "FileSource",
    "RangeNeeded",
    "Source",
    "SparseSource",
    "read",
    "read_bytes",
    "read_file",
]
