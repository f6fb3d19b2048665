"""
How long known_hosts takes: to read, to look up in, and to record new hosts in.

Files of 100,000 lines, plain, hashed and with patterns, beside the bare work on
the same bytes (to read them, split them and decode the keys); ten times the
lines say whether it is linear.  A look-up in hashed lines stands beside the
HMACs that it cannot do without.  CPU seconds of one process, best of three.
python -m bench.known_hosts
"""

from __future__ import annotations

import base64
import hmac
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from preflight.transport import Deadline
from preflight.transport.hostkeys.identity import Identity
from preflight.transport.hostkeys.index import Index
from preflight.transport.hostkeys.key import PublicKey
from preflight.transport.hostkeys.known_hosts import load
from preflight.transport.hostkeys.offer import Offer
from preflight.transport.settings import Settings

LINES = 100_000
HOSTS = 10_000
KIND = b"\0\0\0\x0bssh-ed25519\0\0\0 "


class Form(NamedTuple):
    """A kind of file: what stands for the name of each host, and how many hosts to look up."""

    name: str
    shown: Callable[[int], str]
    hosts: int


def hashed(number: int) -> str:
    """Return a host's name as HashKnownHosts writes it."""
    salt = number.to_bytes(20, "big")
    digest = hmac.digest(salt, host(number).encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(word).decode() for word in (salt, digest))


def host(number: int) -> str:
    """Return the name of a host."""
    return f"web{number}.example.com"


FORMS = (
    Form("plain", host, HOSTS),
    Form("hashed", hashed, 20),
    Form("patterns", lambda n: f"web{n}.example.*,*.rack{n}.example.com,!x{n}*", HOSTS),
)


def lines(form: Form, count: int) -> Iterator[str]:
    """Yield a file's lines, each with a key of its own."""
    for number in range(count):
        key = base64.b64encode(KIND + number.to_bytes(32, "big")).decode()
        yield f"{form.shown(number)} ssh-ed25519 {key}\n"


def seconds(work: Callable[[], object], runs: int = 3) -> float:
    """Return the CPU time of the best run."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def read(content: bytes) -> Index:
    """Return the index of a file's content."""
    index = Index("known_hosts")
    index.add(content)
    return index


def bare(path: Path) -> list[bytes]:
    """Read the file, split its lines, decode the keys, and do nothing with them."""
    return [base64.b64decode(line.split()[2]) for line in path.read_bytes().splitlines()]


def measure(form: Form, directory: Path) -> None:
    """Print what one kind of file costs."""
    path = directory / form.name
    path.write_text("".join(lines(form, LINES)))
    small = path.read_bytes()
    large = "".join(lines(form, 10 * LINES)).encode()
    ours, floor = seconds(lambda: read(small)), seconds(lambda: bare(path))
    more = seconds(lambda: read(large), runs=1)
    print(
        f"{form.name}: {LINES:,} lines in {ours:.2f} s, {ours / floor:.1f} times the bare work;"
        f" ten times the lines: {more / ours:.1f} times as long"
    )
    names = [host(number).encode() for number in range(0, LINES, LINES // form.hosts)]
    index = read(small)
    began = time.process_time()
    found = sum(len(index.find(name)) for name in names)
    each = (time.process_time() - began) / len(names)
    print(f"    a look-up: {each * 1e6:,.1f} µs, {found} of {len(names)} found")
    if form.shown is hashed:
        salt, name = bytes(20), names[0]
        floor = seconds(lambda: [hmac.digest(salt, name, "sha1") for _ in range(LINES)])
        print(f"    {each / floor:.2f} times as many calls of hmac.digest")


def accept(path: Path, hosts: range, *, hash_names: bool) -> float:
    """Return the CPU time in which new hosts are recorded."""
    key = PublicKey("ssh-ed25519", KIND + os.urandom(32))
    began = time.process_time()
    for number in hosts:
        settings = Settings(
            name=host(number),
            address=host(number),
            port=22,
            user="deploy",
            connect_timeout_s=10.0,
            known_hosts=(str(path),),
            host_keys="accept-new",
            hash_known_hosts=hash_names,
            identity_file=None,
            default_identities=(),
            agent=None,
            gateway=None,
        )
        Identity(settings, Deadline.after(60)).verify(Offer(key))
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for form in FORMS:
            measure(form, directory)
        for hash_names in (False, True):
            path = directory / f"new_{hash_names}"
            few = accept(path, range(HOSTS // 10), hash_names=hash_names)
            more = accept(path, range(HOSTS // 10, HOSTS), hash_names=hash_names)
            how = "hashed" if hash_names else "plain"
            print(
                f"accept-new, {how}: {HOSTS:,} hosts in {few + more:.2f} s,"
                f" {(few + more) / few:.1f} times as long as {HOSTS // 10:,}"
            )
            assert len(load((str(path),)).find(host(7))) == 1


if __name__ == "__main__":
    main()
