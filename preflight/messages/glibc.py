"""
What glibc's loader says, at start and through dlerror(3).

Source: glibc elf/dl-load.c, dl-version.c, dl-lookup.c, dl-reloc.c, rtld.c,
sysdeps/x86/dl-get-cpu-features.c.
"""

from __future__ import annotations

from preflight.messages.line import WORD, line

_CHECK = "preflight check PROGRAM -i INVENTORY says on which hosts, and what they have instead."
_OBJECT = WORD + r"(?P<object>[^\s:]+)"

LINES = (
    line(
        WORD + r"(?P<library>[^\s:]+): version [`'](?P<version>GLIBC_[^']+)' not found "
        r"\(required by (?P<by>[^)]+)\)",
        "version-missing",
        "{by} was built against a newer glibc: it needs {version}, and {library} of this host does "
        "not offer it.",
        "Build on (or for) the oldest release of the fleet, or statically; preflight inspect "
        "PROGRAM shows the symbols that force the version. " + _CHECK,
    ),
    line(
        WORD + r"(?P<library>[^\s:]+): version [`'](?P<version>[^']+)' not found "
        r"\(required by (?P<by>[^)]+)\)",
        "version-missing",
        "{by} needs {version} of {library}, and the library of this host is too old to offer it "
        "(or another build of it is found first).",
        "Ship the newer library beside the program, or build against this host's. " + _CHECK,
    ),
    line(
        WORD + r"(?P<library>[^\s:]+): weak version [`'](?P<version>[^']+)' not found "
        r"\(required by (?P<by>[^)]+)\)",
        "version-weak-missing",
        "{by} would use {version} of {library}, which this host lacks, and starts without.",
        "Nothing has to be done unless the program fails later.",
    ),
    line(
        r"version [`'](?P<version>[A-Z]\w*_[\w.]+)' not found",
        "version-missing",
        "a library of this host is too old to offer {version}, which the program, or a library "
        "that it loads, was linked against.",
        "The words before say which library, and (required by …) who needs it. " + _CHECK,
    ),
    line(
        r"object '(?P<library>[^']+)' from (?P<by>LD_PRELOAD|/etc/ld\.so\.preload) cannot be "
        r"preloaded",
        "library-missing",
        "{by} names {library}, which the loader could not use; the program starts without it.",
        "Unset LD_PRELOAD, take the line out of /etc/ld.so.preload, or install the library. "
        + _CHECK,
    ),
    line(
        r"no version information available \(required by (?P<by>[^)]+)\)",
        "version-info-missing",
        "a library has no versions at all, though {by} was linked against one that has: it is "
        "another build of that library.",
        "Find which file is loaded: preflight check PROGRAM --local --explain.",
    ),
    line(
        WORD + r"(?P<library>[^\s:]+): failed to map segment from shared object",
        "mount-noexec",
        "the kernel refused to map {library} as code: it lies on a mount with noexec (/tmp often "
        "has it), or a security policy forbids it.",
        "Have it extracted or installed elsewhere (TMPDIR=… for a bundle), or remount. " + _CHECK,
    ),
    line(
        r"UnsatisfiedLinkError: (?P<library>[^\s:]+): .*(?i:can't load) (?P<why>.+)$",
        "library-unusable",
        "Java found {library}, which is for another machine: {why}.",
        "Ship the build for the machine of the host (uname -m). " + _CHECK,
    ),
    line(
        WORD
        + r"(?P<library>[^\s:]+): cannot open shared object file: (?P<errno>[^:(]+?)(?: \(.*)?$",
        "library-missing",
        "the loader looked for {library} in RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache and its "
        "own directories, and could not open it ({errno}).",
        "Install the library's package, or ship it beside the program with RUNPATH $ORIGIN. "
        + _CHECK,
    ),
    line(
        WORD + r"(?P<library>[^\s:]+) => not found",
        "library-missing",
        "ldd, which asks the loader, says that {library} is in none of its directories.",
        "Install the library's package, or ship it beside the program with RUNPATH $ORIGIN. "
        + _CHECK,
    ),
    line(
        r"UnsatisfiedLinkError: no (?P<library>\S+) in java\.library\.path",
        "library-missing",
        "Java looked for the library {library} in java.library.path alone, and found none; the "
        "loader was not asked.",
        "Start it with -Djava.library.path=DIRECTORY, or set LD_LIBRARY_PATH.",
    ),
    line(
        WORD + r"(?P<library>[^\s:]+): (?P<why>cannot enable executable stack[^:]*)",
        "library-unusable",
        "{library} asks for an executable stack, and the kernel, a security policy or the C "
        "library (from glibc 2.41 on for what is opened late) gives none.",
        "Build it again with -Wl,-z,noexecstack, or clear the mark: patchelf --clear-execstack "
        "LIBRARY. " + _CHECK,
    ),
    line(
        WORD + r"(?P<library>[^\s:]+): cannot apply additional memory protection",
        "exec-policy",
        "the loader may not make parts of {library} read-only or executable again: SELinux forbids "
        "text relocations (execmod), or memory is short.",
        "Build it with -fPIC; ausearch -m avc names the rule. " + _CHECK,
    ),
    line(
        r"(?P<library>lib\w+\.so\.\d+) must be installed for pthread_",
        "library-missing",
        "glibc opens {library} when a thread is cancelled or ends, and did not find it.",
        "Install libgcc's package (libgcc-s1, libgcc), or ship the file beside the program. "
        + _CHECK,
    ),
    line(
        WORD + r"(?P<library>[^\s:]*[./][^\s:]*): (?P<why>wrong ELF class: ELFCLASS\d+|"
        r"invalid ELF header|file too short|ELF (?:file|load command)[^:]*|cannot (?:read file data"
        r"|stat shared object|dynamically load (?:position-independent )?executable)[^:]*|"
        r"object file has no (?:dynamic section|loadable segments)|only ET_DYN and ET_EXEC can be "
        r"loaded|nonzero padding in e_ident|shared object cannot be dlopen\(\)ed)",
        "library-unusable",
        "the loader found {library} and cannot use it: {why}.",
        "It is damaged, or for another machine: reinstall it, or take its directory out of the "
        "search path. " + _CHECK,
    ),
    line(
        r"(?P<why>wrong ELF class: ELFCLASS\d+|invalid ELF header|file too short)$",
        "library-unusable",
        "the loader found a library and cannot use it: {why}.",
        "The words before name it. It is damaged, or for another machine. " + _CHECK,
    ),
    line(
        r"symbol (?P<symbol>[^\s,]+),? version (?P<version>\S+) not defined in file "
        r"(?P<library>\S+)",
        "symbol-missing",
        "{library} has the version {version} but not the symbol {symbol} in it: it is not the "
        "build that the program was linked against.",
        "Compare the library's package on both machines. " + _CHECK,
    ),
    line(
        rf"{_OBJECT}: undefined symbol: (?P<symbol>[^\s,]+)",
        "symbol-missing",
        "{object} uses {symbol}, and no library that is loaded defines it: one of them is older "
        "than, or another build than, the one at link time.",
        "Find which file is loaded: preflight check PROGRAM --local --explain. " + _CHECK,
    ),
    line(
        rf"(?:{_OBJECT}: )?cannot allocate memory in static TLS block",
        "library-unusable",
        "{object} is opened late and wants thread-local storage of the kind that is laid out at "
        "the start (static TLS), of which little is left.",
        "Load it from the start (LD_PRELOAD), or build it without -ftls-model=initial-exec.",
    ),
    line(
        r"unexpected reloc type (?P<kind>\S+)",
        "relocation-unsupported",
        "the loader met a relocation ({kind}) that it does not know: the file is damaged, or is "
        "for a newer loader or another machine.",
        "Build it for this host's release. " + _CHECK,
    ),
    line(
        r"CPU ISA level is lower than required|CPU does not support x86-64-v\d",
        "cpu-level-too-low",
        "a library, or the C library itself, was built for newer CPUs than this one.",
        "Build with -march=x86-64 or -v2, or choose a host with a newer CPU. " + _CHECK,
    ),
    line(
        r"FATAL: kernel too old",
        "kernel-too-old",
        "the C library asks for a newer kernel than the one that runs here.",
        "Update the kernel, or take the older release's user land.",
    ),
    line(
        r"Inconsistency detected by ld\.so|DT_RELR without GLIBC_ABI_DT_RELR",
        "version-inconsistent",
        "the loader found something in a file that its own assertions rule out: a library without "
        "the versions that another one names, or a tool that changed the file.",
        "Rebuild the program; patchelf and strippers are usual suspects. " + _CHECK,
    ),
)
