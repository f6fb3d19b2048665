"""
Does a security policy decide what may be executed?

Source: fapolicyd(8) (its pid file and fifo), Linux kernel-parameters.txt
(IMA), selinux(8).  Limit: no policy is evaluated; where one decides, the
answer is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case
from preflight.model.question import FileState
from preflight.model.verdict import Finding

_FAPOLICYD = ("/run/fapolicyd.pid", "/run/fapolicyd/fapolicyd.fifo")


def check_policy(case: Case) -> Iterator[Finding]:
    """Nothing but the kernel's own rules decides about the program."""
    facts = case.snapshot.facts
    running = [path for path in _FAPOLICYD if isinstance(case.inquiry.stat(path), FileState)]
    if running:
        yield Finding(
            code="exec-policy",
            severity="unknown",
            subject="fapolicyd",
            message="fapolicyd runs, and refuses programs that its rules do not trust",
            evidence=tuple(f"{path} is there" for path in running),
        )
    if facts.ima_appraise:
        yield Finding(
            code="exec-policy",
            severity="unknown",
            subject="IMA",
            message="the kernel executes only what IMA appraises",
            evidence=("/proc/cmdline says so",),
        )
    if facts.selinux == "enforcing":
        yield Finding(
            code="exec-policy",
            severity="info",
            subject="SELinux",
            message="SELinux is enforcing: a service needs the file to be labelled for its domain",
        )
