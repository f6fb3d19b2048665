"""
What only the way tells in which a program ended: signals and exit statuses.

Source: POSIX sh, "Exit Status for Commands"; signal(7).
"""

from __future__ import annotations

from preflight.messages.line import line

_CHECK = "preflight check PROGRAM -i INVENTORY says which hosts can start it."


def _exit(status: int) -> str:
    return rf"(?i:\b(?:exit|exited|exits|returned|code|status)\b[^\d\n]{{0,24}}\b{status}\b)"


LINES = (
    line(
        _exit(127),
        "interpreter-missing",
        "exit status 127: the command was not found, or its dynamic loader was not, or the loader "
        "did not find a library or a version; the line before says which.",
        "Look for that line, and explain it. " + _CHECK,
    ),
    line(
        _exit(126),
        "permission-denied",
        "exit status 126: the file is there and was not executed: no x bit, a noexec mount, or "
        "another machine's program.",
        "Look for the line before, and explain it. " + _CHECK,
    ),
    line(
        _exit(132),
        "cpu-level-too-low",
        "exit status 132 is signal 4, SIGILL: an instruction that this CPU does not have.",
        "Build for an older CPU: -march=x86-64, GOAMD64=v1, -C target-cpu=x86-64. " + _CHECK,
    ),
    line(
        _exit(137),
        None,
        "exit status 137 is signal 9, SIGKILL: most often the kernel, or a container's limit, for "
        "want of memory. It did start.",
        "dmesg, or the container's OOMKilled, tells.",
    ),
    line(
        rf"{_exit(139)}|(?i:segmentation fault|\bSIGSEGV\b)",
        None,
        "SIGSEGV: the program was started and used memory that it does not have. Parts of two "
        "builds of a C library, or a damaged file, do so at once; else it is the program's own.",
        "preflight check PROGRAM --local --explain shows which libraries are loaded.",
    ),
)
