"""What runs as process 1, and whether this is a container."""

from __future__ import annotations

from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of

_INITIAL_PIDS = "pid:[4026531836]"  # Linux include/linux/proc_ns.h, PROC_PID_INIT_INO
_SIGNS = {
    "/.dockerenv": "docker",
    "/run/.containerenv": "podman",
    "/dev/lxd/sock": "lxd",
}


def parse_init(outputs: Outputs) -> str | Unknown:
    """
    Return the name of process 1, "openrc" and "sysvinit" for what calls itself init.

    Source: sd_booted(3) for /run/systemd/system, OpenRC's /run/openrc.
    """
    name = "".join(lines_of(outputs, "init")[:1])
    signs = lines_of(outputs, "boot")
    if not name:
        return NO_PROC if "proc" not in outputs else Unknown("/proc/1/comm is not readable")
    if name != "init":
        return name
    if "/run/systemd/system" in signs:
        return "systemd"
    return "openrc" if "/run/openrc" in signs else "init"


def parse_container(outputs: Outputs) -> str | Unknown | None:
    """
    Return which kind of container this is, None where it is none.

    A container without a sign of its own is told by its namespace of processes.
    Source: systemd src/basic/virt.c, detect_container(); a chroot is none.
    """
    if managers := lines_of(outputs, "manager"):
        return managers[0]
    signs = lines_of(outputs, "boot")
    if found := [name for path, name in _SIGNS.items() if path in signs]:
        return found[0]
    if "/proc/vz" in signs and "/proc/bc" not in signs:
        return "openvz"
    namespace = "".join(lines_of(outputs, "pidns"))
    if not namespace:
        return Unknown("/proc/self/ns/pid is not readable")
    return None if namespace == _INITIAL_PIDS else "unnamed"
