"""
How long a second `preflight check` takes, and its rounds, beside bare ``ssh HOST true``.

The program is sid's curl, the hosts are the test hosts that have a root; the
cache is new, so that the first check fills it.  Then the second check and as
many ssh, all at once, run in turns.  Needs root on Debian.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.hosts.fleet import Fleet, TestHost, running

TURNS = 5


def check(fleet: Fleet, cache: str) -> tuple[dict[str, Any], float]:
    """Return the report of one `preflight check`, and its wall time in seconds."""
    curl = fleet.root("sid") / "usr/bin/curl"
    command = [sys.executable, "-m", "preflight", "check", str(curl), "--format", "json"]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "-i", str(fleet.inventory), "-l", "roots"],
        check=False,
        stdout=subprocess.PIPE,
        env=os.environ | {"XDG_CACHE_HOME": cache},
    )
    return json.loads(done.stdout), time.perf_counter() - began


def log_in(hosts: list[TestHost]) -> float:
    """Return the wall time of one ``ssh HOST true`` on each host, all at once, in seconds."""
    began = time.perf_counter()
    clients = [subprocess.Popen(ssh(host)) for host in hosts]
    failed = [host.name for host, one in zip(hosts, clients, strict=True) if one.wait()]
    if failed:
        raise SystemExit(f"ssh failed on {', '.join(failed)}")
    return time.perf_counter() - began


def ssh(host: TestHost) -> list[str]:
    """Return the command line of ``ssh HOST true``."""
    settings = {
        "IdentityFile": host.identity_file,
        "UserKnownHostsFile": host.known_hosts,
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    target = [f"{host.user}@{host.address}", "true"]
    return ["ssh", "-F", "none", *options, "-p", str(host.port), *target]


def main() -> None:
    """Measure and print."""
    with running() as fleet, tempfile.TemporaryDirectory() as cache:
        hosts = [host for host in fleet.hosts.values() if host.group == "roots"]
        first, first_s = check(fleet, cache)
        turns = [(check(fleet, cache), log_in(hosts)) for _ in range(TURNS)]
        size_bytes = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
    second = turns[0][0][0]
    second_s = statistics.median(seconds for (_, seconds), _ in turns)
    ssh_s = statistics.median(seconds for _, seconds in turns)
    print(f"first check of {len(hosts)} hosts: {first_s:.2f} s, rounds {rounds(first)}")
    print(f"second check: {second_s:.2f} s, rounds {rounds(second)}")
    print(f"{len(hosts)} ssh HOST true, all at once: {ssh_s:.2f} s")
    print(f"the cache afterwards: {size_bytes / 1e6:.1f} MB")


def rounds(report: dict[str, Any]) -> str:
    """Return the rounds of each host, by name."""
    return ", ".join(f"{host['name']} {host['rounds']}" for host in report["hosts"])


if __name__ == "__main__":
    main()
