"""
The first line of a script, taken apart as the kernel does.

Source: Linux fs/binfmt_script.c, load_script(); execve(2), "Interpreter scripts".
"""

from __future__ import annotations

from msgspec import Struct

from preflight.model import text

MARK = b"#!"
BUFFER_BYTES = 256  # BINPRM_BUF_SIZE
OLD_BUFFER_BYTES = 128  # the same before Linux 5.1, which cut a longer line silently
_BLANKS = b" \t"
_ENDS = b" \t\0"  # of the interpreter's name


class Shebang(Struct, frozen=True):
    """What the kernel executes in place of the script: one path, and at most one argument."""

    interpreter: str
    argument: str | None = None  # all the rest of the line, blanks inside it included

    @property
    def command(self) -> str:
        """The line without its mark, as the kernel understands it."""
        return self.interpreter if self.argument is None else f"{self.interpreter} {self.argument}"


def parse(head: bytes) -> Shebang | None:
    """
    Return what the line at the start of *head*, a file's first 256 bytes, names.

    None where the kernel refuses the file (ENOEXEC): there is no mark, no name
    after it, or the name goes on beyond the buffer.
    """
    buffer = head[:BUFFER_BYTES].ljust(BUFFER_BYTES, b"\0")
    if not buffer.startswith(MARK):
        return None
    line, newline, _ = buffer[len(MARK) :].partition(b"\n")
    if not newline:
        name = line.lstrip(_BLANKS)
        if not any(byte in name for byte in _ENDS):
            return None  # nothing says that the name ends here
        line = line[:-1]  # where the kernel writes its NUL
    line = line.strip(_BLANKS)
    if not line:
        return None
    end = next((at for at, byte in enumerate(line) if byte in _ENDS), len(line))
    name, rest = line[:end], line[end:]
    if not rest or rest.startswith(b"\0"):
        return Shebang(text.decode(name))
    return Shebang(text.decode(name), text.decode(rest.lstrip(_BLANKS).partition(b"\0")[0]))


def is_cut(head: bytes) -> bool:
    """Whether the first line goes on beyond what the kernel reads of the file."""
    return len(head) >= BUFFER_BYTES and not set(b"\n\0") & set(head[:BUFFER_BYTES])


def is_cut_by_old_kernels(head: bytes) -> bool:
    """Whether kernels before 5.1, with their shorter buffer, see another line than later ones."""
    return head.startswith(MARK) and parse(head) != parse(head[: OLD_BUFFER_BYTES - 1])
