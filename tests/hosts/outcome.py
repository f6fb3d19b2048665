"""
Says what the kernel and the loader really do when a program is started in a root.

Limit: a `symbol lookup error` counts as the loader's refusal, also where the
program ran for a while before it called the missing function.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import msgspec

HELPER = Path(__file__).with_name("start_in_root.py")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C"}
QEMU = "/usr/bin/qemu-{}-static"
# CPUs of other machines than x86-64 → that machine.  Its qemu refuses foreign programs, as such
# a kernel does.
MACHINES = {"pentium3": "i386", "cortex-a57": "aarch64"}
STDERR_LIMIT = 64 * 1024
# After "PROGRAM: ".  Source: glibc elf/dl-catch.c (fatal_error), elf/dl-version.c.
GLIBC = re.compile(
    r"error while loading shared libraries: |symbol lookup error: |relocation error: "
    r"|.*: version `.*' not found \(required by |.*CPU ISA level is lower than required"
)
# With no program's name before them: glibc's elf/rtld.c and assertions, musl's
# ldso/dynlink.c, and qemu's linux-user/elfload.c, where qemu stands in for the kernel.
ANONYMOUS = re.compile(
    r"FATAL: (kernel too old|cannot determine kernel version)|Fatal glibc error: "
    r"|Inconsistency detected by ld\.so: "
    r"|Error loading shared library |Error relocating "
    r"|qemu-[a-z0-9_]+(-static)?: "
)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one start."""

    errno: int | None = None  # execve failed with it: the kernel refused
    status: int | None = None  # the exit status
    signal: int | None = None  # the signal that ended it
    timed_out: bool = False  # it ran until its time was over
    stderr: str = ""  # the first 64 KiB; bytes that are not UTF-8 stand as surrogates
    loader_line: str | None = None  # the line with which the loader refused

    @property
    def refused(self) -> bool:
        """Whether kernel or loader refused; a program that fails by itself was started."""
        return self.errno is not None or self.loader_line is not None


def real_start(
    root: Path,
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cpu: str | None = None,
    timeout_s: float = 10.0,
) -> Outcome:
    """
    Start *argv* with *root* as its / and no network, and end all that it leaves behind.

    *argv[0]* is the program's absolute path within *root*.  *env* comes on top
    of a small environment.  With *cpu* ("Nehalem"), qemu stands in for an
    processor of that name.
    """
    with contextlib.ExitStack() as stack:
        report, stderr = (stack.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        task = {
            "root": str(root),
            "program": argv[0],
            "argv": list(argv),
            "env": {**ENVIRONMENT, **(env or {})},
            "report": report.fileno(),
        }
        files = [report.fileno()]
        if cpu:
            # Open, for within the root there is none.
            emulator = QEMU.format(MACHINES.get(cpu, "x86_64"))
            qemu = stack.enter_context(Path(emulator).open("rb")).fileno()
            task |= {"program": qemu, "argv": [emulator, "-cpu", cpu, *argv]}
            files.append(qemu)
        timed_out = _run(task, files, stderr, timeout_s)
        said = _head(stderr).decode(errors="surrogateescape")
        if timed_out:
            return Outcome(timed_out=True, stderr=said)
        return _outcome(json.loads(_head(report)), argv[0], said)


def _run(task: Mapping[str, object], files: list[int], stderr: IO[bytes], timeout_s: float) -> bool:
    """Run the helper in namespaces of its own; return whether time ran out."""
    # The helper is process 1 there: when it ends, the kernel ends all others.
    namespaces = ["unshare", "--net", "--pid", "--fork", "--kill-child"]
    try:
        subprocess.run(
            [*namespaces, sys.executable, "-IS", HELPER, json.dumps(task)],
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            timeout=timeout_s,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return True
    return False


def _head(file: IO[bytes]) -> bytes:
    return os.pread(file.fileno(), STDERR_LIMIT, 0)


def _outcome(answer: Mapping[str, int], program: str, stderr: str) -> Outcome:
    if "errno" in answer:
        return Outcome(errno=answer["errno"], stderr=stderr)
    if answer["exit"] < 0:
        return Outcome(signal=-answer["exit"], stderr=stderr)
    line = loader_line(program, stderr) if answer["exit"] else None
    return Outcome(status=answer["exit"], stderr=stderr, loader_line=line)


def loader_line(program: str, stderr: str) -> str | None:
    """Return the first line of *stderr* with which a loader refuses *program* itself."""
    for line in stderr.splitlines():
        said = line.removeprefix(f"{program}: ")
        if (said != line and GLIBC.match(said)) or ANONYMOUS.match(line):
            return line
    return None
