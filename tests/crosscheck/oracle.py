"""
What the kernel and the loaders of a root really say: real starts and traces, many at once.

One helper process per root (`in_root`), so that a start costs little more than
the start itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

HELPER = Path(__file__).with_name("in_root.py")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C"}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one start: *errno* where the kernel refused; *status* None: time ran out."""

    errno: int | None = None
    status: int | None = None
    out: str = ""
    err: str = ""


class Oracle:
    """Runs programs in one root."""

    def __init__(self, root: Path) -> None:
        namespaces = ["unshare", "--net", "--ipc", "--pid", "--fork", "--kill-child"]
        self._helper = subprocess.Popen(
            [*namespaces, sys.executable, "-IS", HELPER, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        program: str | None = None,
        seconds: float = 2.0,
    ) -> Run:
        """Run *argv* to its end."""
        task = [program or argv[0], list(argv), {**ENVIRONMENT, **(env or {})}, seconds]
        stdin, stdout = self._helper.stdin, self._helper.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the helper has no pipes")
        stdin.write(json.dumps(task).encode() + b"\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"the helper ended at {argv}")
        return Run(**json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._helper.stdin:
            self._helper.stdin.close()
        try:
            self._helper.wait(5)
        except subprocess.TimeoutExpired:
            self._helper.kill()
            self._helper.wait()
        if self._helper.stdout:
            self._helper.stdout.close()
