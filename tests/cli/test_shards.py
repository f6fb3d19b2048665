"""A shard is a stable part of the hosts, and nobody gets one unasked."""

from __future__ import annotations

import json

import pytest

from preflight.cli.shards import Shard
from preflight.errors import UsageError
from preflight.model.host import Host

HOSTS = tuple(Host(name=f"web-{number}") for number in range(1000))


def names(hosts) -> set[str]:
    """Return the names of hosts."""
    return {host.name for host in hosts}


def test_shards_are_a_partition():
    """Every host is in exactly one shard, and no shard is far from its share."""
    parts = [Shard(number, 7).select(HOSTS) for number in range(1, 8)]

    assert sorted(host.name for part in parts for host in part) == sorted(names(HOSTS))
    assert all(100 < len(part) < 190 for part in parts)


def test_new_host_moves_no_other():
    """A host stays in its shard whatever else is in the inventory, in whatever order."""
    before = names(Shard(2, 5).select(HOSTS[:500]))

    after = names(Shard(2, 5).select(HOSTS[::-1]))

    assert before == after & names(HOSTS[:500])


def test_shard_of_a_name_never_changes():
    """The shards of tomorrow's release are those of today's."""
    assert {"web-4", "web-6"} == names(Shard(1, 3).select(HOSTS[:10]))


@pytest.mark.parametrize(
    ("value", "environ", "shard"),
    [
        ("2/5", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "9"}, "2/5"),
        ("1/1", {}, "1/1"),
        ("auto", {"CI_NODE_INDEX": "1", "CI_NODE_TOTAL": "4"}, "1/4"),
        ("auto", {"SLURM_ARRAY_TASK_ID": "0", "SLURM_ARRAY_TASK_COUNT": "4"}, "1/4"),
        (
            "auto",
            {
                "SLURM_ARRAY_TASK_ID": "14",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "2",
                "SLURM_ARRAY_TASK_COUNT": "4",
            },
            "3/4",
        ),
        ("auto/6", {"JOB_COMPLETION_INDEX": "0"}, "1/6"),
        ("auto/6", {"JOB_COMPLETION_INDEX": "5"}, "6/6"),
    ],
)
def test_shard_is_what_was_said_or_what_the_scheduler_says(value, environ, shard):
    """GitLab counts from 1, Slurm from its own minimum, Kubernetes from 0 without a total."""
    assert shard == str(Shard.parse(value, environ))


@pytest.mark.parametrize(
    ("value", "environ", "message"),
    [
        ("0/5", {}, "there is no part 0 of 5"),
        ("6/5", {}, "there is no part 6 of 5"),
        ("1/0", {}, "there is no part 1 of 0"),
        ("half", {}, "'half' is no part of the hosts"),
        ("1/2/3", {}, "is no part of the hosts"),
        ("auto", {}, "none of CI_NODE_INDEX"),
        ("auto", {"JOB_COMPLETION_INDEX": "1"}, "nothing says how many there are"),
        ("auto", {"CI_NODE_INDEX": "x", "CI_NODE_TOTAL": "2"}, "CI_NODE_INDEX is 'x'"),
        ("auto", {"CI_NODE_INDEX": "1"}, "CI_NODE_TOTAL is ''"),
        ("auto/2", {"JOB_COMPLETION_INDEX": "2"}, "there is no part 3 of 2"),
    ],
)
def test_what_is_no_shard_is_an_error(value, environ, message):
    """A slip in a CI file is an error, and never the whole fleet or nothing of it."""
    with pytest.raises(UsageError, match=message):
        Shard.parse(value, environ)


@pytest.fixture
def fleet_file(inventory) -> None:
    """An inventory of four hosts, all of which are this machine."""
    inventory(**{f"h{number}": "transport: local" for number in range(4)})


@pytest.mark.usefixtures("fleet_file")
def test_hosts_shows_a_shard(run, monkeypatch):
    """`preflight hosts` shows what a job of a CI system would ask; without --shard, all."""
    parts = [run("hosts", "--shard", f"{n}/2", "--format", "names").out.split() for n in (1, 2)]
    monkeypatch.setenv("CI_NODE_INDEX", "1")
    monkeypatch.setenv("CI_NODE_TOTAL", "2")

    assert ["h0", "h1", "h2", "h3"] == sorted(parts[0] + parts[1])
    assert parts[0] == run("hosts", "--shard", "auto", "--format", "names").out.split()
    assert 4 == len(run("hosts", "--format", "names").out.split())


@pytest.mark.usefixtures("fleet_file")
def test_shards_are_merged(run, program):
    """The reports of all shards are the report of the run; without one it is not whole."""
    for number in (1, 2, 3):
        run("check", program(), "--shard", f"{number}/3", "--format", f"jsonl=s{number}.jsonl")

    two = run("report", "s1.jsonl", "s3.jsonl", "--format", "names")
    three = run("report", "s1.jsonl", "s2.jsonl", "s3.jsonl", "--format", "names")

    assert (3, "preflight: warning: shard 2 of 3 missing\n") == (two.status, two.err)
    assert (0, "") == (three.status, three.err)
    assert ["h0", "h1", "h2", "h3"] == sorted(three.out.split())
    with open("s2.jsonl") as lines:
        assert "2/3" == json.loads(lines.readline())["shard"]


@pytest.mark.usefixtures("fleet_file")
def test_empty_shard_is_well(run, program):
    """A shard without hosts says so and ends with 0; a pattern without hosts does not."""
    part = next(n for n in range(1, 9) if not run("hosts", "--shard", f"{n}/8").out.count("h"))

    empty = run("check", program(), "--shard", f"{part}/8", "--format", "jsonl")
    nothing = run("check", program(), "--shard", f"{part}/8", "-l", "none")

    assert (0, f"preflight: shard {part}/8 has none of the 4 hosts\n") == (empty.status, empty.err)
    assert "summary" in empty.out
    assert 2 == nothing.status
