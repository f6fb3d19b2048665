"""
May the program have an executable stack, and change its own code?

Limit: SELinux's rules are not read; where they are enforced and would be
asked, the outcome is open.  Source: booleans selinuxuser_execstack and
selinuxuser_execmod of selinux(8); glibc elf/rtld.c of 2.41 (tunable
glibc.rtld.execstack).
"""

from __future__ import annotations

from collections.abc import Iterator

from preflight.judge.case import Case, Prediction
from preflight.loader.glibc.load import locks_stack, release_of
from preflight.loader.glibc.release import rules_of
from preflight.model.elf import DF_TEXTREL, Elf
from preflight.model.verdict import Finding


def check_stack(case: Case) -> Iterator[Finding]:
    """The program does not want an executable stack that its start forbids."""
    setting = case.setting
    identity = setting.loader.identity if setting else None
    if setting is None or identity is None or identity.family != "glibc":
        return
    rules = rules_of(release_of(setting) or (2, 36))
    if locks_stack(setting.start, rules) and setting.program.exec_stack is not False:
        yield Finding(
            code="exec-policy",
            severity="error",
            subject=case.requirements.name,
            message="it wants an executable stack, which GLIBC_TUNABLES forbids",
        )


def predict(_: Case) -> Prediction:
    """Return the loader's last words."""
    return Prediction("Fatal glibc error: executable stack is not allowed", 127)


def check_selinux(case: Case) -> Iterator[Finding]:
    """Nothing asks SELinux for what it may deny."""
    if case.snapshot.facts.selinux != "enforcing" or case.resolution is None:
        return
    for entry in case.resolution.objects:
        if wish := _wish(entry.elf):
            yield Finding(
                code="exec-policy",
                severity="unknown",
                subject=entry.path,
                message=f"{entry.path} {wish}, and whether SELinux allows it cannot be seen",
            )


def _wish(elf: Elf) -> str | None:
    if elf.textrel_tag or elf.dt_flags & DF_TEXTREL:
        return "has relocations in its code"
    return "wants an executable stack" if elf.exec_stack else None
