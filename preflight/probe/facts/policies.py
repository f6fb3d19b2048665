"""Which policies of the kernel or of daemons decide about programs, beyond SELinux."""

from __future__ import annotations

from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of


def parse_apparmor(outputs: Outputs) -> bool | Unknown:
    """Whether AppArmor is switched on.  Source: Linux security/apparmor/lsm.c, "enabled"."""
    if "apparmor" in outputs:
        return lines_of(outputs, "apparmor")[:1] == ["Y"]
    if "cpus" not in outputs:
        return Unknown("/sys is not mounted")
    return False


def parse_fapolicyd(outputs: Outputs) -> bool | Unknown:
    """Whether fapolicyd runs.  Source: fapolicyd(8), its pid file and fifo."""
    if "fapolicyd" not in outputs:
        return NO_PROC
    return bool(lines_of(outputs, "fapolicyd"))
