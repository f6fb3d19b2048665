"""A played host answers what the real script answers in the root that it was recorded from."""

import pytest

from bench.fleet.images import Host, Image
from bench.fleet.recorder import Recorder
from preflight.model.question import Absent
from preflight.probe.facts import read_facts
from preflight.probe.frames import Frames
from preflight.probe.requests import Plan, Round

NONCE = "f" * 32
SHELL, LIBRARY, MISSING = "/bin/sh", "/lib/x86_64-linux-gnu/libc.so.6", "/lib/none.so"


class Sent:
    """The bytes that a host sent."""

    def __init__(self, data):
        self._data = data

    def read(self, _limit):
        data, self._data = self._data, b""
        return data


def asked(image, number, plan):
    """Return what host *number* of *image* answers."""
    contents = {}
    this = Round(plan, contents.__setitem__)
    requests = this.encode().removesuffix(b".\n")
    template = image.answer(requests)
    frames = Frames(Sent(Host.numbered(number).fill(template, NONCE.encode())), NONCE, 1 << 30)
    for frame in frames.round():
        this.take(frame)
    return this.replies, contents


@pytest.fixture
def recorder(fleet):
    with Recorder(fleet.root("bookworm")) as recorder:
        yield recorder


def test_a_played_host_has_the_files_of_its_root(fleet, recorder):
    """Contents, sizes and what is missing are the root's; inodes are each host's own."""
    paths = dict.fromkeys((SHELL, LIBRARY, MISSING))
    plan = Plan(states=paths, hashes=paths, contents={SHELL: 1 << 20})
    image = Image(0, recorder)

    (one, contents), (other, _) = asked(image, 1, plan), asked(image, 2, plan)

    shell = (fleet.root("bookworm") / "usr/bin/dash").read_bytes()
    assert contents == {SHELL: shell}
    assert one.states[SHELL].size_bytes == len(shell)
    assert one.states[SHELL].real == "/usr/bin/dash"
    assert one.states[MISSING] == Absent("ENOENT")
    assert one.states[SHELL].inode != other.states[SHELL].inode
    assert one.hashes == other.hashes
    assert one.hashes.keys() == {SHELL, LIBRARY}


def test_hosts_of_one_image_have_equal_facts(recorder):
    """But for the clock and the mounts, hosts of an image cannot be told apart; images can."""
    one, twin, other = (
        read_facts(asked(Image(image, recorder), host, Plan(facts=True))[0].facts, NONCE)
        for image, host in ((0, 0), (0, 50), (1, 1))
    )

    assert one[1] == {}
    assert one[0].kernel == twin[0].kernel != other[0].kernel
    assert one[0].cpu_flags == twin[0].cpu_flags
    assert one[0].mounts != twin[0].mounts


def test_images_have_builds_of_libraries_of_their_own(recorder):
    """A library of another image has another content, and still is that library."""
    plan = Plan(states={LIBRARY: None}, contents={LIBRARY: 64 << 20})

    (one, first), (other, second) = (asked(Image(n, recorder), n, plan) for n in (0, 10))

    assert first[LIBRARY] != second[LIBRARY]
    assert second[LIBRARY].startswith(first[LIBRARY])
    assert other.states[LIBRARY].size_bytes == len(second[LIBRARY])
    assert one.after[LIBRARY] == one.states[LIBRARY]
