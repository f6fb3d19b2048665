"""
What a host's stat, ls and error lines say about a path.

Errors arrive as the C library's own words, in the C locale; glibc and musl
differ in some.  Source: glibc sysdeps/gnu/errlist.h, musl src/errno/__strerror.h.
"""

from __future__ import annotations

import re

from preflight.model import text
from preflight.model.question import Absent, Failed, FileState

_ERRNO = {
    "No such file or directory": "ENOENT",
    "Permission denied": "EACCES",
    "Operation not permitted": "EPERM",
    "Not a directory": "ENOTDIR",
    "Is a directory": "EISDIR",
    "Too many levels of symbolic links": "ELOOP",
    "Symbolic link loop": "ELOOP",
    "File name too long": "ENAMETOOLONG",
    "Filename too long": "ENAMETOOLONG",
    "Input/output error": "EIO",
    "I/O error": "EIO",
    "Stale file handle": "ESTALE",
    "Stale NFS file handle": "ESTALE",
    "Transport endpoint is not connected": "ENOTCONN",
    "Socket not connected": "ENOTCONN",
    "No such device or address": "ENXIO",
    "No such device": "ENODEV",
    "Value too large for defined data type": "EOVERFLOW",
    "Value too large for data type": "EOVERFLOW",
    "Cannot allocate memory": "ENOMEM",
    "Out of memory": "ENOMEM",
    "Connection timed out": "ETIMEDOUT",
    "Operation timed out": "ETIMEDOUT",
    "Host is down": "EHOSTDOWN",
    "Structure needs cleaning": "EUCLEAN",
    "Remote I/O error": "EREMOTEIO",
    "Required key not available": "ENOKEY",
}
_N = rb"(\d{1,18})"
_STAT = re.compile(rb"([0-9a-f]{1,8}) %b %b %b %b %b (-?\d{1,18}) (-?\d{1,18})" % ((_N,) * 5))
_LS = re.compile(
    rb" *%b +([-a-z][-a-zA-Z]{9})\S* +\d+ +%b +%b +(\d{1,18}|\d+, +\d+) .*" % ((_N,) * 3)
)
_TYPES = {
    "-": 0o100000,
    "d": 0o040000,
    "c": 0o020000,
    "b": 0o060000,
    "p": 0o010000,
    "s": 0o140000,
}
# Before each program's own lines, where /etc/ld.so.preload names what is not there.
_PRELOADS = re.compile(
    rb"^ERROR: ld\.so: object '.*' from .* cannot be preloaded .*\n", re.MULTILINE
)
_SPECIAL = {"s": 1, "S": 1, "t": 1, "T": 1}
CHANGED = "changed while it was looked at"


def parse_errno(line: bytes) -> str:
    """Return the errno's name for a tool's error line, or the host's own words."""
    words = text.decode(line.strip().rpartition(b": ")[2])
    return _ERRNO.get(words, text.printable(words)[:200] or CHANGED)


def parse_failure(line: bytes) -> Absent | Failed:
    """Return what the error line of a look at a path means."""
    errno = parse_errno(line)
    return Absent(errno) if errno in ("ENOENT", "ENOTDIR") else Failed(errno)


def parse_state(line: bytes, real: bytes) -> FileState | None:
    """Return the state that one line of stat(1) or ls(1) tells, None for any other line."""
    where = text.decode(real)
    if found := _STAT.fullmatch(line):
        uid, gid, device, inode, size, mtime, ctime = map(int, found.groups()[1:])
        return FileState(int(found[1], 16), uid, gid, device, inode, size, mtime, ctime, where)
    if found := _LS.fullmatch(line):
        size = int(found[5]) if found[5].isdigit() else 0
        mode = _mode(found[2].decode("ascii"))
        return FileState(mode, int(found[3]), int(found[4]), -1, int(found[1]), size, 0, 0, where)
    return None


def parse_states(count: int, data: bytes) -> list[FileState | Absent | Failed] | None:
    """
    Return the states of the *count* paths of one request, None where the lines do not fit.

    They do not fit where a file came or went meanwhile, or where a line feed
    stands in a real path: such paths are to be asked for one by one.
    """
    bits, _, rest = data.removesuffix(b".").partition(b"\n")
    rest = _PRELOADS.sub(b"", rest)
    if count == 1:
        return [_parse_single(bits == b"1", rest)]
    there = bits.count(b"1")
    lines = rest.split(b"\n")
    if len(bits) != count or len(lines) != count + there + 1 or lines[-1]:
        return None
    found = map(parse_state, lines[:there], lines[there : 2 * there])
    failed = map(parse_failure, lines[2 * there : -1])
    states = [next(found) if bit == 0x31 else next(failed) for bit in bits]
    return None if None in states else [state for state in states if state is not None]


def _parse_single(there: bool, rest: bytes) -> FileState | Absent | Failed:
    if not there:
        return parse_failure(rest)
    line, _, real = rest.partition(b"\n")
    return parse_state(line, real.removesuffix(b"\n")) or Failed(CHANGED)


def _mode(word: str) -> int:
    mode = _TYPES.get(word[0], 0)
    for shift, place in enumerate(word[:0:-1]):
        mode |= (place not in "-ST") << shift
    for bit, place in zip((0o4000, 0o2000, 0o1000), word[3::3], strict=True):
        mode |= bit * _SPECIAL.get(place, 0)
    return mode
