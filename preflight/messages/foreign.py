"""
What Windows, macOS and Java say of programs that do not start; preflight judges Linux hosts alone.

Source: Microsoft, "NTSTATUS Values" and "System Error Codes"; Apple dyld(1); the Java Virtual
Machine Specification, 4.1 (class file versions).
"""

from __future__ import annotations

from preflight.messages.line import line

_WINDOWS = "dumpbin /dependents PROGRAM.exe lists what it imports."

LINES = (
    line(
        r"(?i)0xc0000135|STATUS_DLL_NOT_FOUND|-1073741515|\b3221225781\b"
        r"|\.dll(?:['\"]? (?:was not found|is missing|not found)|: cannot open)",
        None,
        "Windows: a DLL that the program imports is not in its directory nor in PATH.",
        "Ship the DLL beside the program, or install the Visual C++ runtime. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc000007b|STATUS_INVALID_IMAGE_FORMAT|-1073741701|\b3221225595\b",
        None,
        "Windows: the program loaded a DLL of another width (32-bit and 64-bit mixed).",
        "Ship the DLLs of the program's own architecture. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc0000139|-1073741511|\b3221225785\b|entry point .*could not be located",
        None,
        "Windows: a DLL is there but is older than the one that the program was linked against.",
        "Ship the DLL of the build. " + _WINDOWS,
    ),
    line(
        r"(?i)0x800700c1|not a valid win32 application|WinError 193|error 193\b",
        None,
        "Windows: the file is for another machine or width, or is no Windows program.",
        "Build for the machine's architecture. " + _WINDOWS,
    ),
    line(
        r"(?i)the specified module could not be found|WinError 126|error 126\b",
        None,
        "Windows: a DLL, or one that this DLL imports in turn, was not found.",
        "Look for the imports of the DLL itself. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc0000142|-1073741502|\b3221225794\b",
        None,
        "Windows: a DLL was loaded and its initialisation failed.",
        "Its own imports, the desktop session and antivirus are usual suspects. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc0000005|-1073741819|\b3221225477\b",
        None,
        "Windows: an access violation; the program was started, and crashed.",
        "A debugger, or the crash dump, shows where.",
    ),
    line(
        r"(?i)bad cpu type in executable",
        None,
        "macOS: the program is for the other architecture (x86_64 or arm64).",
        "Build a universal program, or install Rosetta 2.",
    ),
    line(
        r"Library not loaded: (?P<library>\S+)",
        None,
        "macOS: dyld did not find {library}, which the program names as its dependency.",
        "Ship it, and correct the name with install_name_tool (@rpath).",
    ),
    line(
        r"dyld(?:\[\d+\])?: [Ss]ymbol not found: (?P<symbol>\S+)",
        None,
        "macOS: no library that dyld loaded defines {symbol}: the system, or a library, is older "
        "than at link time.",
        "Build with MACOSX_DEPLOYMENT_TARGET at the oldest system.",
    ),
    line(
        r"rosetta error: failed to open elf at (?P<interpreter>\S+)",
        None,
        "macOS: an x86-64 program for Linux runs in a virtual machine of arm64, and {interpreter}, "
        "its dynamic loader, is not there.",
        "Build for linux/arm64, or run it in an image for linux/amd64 (--platform).",
    ),
    line(
        r"UnsupportedClassVersionError.*class file version (?P<version>\d+)",
        None,
        "Java: a class was compiled for a newer Java than the one that runs it (class file version "
        "{version}: Java is that less 44).",
        "Run it on that Java, or compile with --release of the one that is there.",
    ),
)
