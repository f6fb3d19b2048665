"""
Is what a script's first line names there, and would it start?

The kernel executes the interpreter in place of the script: that file, and the
program that env(1) looks for, are judged as programs of their own, from what
the host holds.  Limit: what a script does after that is its own affair.

Source: Linux fs/binfmt_script.c, fs/exec.c (exec_binprm); execve(2); GNU
coreutils, env(1).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from msgspec import Struct, structs

from preflight.judge.case import Case, Prediction
from preflight.judge.interpreter import ERRNO_TEXT
from preflight.judge.support import handler_of
from preflight.model import shebang
from preflight.model.question import (
    Absent,
    BytesContent,
    ElfContent,
    Failed,
    FileState,
    NotAsked,
)
from preflight.model.requirements import Format, Requirements
from preflight.model.shebang import Shebang
from preflight.model.verdict import Finding

# What systemd gives to services and Debian to log-ins; cron's is a part of it.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NESTED = 5  # exec_binprm() follows so many interpreters
_MOST = 24  # of all that env(1) may start in turn
_ANY_EXECUTE = 0o111
_ABSENT = "No such file or directory"
_QUOTING = frozenset("'\"\\$#")


class Link(Struct, frozen=True):
    """One program that is started in place of the one before it; *by_env*: by env(1)."""

    case: Case
    by_env: bool = False


class End(Struct, frozen=True):
    """Where the chain of interpreters breaks."""

    finding: Finding
    prediction: Prediction | None = None


def follow(case: Case) -> Iterator[Link | End]:
    """
    Yield what is started in place of the script *case*, one after the other.

    The last one is a program; an `End` comes where there is none to start.
    """
    for number, step in enumerate(_follow(case, case)):
        if number == _MOST:
            yield End(_not_judged(case, "scripts start one another without end"))
            return
        yield step


def _follow(
    case: Case, script: Case, *, by_env: bool = False, depth: int = 1
) -> Iterator[Link | End]:
    line = shebang.parse(script.requirements.head)
    found = _refused(case, script, line) if depth <= _NESTED else _too_deep(case)
    step = found or _interpreter(case, script, line or Shebang(""), by_env=by_env)
    if step is not None:
        yield step
    if not isinstance(step, Link):
        return
    if step.case.requirements.format == "script":
        yield from _follow(case, step.case, by_env=by_env, depth=depth + 1)
    elif line and posixpath.basename(line.interpreter) == "env":
        yield from _follow_env(case, step.case, line.argument)


def _follow_env(case: Case, env: Case, argument: str | None) -> Iterator[Link | End]:
    step = _by_env(case, env, argument)
    if step is not None:
        yield step
    if isinstance(step, Link) and step.case.requirements.format == "script":
        yield from _follow(case, step.case, by_env=True)


def ending(link: Link, prediction: Prediction | None) -> Prediction | None:
    """Return how a start ends where the program of *link* fails as *prediction* says."""
    if prediction is None or not link.by_env:
        return prediction
    kernels = prediction.line is not None and prediction.line.startswith(link.case.program_name)
    # env(1) says it in words of its own, and of the locale.
    return Prediction(None, prediction.exit_status) if kernels else prediction


def _refused(case: Case, script: Case, line: Shebang | None) -> End | None:
    """Return why the kernel does not take the first line."""
    facts, head = case.snapshot.facts, script.requirements.head
    if handler := handler_of(facts.binfmt or (), head):
        reason = f"the host hands it to {handler.interpreter}"
        return End(_not_judged(script, reason))
    if line is None:
        message = "its first line names no interpreter that the kernel would read"
        if head.rstrip(b"\0 \t\n") != shebang.MARK:
            message = f"the interpreter's name does not end within {shebang.BUFFER_BYTES} bytes"
        finding = Finding(
            code="script-line-unusable",
            severity="error",
            subject=_name(script),
            message=f"{_name(script)}: {message}; only a shell would run it, by itself",
        )
        return End(finding, Prediction(f"{case.program_name}: Exec format error", 126))
    release = facts.kernel_release
    if shebang.is_cut_by_old_kernels(head) and (release is None or release < (5, 1, 0)):
        return End(_not_judged(script, "kernels before 5.1 cut its first line"))
    return None


def _too_deep(case: Case) -> End:
    finding = Finding(
        code="interpreter-unusable",
        severity="error",
        subject=case.program_name,
        message=f"more than {_NESTED} interpreters are scripts themselves",
    )
    line = f"{case.program_name}: Too many levels of symbolic links"
    return End(finding, Prediction(line, 126))


def _interpreter(case: Case, script: Case, line: Shebang, *, by_env: bool) -> Link | End | None:
    """Return what the first line of *script* names; None where nobody has looked yet."""
    path = line.interpreter
    if path and not path.startswith("/"):
        if case.start.cwd is None:
            finding = Finding(
                code="install-path-unknown",
                severity="unknown",
                subject=path,
                message=f"the interpreter {path} is looked for in the working directory, "
                "which was not given",
            )
            return End(finding)
        path = posixpath.join(case.start.cwd, path)
    program = _program(case, path, called=None if by_env else case.program_name, argv0=path)
    if program is None or isinstance(program, Case):
        return None if program is None else Link(program, by_env=by_env)
    return _broken(case, _name(script), line.interpreter, program, by_env=by_env)


def _broken(case: Case, who: str, path: str, answer: Absent | Failed, *, by_env: bool) -> End:
    """Return the end of a chain at an interpreter that is not there, or cannot be looked at."""
    if isinstance(answer, Failed):
        words = ERRNO_TEXT.get(answer.errno)
        finding = Finding(
            code="interpreter-unusable",
            severity="error" if words else "unknown",
            subject=path,
            needed_by=who,
            message=f"{who}: its interpreter {path} cannot be executed ({answer.errno})",
        )
        return End(finding, Prediction(None if by_env else f"{case.program_name}: {words}", 126))
    words = "Not a directory" if answer.errno == "ENOTDIR" else _ABSENT
    status = 126 if answer.errno == "ENOTDIR" else 127
    return End(
        _missing(case, who, path),
        Prediction(None if by_env else f"{case.program_name}: {words}", status),
    )


def _missing(case: Case, who: str, path: str, searched: tuple[str, ...] = ()) -> Finding:
    returned = path.endswith("\r")
    return Finding(
        code="script-carriage-return" if returned else "interpreter-missing",
        severity="error",
        subject=path,
        needed_by=who,
        message=f"{who}: its interpreter {path} is not on the host"
        + ("; the line ends in a carriage return, as on Windows" if returned else ""),
        evidence=searched or tuple(_near(case, path.rstrip("\r"))),
    )


def _near(case: Case, path: str) -> Iterator[str]:
    """Yield where the host has a program of this name, in the usual places."""
    name = posixpath.basename(path)
    for directory in ("/bin", "/usr/bin", "/usr/local/bin"):
        place = f"{directory}/{name}"
        if name and place != path and isinstance(case.inquiry.stat(place), FileState):
            yield f"there is {place}"


def _program(
    case: Case, path: str, *, called: str | None, argv0: str
) -> Case | Absent | Failed | None:
    """Return the file at *path* as a program that lies there already; None: nobody has looked."""
    # Of no name at all the kernel opens the working directory.
    answer = case.inquiry.elf(path) if path else Failed("EISDIR")
    if not isinstance(answer, ElfContent):
        return None if isinstance(answer, NotAsked) else answer
    head = answer.elf.head
    if head.startswith(shebang.MARK):
        whole = case.inquiry.data(path)
        if not isinstance(whole, BytesContent):
            return None if isinstance(whole, NotAsked) else Failed("too large to be read as text")
        head = whole.data[: shebang.BUFFER_BYTES]
    start = structs.replace(
        case.start, install_path=path, in_place=True, argv0=argv0, secure=None, loaded_by=None
    )
    requirements = _on_host(case.requirements.id, path, head, answer)
    return Case(requirements, start, case.snapshot, case.inquiry, called=called)


def _on_host(identifier: str, path: str, head: bytes, content: ElfContent) -> Requirements:
    formats: dict[bool, Format] = {True: "elf", False: "unknown"}
    script = head.startswith(shebang.MARK)
    return Requirements(
        id=identifier,
        path=path,
        name=posixpath.basename(path),
        sha256=content.sha256,
        size_bytes=content.state.size_bytes,
        format="script" if script else formats[bool(content.elf.bits)],
        description=f"{path} on the host",
        head=head,
        elf=content.elf if content.elf.bits else None,
    )


def _by_env(case: Case, env: Case, argument: str | None) -> Link | End | None:
    """Return what env(1) starts; None where nobody has looked yet."""
    if argument is None:
        return End(_not_judged(case, "env is given no program, and starts the script again"))
    words, reason = _env_words(env, argument)
    if reason:
        return End(_not_judged(case, reason))
    path = case.start.variable("PATH")
    while words and "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        path = value if name == "PATH" else path
    if not words:
        return End(_not_judged(case, "env is given no program, and starts the script again"))
    return _searched(case, env, words[0], path)


def _env_words(env: Case, argument: str) -> tuple[list[str], str]:
    """Return assignments and command of env's one argument, or the reason why nobody knows."""
    if not argument.startswith("-"):
        return [argument], ""
    split = next((p for p in ("-S", "-vS", "--split-string=") if argument.startswith(p)), None)
    rest = argument.removeprefix(split or "")
    if split is None or _QUOTING & set(rest):
        return [], f"what env makes of {argument!r} is not known"
    if not _splits(env):
        return [], "whether the host's env knows -S is not known"
    words = rest.split()
    while words and words[0] in ("-i", "-", "--ignore-environment", "-v", "--debug", "--"):
        words.pop(0)
    if words and words[0].startswith("-"):
        return [], f"what env makes of {words[0]} is not known"
    return words, ""


def _splits(env: Case) -> bool:
    """Whether the file of env(1) itself holds the name of the option (coreutils from 8.30 on)."""
    answer = env.inquiry.data(env.requirements.path)
    return isinstance(answer, BytesContent) and b"split-string" in answer.data


def _searched(case: Case, env: Case, name: str, path: str | None) -> Link | End | None:
    """Return the program that execvp(3) finds, and starts under the *name* given."""
    directories = (DEFAULT_PATH if path is None else path).split(":")
    places = [name] if "/" in name else [posixpath.join(d or ".", name) for d in directories]
    denied = None
    for place in places:
        if not place.startswith("/"):
            return End(_not_judged(case, f"{place} is looked for in the working directory"))
        state = case.inquiry.stat(place)
        if not isinstance(state, FileState):
            continue  # where nobody has looked yet, all are asked for at once
        if state.kind != "file" or not state.mode & _ANY_EXECUTE:
            denied = denied or place
            continue
        program = _program(case, place, called=place, argv0=name)
        if program is None or isinstance(program, Case):
            return None if program is None else Link(program, by_env=True)
        return _broken(case, case.program_name, place, program, by_env=True)
    if denied is not None:
        return End(_denied(denied), Prediction(_env_says(env, name, "Permission denied"), 126))
    which = "PATH" if path is not None else "the usual PATH; --env PATH=… gives another"
    searched = (f"searched {':'.join(directories)} ({which})",) if "/" not in name else ()
    finding = _missing(case, case.program_name, name, searched)
    return End(finding, Prediction(_env_says(env, name, _ABSENT), 127))


def _denied(place: str) -> Finding:
    return Finding(
        code="permission-denied",
        severity="error",
        subject=place,
        message=f"{place} is what env finds, and may not be executed",
    )


def _env_says(env: Case, name: str, words: str) -> str | None:
    """
    Return busybox's line about a program that it cannot start.

    That of coreutils depends on the release and the locale.
    Source: busybox coreutils/env.c.
    """
    state = env.inquiry.stat(env.requirements.path)
    busybox = isinstance(state, FileState) and posixpath.basename(state.real) == "busybox"
    return f"env: can't execute '{name}': {words}" if busybox else None


def _not_judged(script: Case, reason: str) -> Finding:
    return Finding(
        code="script-not-judged",
        severity="unknown",
        subject=_name(script),
        message=f"{_name(script)}: {reason}",
    )


def _name(script: Case) -> str:
    """Return how messages name the script itself, not the one that it interprets."""
    return script.start.install_path or script.program_name
