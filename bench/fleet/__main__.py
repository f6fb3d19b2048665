"""``python -m bench.fleet serve COUNT`` plays COUNT hosts until it is interrupted."""

from __future__ import annotations

import contextlib
import signal
import sys

from bench.fleet.serving import addresses, serving


def serve(count: int) -> None:
    """Print the path of an inventory of *count* hosts, and keep them up until SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with serving() as served, contextlib.suppress(KeyboardInterrupt):
        print(served.inventory(addresses(count)), flush=True)
        while True:
            signal.pause()


if __name__ == "__main__":
    serve(int(sys.argv[2]))
