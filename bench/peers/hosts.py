"""One real sshd over a copy of the bookworm root; every address of the loopback is a host."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from bench.fleet.serving import known_hosts_line
from tests.hosts import recipes, roots, runs, sshd

PORT = 2022
WATCHED_PORT = 2023  # the same, but it keeps what the script is sent
# Ansible's modules are programs in Python, so its hosts have one.
RECIPE = recipes.Recipe("bench", "bookworm", packages=(*recipes.COMMON, "python3"))
_KEPT = "root/requests"
_WATCHED = f'ForceCommand tee /{_KEPT} | eval "$SSH_ORIGINAL_COMMAND"'


class Hosts(Struct, frozen=True):
    """Where the keys are, the root of all hosts, and the process id of their sshd."""

    directory: Path
    root: Path
    sshd: int

    def cpu_s(self) -> float:
        """Return the CPU time of all sessions that are over, and of what ran in them."""
        fields = Path(f"/proc/{self.sshd}/stat").read_text().rpartition(")")[2].split()
        user, system = fields[13:15]  # cutime and cstime: proc_pid_stat(5)
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def asked(self) -> list[str]:
        """Return the rounds of requests that the script was last sent at the watched port."""
        kept = (self.root / _KEPT).read_text()
        _, _, rest = kept.partition("\n#end\n")
        _nonce, _, rounds = rest.partition("\n")
        return [f"{requests}\n" for requests in rounds.split("\n.\n")[:-1]]


@contextlib.contextmanager
def serving() -> Iterator[Hosts]:
    """Yield the hosts, which are up until the context ends."""
    cached = roots.made_by(RECIPE)
    with runs.started() as directory:
        root = runs.mount_root(cached, directory, RECIPE.name)
        sshd.make_keys(directory)
        known = (known_hosts_line(directory, port) for port in (PORT, WATCHED_PORT))
        (directory / "known_hosts").write_text("".join(known))
        config = directory / "sshd.conf"
        chroot = f"ChrootDirectory {root}"
        sshd.write_config(
            config,
            [
                sshd.Listener("0.0.0.0", PORT, (chroot,)),
                sshd.Listener("0.0.0.0", WATCHED_PORT, (chroot, _WATCHED)),
            ],
        )
        with sshd.running(config) as process:
            yield Hosts(directory, root, process)
