"""
The one script that every host runs, and how requests to it are written.

The SSH command is one fixed line that any login shell understands; all the
rest travels on standard input.  The script is not given to ``sh -s``: dash
would read ahead and swallow the requests that follow it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from preflight.model import text

COMMAND = "exec /bin/sh -c 'IFS= read -r l; eval \"$l\"'"

_END = "#end"
# Where /bin/sh is bash, what the login shell has exported comes with the environment: functions
# that stand for tools, `set -e`, and a limit for `read`.  Source: bash(1), FUNCTIONS, SHELLOPTS.
_ALONE = (
    "set +eux; unset TMOUT; case ${BASH_VERSION-} in ?*) unset -f $(compgen -A function);; esac; "
)
# One line that collects the script and runs it only when all of it has arrived.
_READER = (
    _ALONE + "s=; n=$(printf '\\n.'); n=${n%.}; while IFS= read -r l; do case $l in "
    f"'{_END}') eval \"$s\"; exit;; esac; s=$s$l$n; done; exit 1"
)
_PLAIN = re.compile(r"/[A-Za-z0-9_./+:,@%=~-]*")
_ODD_BYTE = re.compile(rb"[^A-Za-z0-9_./+:,@%=~-]")
PATH_MAX = 4096  # bytes, the final NUL included (limits.h)


@cache
def bootstrap(script: str = "script.sh", *before: str) -> str:
    """
    Return the lines that start *script*, a file beside this one; the nonce has to follow.

    The functions of the files *before* are there when it starts.
    """
    return "\n".join([_READER, *map(code_of, (*before, script)), _END, ""])


@cache
def code_of(script: str) -> str:
    """Return the code of *script*, a file beside this one, without its comments."""
    source = resources.files("preflight.probe").joinpath(script).read_text("utf-8")
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


def is_plain(path: str) -> bool:
    """Whether *path* may stand in a request as it is."""
    return _PLAIN.fullmatch(path) is not None


def word(path: str) -> str:
    r"""Return *path* as one word of a request: odd bytes as ``\0ooo``, for ``printf %b``."""
    if is_plain(path):
        return path
    return _ODD_BYTE.sub(lambda m: b"\\0%03o" % m[0][0], text.encode(path)).decode("ascii")


def refusal(path: str) -> str | None:
    """Return the errno of a path that no host needs to be asked about, None for all others."""
    raw = text.encode(path)
    if not raw.startswith(b"/") or b"\0" in raw:
        return "EINVAL"
    return "ENAMETOOLONG" if len(raw) >= PATH_MAX else None
