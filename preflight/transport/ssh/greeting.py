"""
The first line that an SSH server says: RFC 4253, 4.2.

paramiko gives a host 15 seconds for the first line, then two for each of a
hundred more, and has no limit to their length.
"""

from __future__ import annotations

from collections.abc import Callable

from preflight.errors import TransportError
from preflight.transport import Deadline
from preflight.transport.lost import lost, timed_out

MAX_BYTES = 64 * 1024
# What OpenSSH says to a client that it has no room for.  Source: sshd.c.
_THROTTLED = (b"Exceeded MaxStartups", b"Not allowed at this time")
_VERSIONS = (b"2.0", b"1.99")


def read_greeting(receive: Callable[[], bytes], limit_s: float, deadline: Deadline) -> str:
    """
    Return the identification line of a server: what follows is not ours.

    *receive* returns what is there of one line, b"" at the end of the
    connection, and raises TimeoutError soon where nothing comes; *limit_s* and
    `MAX_BYTES` bound the lines that a server may send before.
    """
    end = Deadline.after(min(limit_s, deadline.left_s()))
    lines = bytearray()
    start = 0
    while len(lines) < MAX_BYTES:
        if not end.left_s():
            raise timed_out("banner-timeout", _silence(lines, limit_s), deadline)
        try:
            part = receive()
        except TimeoutError:
            continue
        except OSError:  # a reset, for our own greeting came too late to be read
            part = b""
        if not part:
            raise _closed(bytes(lines), deadline)
        lines += part
        if part.endswith(b"\n"):
            line = bytes(lines[start:]).rstrip(b"\r\n")
            if line.startswith(b"SSH-"):
                return _checked(line)
            start = len(lines)
    reason = f"no SSH greeting in the first {MAX_BYTES} bytes; it said {_shown(lines)}"
    raise TransportError("timeout", "banner-timeout", reason)


def _checked(line: bytes) -> str:
    words = line.split(b"-", 2)
    if len(words) < 3:
        raise TransportError("error", "not-ssh", f"not an SSH greeting: {_shown(line)}")
    if words[1] not in _VERSIONS:
        reason = f"the host speaks SSH {words[1]!r} only, not 2.0"
        raise TransportError("error", "algorithms-incompatible", reason)
    return line.decode("utf-8", "replace")


def _silence(lines: bytes | bytearray, limit_s: float) -> str:
    if not lines:
        return f"the host took the connection and said nothing for {limit_s:g} s"
    return f"no SSH greeting in {limit_s:g} s; it said {_shown(lines)}"


def _closed(lines: bytes, deadline: Deadline) -> TransportError:
    if not deadline.left_s() or not lines:
        return lost("before the SSH greeting", deadline)
    if lines.startswith(_THROTTLED):
        reason, hint = f"it said {_shown(lines)}", "ask fewer hosts at a time"
        return TransportError("unreachable", "too-many-connections", reason, hint)
    reason = f"what answers is not SSH; it said {_shown(lines)} and closed"
    return TransportError("error", "not-ssh", reason)


def _shown(lines: bytes | bytearray) -> str:
    first = bytes(lines[:200]).splitlines() or [b""]
    return repr(first[0][:80].decode("utf-8", "backslashreplace"))
