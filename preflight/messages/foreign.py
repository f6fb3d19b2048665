"""
What Windows and macOS say of programs that do not start; preflight judges Linux hosts alone.

Source: Microsoft, "NTSTATUS Values" and "System Error Codes"; Apple dyld(1).
"""

from __future__ import annotations

from preflight.messages.line import line

_WINDOWS = "dumpbin /dependents PROGRAM.exe lists what it imports."

LINES = (
    line(
        r"(?i)0xc0000135|STATUS_DLL_NOT_FOUND|-1073741515",
        None,
        "Windows: a DLL that the program imports is not in its directory nor in PATH.",
        "Ship the DLL beside the program, or install the Visual C++ runtime. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc000007b|STATUS_INVALID_IMAGE_FORMAT",
        None,
        "Windows: the program loaded a DLL of another width (32-bit and 64-bit mixed).",
        "Ship the DLLs of the program's own architecture. " + _WINDOWS,
    ),
    line(
        r"(?i)0xc0000139|entry point .*could not be located",
        None,
        "Windows: a DLL is there but is older than the one that the program was linked against.",
        "Ship the DLL of the build. " + _WINDOWS,
    ),
    line(
        r"(?i)not a valid win32 application|WinError 193|error 193\b",
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
)
