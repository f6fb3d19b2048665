"""
How a host is asked about packages: the words for the script, and the script, bounded.

The script travels with the first such request, so that a host that misses
nothing never gets it.  What stands in a word comes from binaries: only names
that packages have are asked for, and no character that a shell looks at.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from preflight.model.question import Package
from preflight.probe.script import code_of

TIME_S = 20  # for all that one host is asked about packages
OUTPUT_BYTES = 256 << 10
QUESTIONS = 128  # of one host; naming rules serve the rest
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,127}")
_PATH = re.compile(r"(/[A-Za-z0-9_.+@-]{1,128}){1,32}")
_GUESS = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,127}(:[a-z0-9]{2,20})?")
# By the clock where the host has timeout(1), by the time of the CPU everywhere.
_BOUNDED = """\
ulimit -t {time_s}
run=
case $(timeout 9 echo y 2>&1) in y) run='timeout {time_s}' ;; esac
$run /bin/sh -c {code} sh "$@" | head -c {output_bytes}
"""


def code() -> str:
    """Return the shell code that answers; its arguments are `words`."""
    inner = shlex.quote(code_of("packages.sh"))
    return _BOUNDED.format(time_s=TIME_S, code=inner, output_bytes=OUTPUT_BYTES)


def askable(question: Package) -> bool:
    """Return whether every name in *question* is one that something in a package may have."""
    name = _PATH if question.name.startswith("/") else _NAME
    return (
        name.fullmatch(question.name) is not None
        and (not question.version or _NAME.fullmatch(question.version) is not None)
        and (not question.file or _PATH.fullmatch(question.file) is not None)
        and all(map(_GUESS.fullmatch, question.guesses))
    )


def words(questions: Iterable[Package]) -> tuple[str, ...]:
    """Return what the script is asked for *questions*, all of which are `askable`."""
    return tuple(dict.fromkeys(word for question in questions for word in _words(question)))


def _words(question: Package) -> Iterator[str]:
    if question.name.startswith("/"):
        yield f"f={question.name}"
    else:
        if not question.version:
            yield f"s={question.name}"
        yield f"c={question.name},{question.version},{question.bits}"
    if question.file:
        yield f"f={question.file}"
    yield from (f"g={guess}" for guess in question.guesses)
