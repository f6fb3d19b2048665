"""
One process that is an SSH server for any address of 127.0.0.0/8.

    python -m bench.fleet.server PORT DIRECTORY IMAGE_ROOT…

The address that a client connects to is the host that it meets.  Several
processes may share a port; the kernel spreads the connections.  SIGUSR1 has
the process print what it counted since the last one, a `Counts` as JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import signal
import sys
import time
from pathlib import Path

import asyncssh
import msgspec
import uvloop

from bench.fleet.addresses import FIRST
from bench.fleet.counts import Counts
from bench.fleet.images import COUNT, Host, Image, base_of
from bench.fleet.recorder import Recorder
from preflight.probe.script import COMMAND

_SCRIPT_END = b"\n#end\n"
_ROUND_END = b"\n.\n"
_BACKLOG = 4096


class Images:
    """All images over the roots that are mounted at *root_of*."""

    def __init__(self, root_of: dict[str, Path]) -> None:
        recorders = {name: Recorder(root) for name, root in root_of.items()}
        self._images = [Image(number, recorders[base_of(number)]) for number in range(COUNT)]
        self.counts = Counts()
        self._counted_s = time.process_time()

    def of(self, number: int) -> Image:
        """Return the image of host *number*."""
        return self._images[number % COUNT]

    def report(self) -> None:
        """Print the counts and begin to count anew."""
        now_s = time.process_time()
        self.counts.cpu_s, self._counted_s = now_s - self._counted_s, now_s
        print(msgspec.json.encode(self.counts).decode(), flush=True)
        self.counts = Counts()


@functools.lru_cache(maxsize=20_000)
def host_at(address: str) -> tuple[int, Host]:
    """Return the number of the host at *address*, and what is its own."""
    number = int(ipaddress.IPv4Address(address)) - FIRST
    return number, Host.numbered(number)


class Session(asyncssh.SSHServerSession[bytes]):
    """A login shell that knows two commands: ours, and ``uname -m``."""

    def __init__(self, images: Images, image: Image, host: Host) -> None:
        self._counts = images.counts
        self._image = image
        self._host = host
        self._asked: list[str] = []
        self._heard = b""
        self._nonce = b""
        self._scripted = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Keep the channel."""
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        """Take any command."""
        self._command = command
        return True

    def session_started(self) -> None:
        """Run what is no conversation at once."""
        self._counts.sessions += 1
        if self._command != COMMAND:
            self._channel.write(b"x86_64\n")
            self._channel.exit(0)

    def data_received(self, data: bytes, _datatype: object) -> None:
        """Play the script: its text, its nonce, then round after round."""
        self._counts.received_bytes += len(data)
        self._heard += data
        if not self._nonce and not self._greet():
            return
        while (end := self._heard.find(_ROUND_END)) >= 0:
            requests = self._heard[: end + 1]
            self._heard = self._heard[end + len(_ROUND_END) :]
            self._answer(requests)

    def _answer(self, requests: bytes) -> None:
        answers = self._host.fill(self._image.answer(requests), self._nonce)
        self._channel.write(answers)
        self._asked.append(requests.decode())
        self._counts.asked[self._image.number] = self._asked
        self._counts.rounds += 1
        self._counts.sent_bytes += len(answers)

    def _greet(self) -> bool:
        """Say hello when all of the script and the nonce are here; return whether they are."""
        if not self._scripted:
            _, found, rest = self._heard.partition(_SCRIPT_END)
            if not found:
                return False
            self._scripted, self._heard = True, rest
        nonce, line_feed, rest = self._heard.partition(b"\n")
        if not line_feed:
            return False
        self._nonce, self._heard = nonce, rest
        self._channel.write(b"\nhello %b\n" % nonce)
        return True

    def eof_received(self) -> bool:
        """End as the script does at the end of its input."""
        self._channel.exit(0)
        return False


class Server(asyncssh.SSHServer):
    """One connection; which host it meets says the address."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Become the host that was called."""
        number, self._host = host_at(conn.get_extra_info("sockname")[0])
        if number < 0:  # the address of another interface of this machine
            conn.abort()
        self._image = self._images.of(number)

    def session_requested(self) -> Session:
        """Open a session on this host."""
        return Session(self._images, self._image, self._host)


async def serve(port: int, directory: Path, images: Images) -> None:
    """Serve *port* of every address of the loopback until the process is ended."""
    await asyncssh.listen(
        host="0.0.0.0",
        port=port,
        reuse_port=True,
        backlog=_BACKLOG,
        server_factory=functools.partial(Server, images),
        server_host_keys=[str(directory / "ssh_host_ed25519_key")],
        authorized_client_keys=str(directory / "authorized_keys"),
        kex_algs=["curve25519-sha256", "curve25519-sha256@libssh.org"],
        compression_algs=["none"],
        encoding=None,
        agent_forwarding=False,
        allow_pty=False,
        gss_host=None,
        password_auth=False,
        kbdint_auth=False,
        login_timeout=120,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, images.report)
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve what the command line says."""
    port, directory, *mounted = sys.argv[1:]
    images = Images({Path(root).name: Path(root) for root in mounted})
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(int(port), Path(directory), images))


if __name__ == "__main__":
    main()
