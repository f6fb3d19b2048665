"""
How long large inputs take, beside the bare work on the same bytes.

An inventory of 10,000 hosts beside yaml's own composing of it; a known_hosts
file of 20,000 lines, a third of them hashed, beside splitting it into words,
and again with ten times the lines: the ratio of the two says whether it is
linear.  python -m bench.loading
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import yaml

from preflight.inventory import load
from preflight.transport.hostkeys import known_hosts

KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + b"k" * 32).decode()


def inventory_text(count: int) -> str:
    """Return an inventory of *count* hosts with settings of their own."""
    entries = (
        f"  web-{n:05}: {{address: 10.{n % 256}.0.1, port: 22, labels: {{r: {n}}}}}\n"
        for n in range(count)
    )
    return "hosts:\n" + "".join(entries)


def known_lines(count: int) -> Iterator[str]:
    """Yield *count* lines, every third name hashed."""
    for number in range(count):
        name = f"web{number}.example.com"
        if number % 3 == 0:
            salt = number.to_bytes(20, "big")
            digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
            words = (base64.b64encode(word).decode() for word in (salt, digest))
            name = "|1|" + "|".join(words)
        yield f"{name} ssh-ed25519 {KEY}\n"


def seconds(work: Callable[[], object]) -> float:
    """Return the best of three runs."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Measure and print."""
    text = inventory_text(10_000)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "fleet.yaml")
        path.write_text(text, "utf-8")
        ours = seconds(lambda: load([str(path)]))
    bare = seconds(lambda: yaml.compose(text, Loader=yaml.CSafeLoader))
    print(f"inventory of 10,000 hosts: {ours:.2f} s, {ours / bare:.1f} times yaml.compose")
    small, large = ("".join(known_lines(count)).encode() for count in (20_000, 200_000))
    few = seconds(lambda: known_hosts.parse("known", small))
    many = seconds(lambda: known_hosts.parse("known", large))
    split = seconds(lambda: [line.split() for line in small.splitlines()])
    print(f"known_hosts of 20,000 lines: {few:.2f} s, {few / split:.0f} times splitting them")
    print(f"known_hosts of 200,000 lines: {many:.2f} s, {many / few:.1f} times as long")


if __name__ == "__main__":
    main()
