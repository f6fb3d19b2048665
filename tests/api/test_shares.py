"""How many processes a fleet is worth, and which of them asks which host."""

from __future__ import annotations

from collections import Counter

import pytest

from preflight.api import shares
from preflight.model.host import Host
from preflight.transport import Options

DIRECT = [Host(name=f"d{n}") for n in range(2400)]


def behind(*gateways: str) -> list[Host]:
    """Return a host behind each of *gateways*, which are reached through an outer one."""
    outer = Host(name="outer")
    return [
        Host(name=f"{name}-{number}", gateway=Host(name=name, gateway=outer))
        for number, name in enumerate(gateways)
    ]


@pytest.fixture
def cores(monkeypatch):
    """Set the number of cores of this machine."""
    return lambda number: monkeypatch.setattr(shares, "_cores", lambda: number)


@pytest.mark.parametrize(("hosts", "expected"), [(1, 1), (1024, 1), (1025, 2), (2400, 3)])
def test_small_fleets_need_one_process(cores, hosts, expected):
    """Another process for every 1,024 hosts."""
    cores(8)

    assert expected == shares.useful(DIRECT[:hosts], Options(), forks=64, wanted=None)


def test_no_more_processes_than_cores(cores):
    """More would only take turns."""
    cores(2)

    assert shares.useful(DIRECT, Options(), forks=64, wanted=None) == 2


def test_number_that_was_asked_for(cores):
    """Whoever says a number gets it, as long as each process has something to do."""
    cores(2)

    assert [5, 3, 2, 1] == [
        shares.useful(DIRECT[:hosts], Options(), forks=forks, wanted=5)
        for hosts, forks in [(600, 64), (3, 64), (600, 2), (0, 64)]
    ]


def test_processes_behind_gateways(cores):
    """One gateway's hosts keep one process busy, however many they are."""
    cores(8)
    hosts = [Host(name=f"h{n}", gateway=Host(name=f"bastion{n % 2}")) for n in range(2000)]

    assert shares.useful(hosts, Options(), forks=64, wanted=None) == 2
    assert shares.useful(DIRECT, Options(jump="bastion"), forks=64, wanted=None) == 1
    assert shares.useful(DIRECT, Options(jump="b", transport="local"), forks=64, wanted=3) == 3


def test_one_process_for_the_hosts_behind_one_gateway():
    """They share its connection; it is the first machine on the way that counts."""
    hosts = [
        *(Host(name=f"a{n}", gateway=Host(name="a")) for n in range(5)),
        *(Host(name=f"b{n}", gateway=Host(name="b")) for n in range(3)),
        *behind("inner1", "inner2"),
    ]
    dealt = shares.Shares(hosts, Options(), 2)

    taken = [{host.name for host in iter(lambda: dealt.take(n), None)} for n in (0, 1)]  # noqa: B023

    assert {"a0", "a1", "a2", "a3", "a4"} == taken[0]
    assert {"b0", "b1", "b2", "inner1-0", "inner2-1"} == taken[1]


def test_every_host_is_taken_once():
    """Direct hosts go to whoever asks next."""
    hosts = [*DIRECT[:50], *behind("one", "two")]
    dealt = shares.Shares(hosts, Options(), 3)

    taken = []
    while any(dealt.left_for(number) for number in range(3)):
        taken += [host.name for number in range(3) if (host := dealt.take(number))]

    assert Counter(host.name for host in hosts) == Counter(taken)
    assert [None] * 3 == [dealt.take(number) for number in range(3)]


def test_place_that_is_given_up_leaves_its_hosts_to_the_others():
    """Hosts behind a gateway are asked too where their process cannot be had."""
    dealt = shares.Shares(behind("one", "two"), Options(), 2)
    dealt.give_up(0)

    assert not dealt.left_for(0) or dealt.left_for(1)
    assert {"one-0", "two-1"} == {host.name for host in iter(lambda: dealt.take(1), None)}
