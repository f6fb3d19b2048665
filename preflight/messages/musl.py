"""What musl's loader says.  Source: musl ldso/dynlink.c."""

from __future__ import annotations

from preflight.messages.line import line

_CHECK = "preflight check PROGRAM -i INVENTORY says on which hosts."

LINES = (
    line(
        r"Error loading shared library (?P<library>ld-linux\S*): No such file",
        "library-missing",
        "{library} is glibc's own loader: the program, or a library of it, was built for glibc, "
        "and this is a system with musl.",
        "Build it for musl (musl-gcc, an Alpine container), or statically; gcompat serves a few. "
        + _CHECK,
    ),
    line(
        r"Error loading shared library (?P<library>\S+): No such file or directory"
        r"(?: \(needed by (?P<by>[^)]+)\))?",
        "library-missing",
        "musl's loader looked for {library}, which {by} needs, in LD_LIBRARY_PATH, the rpath and "
        "its path file, and found none.",
        "Install its package (apk add so:{library}), or ship it beside the program. " + _CHECK,
    ),
    line(
        r"Error loading shared library (?P<library>\S+): (?P<why>[^(]+?)"
        r"(?: \(needed by (?P<by>[^)]+)\))?$",
        "library-unusable",
        "musl's loader found {library}, which {by} needs, and cannot use it: {why}.",
        "It is damaged, or for another machine. " + _CHECK,
    ),
    line(
        r"Error relocating (?P<object>\S+): unsupported relocation type (?P<kind>\d+)",
        "relocation-unsupported",
        "{object} holds a relocation ({kind}) that musl does not know: it was built for glibc.",
        "Build it for musl (musl-gcc, an Alpine container).",
    ),
    line(
        r"Error relocating (?P<object>\S+): (?P<symbol>\S+): symbol not found",
        "symbol-missing",
        "{object} uses {symbol}, which no library here defines: most often a program or extension "
        "that was built for glibc and runs under musl.",
        "Build it for musl (musl-gcc, an Alpine container), or statically. " + _CHECK,
    ),
    line(
        r"(?P<program>[^\s:]+): Not a valid dynamic program",
        "machine-mismatch",
        "musl's loader was given {program} to start, which is no ELF program for it: a static or "
        "damaged one, one for another machine, or a script.",
        "file PROGRAM, or preflight inspect PROGRAM, says what it is. " + _CHECK,
    ),
)
