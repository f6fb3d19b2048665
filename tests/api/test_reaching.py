"""The first stage: how far ahead of the workers hosts are dialled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from msgspec import structs

from preflight.api.capacity import Capacity
from preflight.api.reaching import Reaching
from preflight.api.wants import Options
from preflight.model.host import Host
from preflight.transport import Options as ConnectOptions
from tests.transport.conftest import wait_until


def local(number: int) -> list[Host]:
    """Return hosts that are reached at once."""
    return [Host(name=f"h{n}", transport="local") for n in range(number)]


@pytest.fixture
def reaching() -> Iterator[Callable[..., Reaching]]:
    """Return a function that starts the stage; it ends with the test."""
    started = []

    def start(hosts: Iterable[Host], room: Capacity, **options: object) -> Reaching:
        stage = Reaching(
            hosts,
            room,
            Options(connect=ConnectOptions(connect_timeout_s=30), **options),
            hire=lambda: None,
            ended=lambda _: None,
        )
        started.append(stage)
        stage.start()
        return stage

    yield start
    for stage in started:
        stage.stop()


def test_no_more_are_reached_than_may_wait(reaching):
    """Hosts that are there wait in limited number; the source is not read on."""
    stage = reaching(local(100), Capacity(forks=1, on_way=50, ahead=8))
    wait_until(lambda: stage.taken == 8)
    time.sleep(0.6)
    assert stage.taken == 8

    for _ in range(6):
        stage.take()
    wait_until(lambda: stage.taken == 14)


def test_who_hangs_does_not_count(reaching, dead):
    """Hosts that do not answer stop nobody behind them, but for their number as a whole."""
    hosts = [structs.replace(dead, name=f"dead{n}") for n in range(40)]
    stage = reaching([*hosts, *local(3)], Capacity(forks=1, on_way=100, ahead=8))

    reached = [stage.take()[0].host.name for _ in range(3)]

    assert reached == ["h0", "h1", "h2"]
    assert stage.taken == 43


def test_no_more_are_on_their_way_than_may_be(reaching, dead):
    """The number of dials at a time is limited, hang as they may."""
    hosts = [structs.replace(dead, name=f"dead{n}") for n in range(40)]
    stage = reaching(hosts, Capacity(forks=1, on_way=10, ahead=8))
    wait_until(lambda: stage.taken == 10)
    time.sleep(0.8)

    assert stage.taken == 10


def test_a_host_that_waits_for_a_worker_keeps_its_time(reaching):
    """The clock of a host stands still while it is our turn."""
    stage = reaching(local(2), Capacity(forks=1, on_way=10, ahead=8), timeout_s=60.0)
    stage.take()
    wait_until(lambda: stage.taken == 2)
    time.sleep(1.0)

    errand, _ = stage.take()

    assert errand.deadline.left_s() > 59.4


def test_a_source_that_blocks_holds_up_nobody(reaching):
    """Hosts come one by one, whenever the source has them."""
    more = threading.Event()

    def source() -> Iterator[Host]:
        yield local(1)[0]
        more.wait(20)
        yield Host(name="later", transport="local")

    stage = reaching(source(), Capacity(forks=1, on_way=10, ahead=8))
    assert stage.take()[0].host.name == "h0"
    assert stage.busy

    more.set()
    assert stage.take()[0].host.name == "later"


def test_connections_come_at_the_rate(reaching):
    """No more connections are made in a second than the rate allows."""
    began = time.monotonic()
    stage = reaching(local(6), Capacity(forks=1, on_way=10, ahead=8), rate=10.0)
    for _ in range(6):
        stage.take()

    assert time.monotonic() - began >= 0.5


def test_the_end_comes_to_whoever_waits(reaching):
    """A worker without work ends with the stage."""
    stage = reaching([], Capacity(forks=1, on_way=10, ahead=8))
    ends = []
    worker = threading.Thread(target=lambda: ends.append(stage.take()))
    worker.start()
    stage.stop()
    worker.join(5)

    assert ends == [None]
