"""What to do next, in a few lines: by the findings and by why hosts could not be asked."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

from preflight.model.nodeset import fold
from preflight.model.report import Report
from preflight.model.snapshot import Snapshot

_CODES = 3  # the most frequent of them
_NAMES = 4  # folded; a longer -l is no help
_BY_CAUSE = {
    "host-key-unknown": "compare the host key's fingerprint with one you trust, then add the key"
    " to known_hosts (what ssh-keyscan prints is no proof)",
    "host-key-changed": "find out why the host key changed before you replace it in known_hosts",
    "host-key-certificate": "renew the host's certificate, or record its key in known_hosts",
    "revoked-keys-unreadable": "make the file of RevokedHostKeys readable, or take the option out",
    "auth-refused": "set user and identity_file in the inventory, or load the key into the agent",
    "no-credential": "set identity_file in the inventory, load a key into the agent, or give"
    " a password: -k",
    "key-unreadable": "correct identity_file, or load the key into the agent: ssh-add KEY",
    "password-refused": "type the password again, or set user in the inventory",
    "not-run auth-stopped": "mend the log-in to one of the hosts that refused it, then run again",
    "become-failed": "mend sudo on the hosts, or give its password: -K",
    "name-not-found": "set the host's address in the inventory",
    "no-shell": "use an account whose login shell runs commands",
    "connect-timeout": "check address, port and firewall, or allow more time: --connect-timeout",
    "banner-timeout": "check that an SSH server listens at that port and is not overloaded",
    "too-many-connections": "ask fewer hosts at a time, or more slowly: --forks, --rate",
    "answer-timeout": "look at the host's load and its disks, or allow more time: --answer-timeout",
    "deadline": "allow each host more time: --timeout",
    "not-run no-facts": "record the hosts that the facts do not have: preflight probe --save FILE",
    "not-run deadline": "allow the run more time: --deadline",
}


def advice(report: Report) -> Iterator[str]:
    """Yield what to do, one line each; nothing where all is well."""
    for code in _worst_codes(report):
        yield f"preflight explain {code}"
    lost = [snapshot for snapshot in report.hosts if snapshot.status != "probed"]
    causes = {_cause(snapshot) for snapshot in lost}
    yield from (line for cause, line in _BY_CAUSE.items() if cause in causes)
    rows = fold(snapshot.host for snapshot in lost if snapshot.cause != "no-facts")
    if rows and len(rows) <= _NAMES and len(report.hosts) > 1:
        yield f"run again for the rest: -l {shlex.quote(','.join(rows))}"


def _cause(snapshot: Snapshot) -> str | None:
    """Return why a host was not asked; a run has limits of its own."""
    return f"not-run {snapshot.cause}" if snapshot.status == "not-run" else snapshot.cause


def _worst_codes(report: Report) -> list[str]:
    findings = (finding for verdict in report.verdicts for finding in verdict.findings)
    codes = Counter(
        (finding.severity != "error", finding.code)
        for finding in findings
        if finding.severity in {"error", "unknown"}
        and finding.code != "host-not-probed"
        and finding.waived is None
    )
    ordered = sorted(codes.items(), key=lambda item: (item[0][0], -item[1]))
    return list(dict.fromkeys(code for (_, code), _ in ordered))[:_CODES]
