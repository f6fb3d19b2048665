"""
What env(1) starts for a script: the program that its one argument names, searched in PATH.

Without a PATH of the start the usual ones count, as far as they agree: a
program that not each of them would find is not guessed.
Source: GNU coreutils src/env.c, busybox coreutils/env.c; execvp(3).
"""

from __future__ import annotations

import posixpath
import re

from msgspec import Struct, structs

from preflight.judge.access import EXECUTE
from preflight.judge.case import Case, Prediction
from preflight.judge.chain import ABSENT, End, Link, broken, missing, not_judged, program_at
from preflight.model.question import BytesContent, Failed, FileState, NotAsked
from preflight.model.start import Start
from preflight.model.verdict import Finding

# What systemd gives to services and Debian to log-ins; every other has the last two.
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/usr/bin:/bin"
_EVERYWHERE = ("/usr/bin", "/bin")
_NO_PATH = "/bin:/usr/bin"  # where execvp(3) of glibc looks without one (_CS_PATH)
_CLEARS = ("-i", "-", "--ignore-environment")
_SPLITS = ("-S", "-vS", "--split-string=")
# Quotes, escapes, variables and comments, and blanks that releases take for different things.
_ODD = re.compile(r"['\"\\\\$#\r\v\f\n]")
_ANY_EXECUTE = 0o111


class _Order(Struct, frozen=True):
    """What env is told: start this command in that environment."""

    command: str
    env: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str | None:
        """PATH in that environment, None where it has none."""
        return dict(self.env).get("PATH")


def by_env(case: Case, env: Case, argument: str | None) -> Link | End | None:
    """Return what env(1) starts; None where nobody has looked yet."""
    order = _order(case, env, argument or "")
    if isinstance(order, str):
        return not_judged(case, order)
    start = structs.replace(case.start, argv0=order.command, env=order.env)
    return _searched(case, env, order, start)


def _order(case: Case, env: Case, argument: str) -> _Order | str:
    """Return what env makes of its one argument, or the reason why nobody knows."""
    words, pairs = [argument], case.start.env
    if argument.startswith("-"):
        split = next((p for p in _SPLITS if argument.startswith(p)), None)
        rest = argument.removeprefix(split or "")
        if split is None or _ODD.search(rest):
            return f"what env makes of {argument!r} is not known"
        if not _knows_split(env):
            return "whether the host's env knows -S is not known"
        words = rest.split()
        if words and words[0] in _CLEARS:
            words, pairs = words[1:], (("PATH", _NO_PATH),)
    while words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        words, pairs = words[1:], (*(p for p in pairs if p[0] != name), (name, value))
    if not words or not words[0] or words[0].startswith("-"):
        return f"what env makes of {argument!r} is not known"
    return _Order(words[0], pairs)


def _knows_split(env: Case) -> bool:
    """Whether the file of env(1) itself holds the name of the option (coreutils from 8.30 on)."""
    answer = env.inquiry.data(env.requirements.path)
    return isinstance(answer, BytesContent) and b"split-string" in answer.data


def _searched(case: Case, env: Case, order: _Order, start: Start) -> Link | End | None:
    """Return the program that execvp(3) finds, and starts under the name given."""
    name, directories = order.command, (order.path or USUAL_PATH).split(":")
    places = [name] if "/" in name else [posixpath.join(d or ".", name) for d in directories]
    if strange := next((place for place in places if not place.startswith("/")), None):
        return not_judged(case, f"{strange} is looked for in the working directory")
    states = {place: case.inquiry.stat(place) for place in places}
    if any(isinstance(state, NotAsked) for state in states.values()):
        return None
    if failed := next((p for p, state in states.items() if isinstance(state, Failed)), None):
        return not_judged(case, f"whether there is {failed} could not be seen")
    there = {place: state for place, state in states.items() if isinstance(state, FileState)}
    able = {place: _may_execute(case, place, state) for place, state in there.items()}
    if None in able.values():
        return not_judged(case, f"whether {case.start.run_as} may execute {name} is not known")
    found = {place: state for place, state in there.items() if able[place]}
    if found:
        usual = order.path is None and "/" not in name
        return _agreed(case, found, start) if usual else _started(case, next(iter(found)), start)
    if there:
        line = _env_says(env, name, "Permission denied")
        return End(_denied(next(iter(there))), Prediction(line, 126))
    return _nowhere(case, env, order, directories)


def _agreed(case: Case, found: dict[str, FileState], start: Start) -> Link | End | None:
    """Return the one program that every usual PATH finds, where they agree."""
    files = {(state.device, state.inode) for state in found.values()}
    place = next((place for place in found if posixpath.dirname(place) in _EVERYWHERE), None)
    if place is None or len(files) > 1:
        places = " and ".join(found)
        reason = f"which PATH is searched decides ({places}); --env PATH=… says it"
        return not_judged(case, reason)
    return _started(case, place, start)


def _nowhere(case: Case, env: Case, order: _Order, directories: list[str]) -> End:
    which = "the usual PATH; --env PATH=… gives another" if order.path is None else "PATH"
    by_name = "/" not in order.command
    searched = (f"searched {':'.join(directories)} ({which})",) if by_name else ()
    finding = missing(case, case.program_name, order.command, searched)
    if " " in order.command:
        hint = f"{finding.message}; env takes all of it for one name, env -S would split it"
        finding = structs.replace(finding, message=hint)
    return End(finding, Prediction(_env_says(env, order.command, ABSENT), 127))


def _may_execute(case: Case, place: str, state: FileState) -> bool | None:
    if state.kind != "file":
        return False
    if case.access is not None:
        return case.access.may(place, state, EXECUTE)
    return bool(state.mode & _ANY_EXECUTE)


def _started(case: Case, place: str, start: Start) -> Link | End | None:
    program = program_at(case, place, start, place)
    if program is None:
        return None
    if not isinstance(program, Case):
        return broken(case, case.program_name, place, program, by_env=True)
    if program.requirements.format == "unknown":
        return not_judged(case, f"{place} is no program, and execvp has a shell try it")
    return Link(program, by_env=True)


def _denied(place: str) -> Finding:
    return Finding(
        code="permission-denied",
        severity="error",
        subject=place,
        message=f"{place} is what env finds, and may not be executed",
    )


def _env_says(env: Case, name: str, words: str) -> str | None:
    """Return busybox's line; that of coreutils depends on the release and the locale."""
    state = env.inquiry.stat(env.requirements.path)
    busybox = isinstance(state, FileState) and posixpath.basename(state.real) == "busybox"
    return f"env: can't execute '{name}': {words}" if busybox else None
