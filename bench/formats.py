"""
What each report format costs for 10,000 hosts and 5 binaries, beside `json.dumps` of the same data.

Hosts of 50 images, one of ten of them blocked by two findings; what alike
hosts have in common is shared, as it is after a check.  Formats are consumed
piece by piece, as they are written.  Any machine: python -m bench.formats
"""

from __future__ import annotations

import json

from bench._timing import best_s
from preflight.model.report import Report
from preflight.report import FORMATS, View
from tests.builders.report import binary, facts, finding, host, report, verdict

HOSTS, IMAGES, BINARIES = 10_000, 50, 5
RUNS = 3


def fleet() -> Report:
    """Return the report."""
    images = [
        facts(os=f"Debian GNU/Linux {image}", kernel=f"6.1.{image}") for image in range(IMAGES)
    ]
    bad = [
        (
            finding(subject=f"lib{image}.so.1", message=f"lib{image}.so.1 was not found"),
            finding(code="version-missing", subject=f"v{image}", message=f"v{image} is not there"),
        )
        for image in range(IMAGES)
    ]
    hosts = [host(f"web-{i:05}", facts=images[i % IMAGES]) for i in range(HOSTS)]
    verdicts = [
        verdict(name.host, *(), number=number)
        if i % IMAGES % 10
        else verdict(name.host, number=number, outcome="blocked", findings=bad[i % IMAGES])
        for i, name in enumerate(hosts)
        for number in range(1, BINARIES + 1)
    ]
    binaries = [binary(f"app{number}", number) for number in range(1, BINARIES + 1)]
    return report(verdicts, hosts=hosts, binaries=binaries)


def main() -> None:
    """Measure and print."""
    given = fleet()
    data = json.loads("".join(FORMATS["json"](given, View())))
    bare = best_s(lambda: json.dumps(data), RUNS)
    print(f"{HOSTS:,} hosts, {BINARIES} binaries; json.dumps {bare:.2f} s")
    for name, render in FORMATS.items():
        size = sum(map(len, render(given, View())))
        taken = best_s(lambda render=render: sum(map(len, render(given, View()))), RUNS)  # type: ignore[misc]
        print(f"{name:<10} {size / 1e6:6.1f} MB {taken:6.2f} s {taken / bare:5.2f} times")


if __name__ == "__main__":
    main()
