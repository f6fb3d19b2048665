"""SSH servers that let everybody in, and then drop, hang, lie or flood: paramiko's server side."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import paramiko

from tests.transport.scripted import Rules, serving

_HEAD = re.compile(rb"^([0-9a-f]{32}) ([A-Z]) (\d+) (\d+)$", re.MULTILINE)
_HELLO = re.compile(rb"hello ([0-9a-f]{32})\n")


class DropAfterKex(paramiko.Transport):
    """Hangs up when the keys are agreed on."""

    def _parse_newkeys(self, m: Any) -> None:
        super()._parse_newkeys(m)
        self.sock.shutdown(socket.SHUT_RDWR)


class DropInAuth(Rules):
    """Hangs up when it sees a key."""

    def check_auth_publickey(self, _username, _key):
        """Hang up."""
        self.transport.sock.shutdown(socket.SHUT_RDWR)
        return paramiko.AUTH_FAILED


class SilentInAuth(Rules):
    """Never answers a key."""

    over = threading.Event()

    def check_auth_publickey(self, _username, _key):
        """Think about it."""
        self.over.wait(120)
        return paramiko.AUTH_FAILED


class DropAfterAuth(Rules):
    """Hangs up when a channel is asked for."""

    def check_channel_request(self, _kind, _chanid):
        """Hang up."""
        self.transport.sock.shutdown(socket.SHUT_RDWR)
        return paramiko.OPEN_SUCCEEDED


class DropAfterOpen(Rules):
    """Hangs up when a command is to be run."""

    def check_channel_exec_request(self, _channel, _command):
        """Hang up."""
        self.transport.sock.shutdown(socket.SHUT_RDWR)
        return True


class RefusesCommands(Rules):
    """Opens sessions, and runs nothing in them."""

    def check_channel_exec_request(self, _channel, _command):
        """Refuse."""
        return False


class EndsWithoutStatus(Rules):
    """Ends the output before a word, and never says with which status."""

    def run(self, channel):
        """Close."""
        _close(channel)


class Runs(Rules):
    """Runs the command on this machine; `filtered` has what is sent, and may change it."""

    def check_channel_exec_request(self, channel, command):
        """Run it."""
        self._command = command.decode()
        return super().check_channel_exec_request(channel, command)

    def filtered(self, data: bytes) -> bytes:
        """Return what is sent instead of *data*."""
        return data

    def run(self, channel):
        """Pass on what comes in both directions."""
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            ["/bin/sh", "-c", self._command], stdin=pipe, stdout=pipe, start_new_session=True
        )
        threading.Thread(target=_feed, args=(channel, process), daemon=True).start()
        with contextlib.suppress(OSError, EOFError):
            while data := os.read(process.stdout.fileno(), 1 << 20):
                channel.sendall(self.filtered(data))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        _close(channel)


def _close(channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError, EOFError):
        channel.close()


def _feed(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    with process.stdin as pipe, contextlib.suppress(OSError):
        while data := channel.recv(65536):
            pipe.write(data)
            pipe.flush()


class DropMidOutput(Runs):
    """Hangs up in the middle of the facts."""

    def filtered(self, data):
        """Send the first half, and hang up."""
        if b" F 0 " in data or b"uname" in data:
            self.transport.sock.shutdown(socket.SHUT_RDWR)
        return data


class BreaksFrames(Runs):
    """Sends answers whose heads are none."""

    def filtered(self, data):
        """Spoil the heads."""
        return _HEAD.sub(rb"\1 \2 \3 many", data)


class HugeLengths(Runs):
    """Announces answers of a terabyte."""

    def filtered(self, data):
        """Raise the lengths."""
        return _HEAD.sub(rb"\1 \2 \3 1000000000000", data)


class WrongHashes(Runs):
    """Lies about the hash of every file, and sends the files as they are."""

    def filtered(self, data):
        """Turn each hash round."""
        return re.sub(rb"\b[0-9a-f]{64}\b", lambda m: m[0][::-1], data)


class WrongClock(Runs):
    """Lives in the year 2000, as far as its clock goes."""

    def filtered(self, data):
        """Put the clock back."""
        return re.sub(rb"(clock\n)\d{10}\n", rb"\g<1>0946684800\n", data)


class ControlSequences(Runs):
    """Has codes for a terminal in every fact that is text."""

    SWAPS = (
        (b"Linux", b"\x1b[31m"),
        (b"x86_64", b"\x1b]0;x\x07"),
        (b"Debian", b"\x1b[2J\x9b\r"),
        (b"root", b"\x1b[1m"),
        (b"GNU", b"\xe2\x80\xae"),  # U+202E, which turns text round
    )

    def filtered(self, data):
        """Replace words by codes of the same length."""
        for word, codes in self.SWAPS:
            data = data.replace(word, codes)
        return data


class AnswersForEver(Rules):
    """Greets as the script does, and then sends frames without an end."""

    def run(self, channel):
        """Find the nonce in what comes, and flood."""
        heard = bytearray()
        nonce = None
        with contextlib.suppress(OSError, EOFError):
            while nonce is None and (data := channel.recv(65536)):
                heard += data
                # The nonce is the first line after the script.
                nonce = re.search(rb"^#end\n([0-9a-f]{32})\n", heard, re.MULTILINE)
            if nonce is None:
                return
            channel.sendall(b"hello " + nonce[1] + b"\n")
            frame = nonce[1] + b" F 0 1000000\n" + bytes(1_000_000) + b"\n"
            while True:
                channel.sendall(frame)


@contextlib.contextmanager
def speaking(
    key: paramiko.PKey,
    rules: Callable[[], Rules],
    transport: type[paramiko.Transport] = paramiko.Transport,
) -> Iterator[int]:
    """Serve SSH under *rules* on the port that is yielded."""
    transports: list[paramiko.Transport] = []

    def script(connection: socket.socket) -> None:
        one = transport(connection)
        one.add_server_key(key)
        transports.append(one)
        server = rules()
        server.transport = one
        with contextlib.suppress(paramiko.SSHException, EOFError):
            one.start_server(server=server)
        while one.is_alive():
            time.sleep(0.1)

    with serving(script) as port:
        try:
            yield port
        finally:
            SilentInAuth.over.set()
            for one in transports:
                one.close()
