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

from msgspec import structs

from preflight.judge.case import Case, Prediction
from preflight.judge.chain import End, Link, broken, name_of, not_judged, program_at
from preflight.judge.env import by_env as env_starts
from preflight.judge.support import handler_of
from preflight.model import shebang
from preflight.model.shebang import Shebang
from preflight.model.verdict import Finding

_NESTED = 5  # exec_binprm() follows so many interpreters
_MOST = 24  # of all that env(1) may start in turn


def follow(case: Case) -> Iterator[Link | End]:
    """
    Yield what is started in place of the script *case*, one after the other.

    The last one is a program; an `End` comes where there is none to start.
    """
    for number, step in enumerate(_follow(case, case)):
        if number == _MOST:
            yield not_judged(case, "scripts start one another without end")
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
    elif step.case.elf and step.case.elf.kind == "shared-object":
        path = step.case.requirements.path
        yield not_judged(script, f"{path} is a library, or a loader started by itself")
    elif line and posixpath.basename(line.interpreter) == "env":
        if shebang.is_cut(script.requirements.head):
            yield not_judged(script, "its first line is longer than what the kernel reads")
        else:
            yield from _follow_env(case, step.case, line.argument)
    elif line and (line.argument or "").endswith("\r"):
        yield End(_returned(script, line.argument or ""))


def _follow_env(case: Case, env: Case, argument: str | None) -> Iterator[Link | End]:
    step = env_starts(case, env, argument)
    if step is not None:
        yield step
    if isinstance(step, Link) and step.case.requirements.format == "script":
        yield from _follow(case, step.case, by_env=True)


def ending(link: Link, prediction: Prediction | None) -> Prediction | None:
    """Return how a start ends where the program of *link* fails as *prediction* says."""
    if prediction is None or not link.by_env:
        return prediction
    if (prediction.line or "").endswith(": Exec format error"):
        return None  # execvp(3) has a shell try it
    kernels = prediction.line is not None and prediction.line.startswith(link.case.program_name)
    # env(1) says it in words of its own, and of the locale.
    return Prediction(None, prediction.exit_status) if kernels else prediction


def _refused(case: Case, script: Case, line: Shebang | None) -> End | None:
    """Return why the kernel does not take the first line."""
    facts, head = case.snapshot.facts, script.requirements.head
    if handler := handler_of(facts.binfmt or (), head):
        reason = f"the host hands it to {handler.interpreter}"
        return not_judged(script, reason)
    if line is None:
        message = "its first line names no interpreter"
        if head.partition(b"\n")[0].rstrip(b"\0 \t") != shebang.MARK:
            message = f"the interpreter's name does not end within {shebang.BUFFER_BYTES} bytes"
        finding = Finding(
            code="script-line-unusable",
            severity="error",
            subject=name_of(script),
            message=f"{name_of(script)}: {message}; only a shell would run it, by itself",
        )
        return End(finding, Prediction(f"{case.program_name}: Exec format error", 126))
    release = facts.kernel_release
    if shebang.is_cut_by_old_kernels(head) and (release is None or release < (5, 1, 0)):
        return not_judged(script, "kernels before 5.1 cut its first line")
    return None


def _returned(script: Case, argument: str) -> Finding:
    return Finding(
        code="script-carriage-return",
        severity="unknown",
        subject=argument,
        message=f"{name_of(script)}: the argument {argument} of its interpreter ends in a carriage "
        "return",
    )


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
    start = structs.replace(case.start, argv0=path)
    program = program_at(case, path, start, None if by_env else case.program_name)
    if program is None or isinstance(program, Case):
        return None if program is None else Link(program, by_env=by_env)
    return broken(case, name_of(script), line.interpreter, program, by_env=by_env)
