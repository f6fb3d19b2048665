"""
Which compilers and linkers made a binary, as far as it tells.

They leave their names in ``.comment`` and in notes of their own: advice, by
`sections`, and never part of a verdict.  Source: GCC's -fident; gold/layout.cc, create_gold_note().
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from preflight.analyze.sections import Section
from preflight.elf.source import Source
from preflight.model import text
from preflight.model.go import GoBuild
from preflight.model.toolchain import Toolchain

_COMMENT, _GOLD = b".comment", b".note.gnu.gold-version"
_SECTIONS = 8  # of these names that are read; a file has one of each
_CONTENT_BYTES = 64 << 10
_MOST = 32  # texts that are told
_TEXT_BYTES = 200
_NOTE_HEAD = 12  # bytes of a note before its owner "GNU\0"
_OWNER = 4

# In the order in which they are tried: what is built on another's is named first.
_TOOLS = (
    ("zig", re.compile(r"\bziglang/|^zig (\d[\w.+-]*)")),
    ("rustc", re.compile(r"^rustc version (\d[\w.+-]*)")),
    ("lld", re.compile(r"^Linker: .*?\bLLD (\d[\w.+-]*)")),
    ("mold", re.compile(r"^(?:mold|sold) (\d[\w.+-]*)")),
    ("gold", re.compile(r"^gold (\d[\w.+-]*)")),
    ("flang", re.compile(r"\bflang(?:-new)? version (\d[\w.+-]*)")),
    ("ldc", re.compile(r"^ldc version (\d[\w.+-]*)")),
    ("clang", re.compile(r"\bclang version (\d[\w.+-]*)")),
    ("ghc", re.compile(r"^GHC (\d[\w.+-]*)")),
    ("intel", re.compile(r"^Intel\(R\) .*?(?:Version|Compiler) (\d[\w.+-]*)")),
    ("gcc", re.compile(r"^GCC: \((?:[^()]|\([^()]*\))*\) (\d[\w.+-]*)")),
)


def toolchain(
    source: Source, sections: Iterable[Section], go: GoBuild | None
) -> tuple[Toolchain, ...]:
    """Return the toolchains that the file names, each text once; Go by its build information."""
    texts = dict.fromkeys(_texts(source, sections))
    told = tuple(_told(one) for one in list(texts)[:_MOST])
    return (Toolchain("go", go.release.removeprefix("go"), go.release), *told) if go else told


def _told(line: str) -> Toolchain:
    for name, pattern in _TOOLS:
        if match := pattern.search(line):
            return Toolchain(name, match[1], line)
    return Toolchain(None, None, line)


def _texts(source: Source, sections: Iterable[Section]) -> Iterator[str]:
    ours = (section for section in sections if section.name in (_COMMENT, _GOLD))
    for section in itertools.islice(ours, _SECTIONS):
        content = section.read(source, _CONTENT_BYTES)
        if section.name == _COMMENT:
            lines = content.split(b"\0")
            yield from (text.decode(line[:_TEXT_BYTES]) for line in lines if line.strip())
        else:
            line = content[_NOTE_HEAD + _OWNER :].partition(b"\0")[0][:_TEXT_BYTES]
            yield text.decode(line)
