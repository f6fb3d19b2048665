"""
``--shard i/n``: one of n parts of the hosts, for n runs side by side.

The part that a host belongs to depends on its name and n alone, so that a host
more or less moves no other.  Only ``auto`` looks at the variables of CI systems
and schedulers: a run that takes a part of the fleet unasked would say of the
whole that it is well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Self

from msgspec import Struct

from preflight.errors import UsageError
from preflight.model.host import Host

MAX_SHARDS = 100_000
_PART = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")
_AUTO = re.compile(r"auto(?:/([0-9]{1,6}))?")
_HINT = "write --shard 2/5 for the second of five parts"


class Shard(Struct, frozen=True):
    """Part *number*, from 1, of *total*."""

    number: int
    total: int

    @classmethod
    def parse(cls, value: str, environ: Mapping[str, str]) -> Self:
        """Return what *value* means: ``2/5``, ``auto`` or ``auto/5``.  Raises `UsageError`."""
        if part := _PART.fullmatch(value):
            return cls._checked(value, int(part[1]), int(part[2]))
        if auto := _AUTO.fullmatch(value):
            number, total = _from_scheduler(environ)
            return cls._checked(value, number, int(auto[1]) if auto[1] else total)
        raise UsageError(f"--shard {value!r} is no part of the hosts", _HINT)

    @classmethod
    def _checked(cls, value: str, number: int, total: int | None) -> Self:
        if total is None:
            raise UsageError(
                f"--shard {value}: nothing says how many there are", f"--shard {value}/N"
            )
        if not 1 <= number <= total <= MAX_SHARDS:
            raise UsageError(f"--shard {value}: there is no part {number} of {total}", _HINT)
        return cls(number, total)

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def select(self, hosts: Sequence[Host]) -> tuple[Host, ...]:
        """Return the hosts of this part, in their order; there may be none."""
        return tuple(host for host in hosts if _slot(host.name) % self.total == self.number - 1)


def _slot(name: str) -> int:
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


def _from_scheduler(environ: Mapping[str, str]) -> tuple[int, int | None]:
    """
    Return the number of this job, from 1, and how many there are, None where nobody says.

    Sources: GitLab "Predefined CI/CD variables" (from 1), Slurm sbatch(1) on job
    arrays, Kubernetes "Indexed Job" (from 0, without the total).
    """
    if "CI_NODE_INDEX" in environ:
        return _number(environ, "CI_NODE_INDEX"), _number(environ, "CI_NODE_TOTAL")
    if "SLURM_ARRAY_TASK_ID" in environ:
        step = _number(environ, "SLURM_ARRAY_TASK_STEP", "1")
        first = _number(environ, "SLURM_ARRAY_TASK_MIN", "0")
        place = (_number(environ, "SLURM_ARRAY_TASK_ID") - first) // max(step, 1)
        return place + 1, _number(environ, "SLURM_ARRAY_TASK_COUNT")
    if "JOB_COMPLETION_INDEX" in environ:
        return _number(environ, "JOB_COMPLETION_INDEX") + 1, None
    raise UsageError(
        "--shard auto: none of CI_NODE_INDEX, SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX is set",
        _HINT,
    )


def _number(environ: Mapping[str, str], name: str, default: str = "") -> int:
    value = environ.get(name, default)
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise UsageError(f"--shard auto: {name} is {value!r}, which is no number", _HINT)
    return int(value)
