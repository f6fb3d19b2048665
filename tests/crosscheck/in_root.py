"""
Starts programs in a root, one after the other, and says what became of each.

Run as process 1 of namespaces of its own (no network), as root, with the root
as its argument; it becomes nobody there.  Each line of its input is a JSON
array ``[program, argv, env, seconds]``; the answer is one line of JSON:
``{"errno"}`` where the kernel refused, else ``{"status", "out", "err"}``, where
*status* is negative for a signal and null where time ran out.
"""

# ruff: noqa: T201 (answers on its standard output)

import json
import os
import resource
import select
import signal
import sys
import time

NOBODY = 65534
HEAD_BYTES = 1 << 22


def main() -> None:
    """Answer every line."""
    os.chroot(sys.argv[1])
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A program that writes without end is ended by SIGXFSZ; nothing here needs much.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for line in sys.stdin:
        print(json.dumps(start(*json.loads(line))), flush=True)


def start(program: str, argv: list[str], env: dict[str, str], seconds: float) -> dict[str, object]:
    """Start one program and wait for it, then end whatever it left behind."""
    out, err = (os.memfd_create(name) for name in ("out", "err"))
    null = os.open("/dev/null", os.O_RDONLY)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0)]
    actions += [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)]
    try:
        pid = os.posix_spawn(program, argv, env, file_actions=actions, setsid=True)
        status = wait(pid, seconds)
        return {"status": status, "out": head(out), "err": head(err)}
    except OSError as error:
        return {"errno": error.errno}
    finally:
        end_all()
        for file in (out, err, null):
            os.close(file)


def wait(pid: int, seconds: float) -> "int | None":
    """Return the exit status, minus the signal, or None where time ran out."""
    watched = os.pidfd_open(pid)
    try:
        if not select.select([watched], [], [], seconds)[0]:
            return None
    finally:
        os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def head(file: int) -> str:
    """Return the first bytes of what was written."""
    return os.pread(file, HEAD_BYTES, 0).decode("utf-8", "surrogateescape")


def end_all() -> None:
    """Kill every other process of this namespace and reap what was ours."""
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


main()
