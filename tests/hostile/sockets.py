"""Servers that end before SSH begins: scripts for `tests.transport.scripted.serving`."""

from __future__ import annotations

import socket
import time

GREETING = b"SSH-2.0-Scripted\r\n"
_CHUNK = 4096


def silent(connection: socket.socket) -> None:
    """Take the connection, and say nothing."""
    _hold(connection)


def slow_banner(connection: socket.socket) -> None:
    """Say one letter of a greeting that never ends every second."""
    connection.settimeout(1)
    while True:
        connection.sendall(b"x")
        time.sleep(1)


def endless_line(connection: socket.socket) -> None:
    """Say one line that never ends, as fast as can be."""
    while True:
        connection.sendall(b"x" * _CHUNK)


def endless_lines(connection: socket.socket) -> None:
    """Say lines before the greeting, which never comes."""
    while True:
        connection.sendall(b"Welcome to the machine\r\n" * 100)


def web_server(connection: socket.socket) -> None:
    """Answer as a web server does."""
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: \x1b[2J\r\n\r\n")
    connection.recv(_CHUNK)


def drop_after_accept(connection: socket.socket) -> None:
    """Hang up at once."""
    connection.shutdown(socket.SHUT_RDWR)


def drop_after_banner(connection: socket.socket) -> None:
    """Hang up after both greetings."""
    connection.sendall(GREETING)
    connection.recv(_CHUNK)


def drop_in_kexinit(connection: socket.socket) -> None:
    """Hang up in the middle of the first packet."""
    connection.sendall(GREETING)
    connection.recv(_CHUNK)
    connection.sendall(b"\0\0\x01\xfc\x0a\x14" + bytes(100))


def silent_after_banner(connection: socket.socket) -> None:
    """Say the greeting, and nothing more."""
    connection.sendall(GREETING)
    _hold(connection)


def garbage(connection: socket.socket) -> None:
    """Say the greeting, and then what is no packet."""
    connection.sendall(GREETING + bytes(range(256)) * 8)
    _hold(connection)


def _hold(connection: socket.socket) -> None:
    connection.settimeout(None)
    while connection.recv(_CHUNK):
        pass
