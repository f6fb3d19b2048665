"""What watches a host: agents for metrics and logs, and daemons that look for intruders."""

from __future__ import annotations

import re
from typing import Literal

from preflight.model.audited import Watcher
from preflight.probe.facts.outputs import NO_PROC, Outputs, Unknown, lines_of

_Kind = Literal["metrics", "logs", "security"]
# Beginnings of units and of processes, whose names the kernel cuts after 15 characters.
_LOGS = (
    *("rsyslog", "syslog", "systemd-journal", "filebeat", "journalbeat", "fluent", "td-agent"),
    *("promtail", "vector", "splunk"),
)
_SECURITY = ("auditd", "osqueryd", "wazuh", "falcon-sensor", "fail2ban", "auditbeat")
_RAN = "Linux"  # the script's own sign that grep ran
# A daemon of sockets and timers beside the one that counts.
_BESIDE = re.compile(r"systemd-journal-flush|systemd-journal-catalog.*|.*-(?:setup|reload)")
_HIDDEN = re.compile(r"\bhidepid=(?:1|2|4|noaccess|invisible|ptraceable)\b")


def parse_watchers(outputs: Outputs) -> tuple[Watcher, ...] | Unknown:
    """
    Return the running units or processes that are known to watch hosts.

    Source: the control groups of systemd (org.freedesktop.systemd1(5)), else
    proc_pid_comm(5).  Limit: what has another name is not seen.
    """
    how, *names = lines_of(outputs, "watchers") or [""]
    if _RAN not in names:
        return NO_PROC if "proc" not in outputs else Unknown("grep gave no answer")
    if how == "processes" and any(map(_hides, lines_of(outputs, "mountinfo"))):
        return Unknown("/proc hides the processes of others (hidepid)")
    plain = (name.rpartition("/")[2].removesuffix(".service") for name in names if name != _RAN)
    found = {Watcher(_kind(name), name) for name in plain if not _BESIDE.fullmatch(name)}
    return tuple(sorted(found))


def _hides(mount: str) -> bool:
    return " - proc " in mount and _HIDDEN.search(mount) is not None


def _kind(name: str) -> _Kind:
    if name.startswith(_LOGS):
        return "logs"
    return "security" if name.startswith(_SECURITY) else "metrics"
