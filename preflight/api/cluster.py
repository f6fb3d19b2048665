"""
A Dask cluster as an executor, for ``--executor dask://scheduler:8786``; the extra ``[dask]``.

Whoever can talk to a Dask scheduler can run code on its workers, and who
answers in its place on the operator's machine.  So an unencrypted connection
goes to this machine alone, unless the address says that it is to be insecure.
"""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread
from typing import Any, TypeVar

from preflight import __version__
from preflight.errors import UsageError

_SCHEMES = {"dask": "tcp", "dask+tls": "tls", "dask+insecure": "tcp"}
_CONNECT_S = 10.0
_WORKERS_S = 30.0
_LOOK_S = 0.5
_GONE = "the Dask scheduler is gone"
T = TypeVar("T")
_INSTALL = f"pip install 'fleet-preflight[dask]=={__version__}'"


def version() -> str:
    """Return which preflight this is; the workers are asked for it."""
    return __version__


@contextmanager
def executor_at(url: str) -> Iterator[Executor]:
    """
    Yield the executor that *url* names, and leave the cluster in the end.

    Raises `UsageError` where the URL means none, where Dask is not installed
    here, where no scheduler or worker answers, and where a worker has another
    preflight than this one.
    """
    address = address_of(url)
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(f"--executor {url} needs Dask, which is not installed here", _INSTALL)
    with _client(address) as client:
        _check_workers(client, url)
        with _Cluster(client) as executor:
            yield executor


def address_of(url: str) -> str:
    """Return Dask's own address of the scheduler; raises `UsageError`."""
    scheme, separator, place = url.partition("://")
    if scheme not in _SCHEMES or not separator or not place:
        known = ", ".join(f"{name}://HOST:PORT" for name in _SCHEMES)
        raise UsageError(f"--executor {url}: no such executor", f"one of: {known}")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal():
        raise UsageError(f"--executor {url}: no port", f"{scheme}://{place}:8786")
    if scheme == "dask" and not _is_loopback(host):
        raise UsageError(
            f"--executor {url}: without TLS anybody on the way could run code here and there",
            f"dask+tls://{place}, or where the network is trusted dask+insecure://{place}",
        )
    return f"{_SCHEMES[scheme]}://{place}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _client(address: str) -> Iterator[Any]:
    import dask  # noqa: PLC0415

    # distributed gives its loggers handlers when it is imported; what it has to tell
    # becomes the outcome of hosts.
    quiet = dict.fromkeys(("distributed", "distributed.client", "tornado"), "critical")
    with dask.config.set({"logging": quiet}):
        import distributed  # noqa: PLC0415

    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=_CONNECT_S, set_as_default=False, name="preflight")
    except (OSError, TimeoutError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"no Dask scheduler answers at {address}: {reason}") from None
    try:
        yield client
    finally:
        client.close(timeout=_CONNECT_S)


class _Cluster(Executor):
    """The executor of *client*, whose futures end also where the scheduler is gone for good."""

    def __init__(self, client: Any) -> None:
        self._client = client
        # Not pure: equal batches are asked again.
        self._executor: Executor = client.get_executor(pure=False)
        self._open: set[Future[Any]] = set()
        self._over = Event()
        self._watch = Thread(target=self._look, name="preflight-cluster", daemon=True)
        self._watch.start()

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._watch.join()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a worker call *fn*; raises BrokenExecutor without a scheduler."""
        if not self._connected():
            raise BrokenExecutor(_GONE)
        theirs = self._executor.submit(fn, *args, **kwargs)
        ours: Future[T] = Future()
        self._open.add(ours)
        ours.add_done_callback(partial(self._done, theirs))
        theirs.add_done_callback(partial(self._follow, ours))
        return ours

    def _connected(self) -> bool:
        return bool(self._client.status == "running")

    def _done(self, theirs: Future[Any], ours: Future[Any]) -> None:
        self._open.discard(ours)
        if ours.cancelled() and self._connected():
            theirs.cancel()

    def _follow(self, ours: Future[T], theirs: Future[T]) -> None:
        """Let *ours* end as *theirs* did."""
        with suppress(InvalidStateError):  # cancelled meanwhile
            if theirs.cancelled():  # by the cluster: what we cancel is over already
                reason = "the cluster dropped it" if self._connected() else _GONE
                ours.set_exception(BrokenExecutor(reason))
            elif error := theirs.exception():
                ours.set_exception(error)
            else:
                ours.set_result(theirs.result())

    def _look(self) -> None:
        # The client tries for a while to connect again, and then is closed; its futures
        # stay as they are.
        while not self._over.wait(_LOOK_S):
            if self._client.status in ("closing", "closed"):
                for future in list(self._open):
                    with suppress(InvalidStateError):
                        future.set_exception(BrokenExecutor(_GONE))


def _check_workers(client: Any, url: str) -> None:
    """Raise `UsageError` unless each worker has this very preflight."""
    try:
        client.wait_for_workers(1, timeout=_WORKERS_S)
    except TimeoutError:
        raise UsageError(f"--executor {url}: it has no workers", f"dask worker {url}") from None
    found: dict[str, str | BaseException] = client.run(version, on_error="return")
    for worker, answer in found.items():
        if isinstance(answer, BaseException):
            reason = f"{type(answer).__name__}: {answer}"
            raise UsageError(f"worker {worker} has no preflight: {reason}", f"there: {_INSTALL}")
        if answer != __version__:
            reason = f"worker {worker} has preflight {answer}, and here is {__version__}"
            raise UsageError(reason, f"there: {_INSTALL}")
