"""Ask a host, and look at what went wrong."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from preflight.errors import TransportError
from preflight.model.host import Host
from preflight.transport import Deadline, Options, Stream, connect


def output(stream: Stream) -> bytes:
    """Return all that a command prints."""
    chunks = []
    while chunk := stream.read(1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def run(host: Host, command: str, within_s: float = 20.0, **options: object) -> bytes:
    """Connect, and return what *command* prints."""
    with connect(host, Options(**options), Deadline.after(within_s)) as session:
        return output(session.start(command))


def failure(host: Host, *, deadline_s: float = 20.0, **options: object) -> TransportError:
    """Return why *host* cannot be connected to."""
    with pytest.raises(TransportError) as caught:
        connect(host, Options(**options), Deadline.after(deadline_s)).close()
    assert "\n" not in caught.value.message
    return caught.value


def verdict(error: TransportError) -> tuple[str, str]:
    """Return the two words of the report."""
    return error.status, error.cause


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail where the block takes longer than *seconds*."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds
