"""
How long a large inventory takes, beside the bare work on the same bytes.

An inventory of 10,000 hosts beside yaml's own composing of it.  python -m
bench.loading
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml

from bench._timing import best_s
from preflight.inventory import load


def inventory_text(count: int) -> str:
    """Return an inventory of *count* hosts with settings of their own."""
    entries = (
        f"  web-{n:05}: {{address: 10.{n % 256}.0.1, port: 22, labels: {{r: {n}}}}}\n"
        for n in range(count)
    )
    return "hosts:\n" + "".join(entries)


def main() -> None:
    """Measure and print."""
    text = inventory_text(10_000)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "fleet.yaml")
        path.write_text(text, "utf-8")
        ours = best_s(lambda: load([str(path)]), 3)
    bare = best_s(lambda: yaml.compose(text, Loader=yaml.CSafeLoader), 3)
    print(f"inventory of 10,000 hosts: {ours:.2f} s, {ours / bare:.1f} times yaml.compose")


if __name__ == "__main__":
    main()
