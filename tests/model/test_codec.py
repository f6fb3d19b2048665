"""Frozen data goes through JSON and comes back equal, whatever its text holds."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.model import codec, text
from preflight.model.elf import Elf, Segment, VersionNeed
from preflight.model.question import Answer, BytesContent, Listing, Question, Stat

names = st.text(st.characters(exclude_categories=["Cs"])) | st.binary().map(text.decode)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | names,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_builtins_come_back(value):
    """Nested values come back equal, odd keys and texts among them."""
    assert codec.decode(codec.encode(value), object) == value


@given(plain)
def test_a_line_is_one_line_of_json(value):
    """What is written is one line that any JSON reader understands."""
    line = codec.encode(value)

    json.loads(line)
    assert b"\n" not in line


@given(names, st.binary())
def test_structs_come_back(name, data):
    """Structs, tuples and bytes come back as what they were."""
    needs = (VersionNeed(name, ()),)
    elf = Elf(size_bytes=1, head=data, soname=name, version_needs=needs, runpath=name)

    assert codec.decode(codec.encode(elf), Elf) == elf


@given(names)
def test_tagged_unions_come_back(name):
    """Questions and answers come back as the kind they were."""
    listing = Listing((name, "x"))

    assert codec.decode(codec.encode(Stat(name)), Question) == Stat(name)
    assert codec.decode(codec.encode(listing), Answer) == listing


def test_equal_values_have_equal_lines():
    """The order of a mapping's keys does not show, with and without odd text."""
    assert codec.encode({"a": 1, "b": 2}) == codec.encode({"b": 2, "a": 1})
    assert codec.encode({"a\\": 1, "b": 2}) == codec.encode({"b": 2, "a\\": 1})


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"type": "x"}', b'{"type": "\\\\"}'])
def test_other_lines_are_refused(line):
    """What is no such value raises the codec's error."""
    with pytest.raises(msgspec.MsgspecError):
        codec.decode(line, Segment)


def test_bytes_with_backslashes_come_back():
    """Content in base64 and odd names do not disturb each other."""
    state = msgspec.json.decode(
        b'{"type":"file-state","mode":1,"uid":0,"gid":0,"device":0,"inode":0,"size_bytes":0,'
        b'"mtime_s":0,"ctime_s":0,"real":"/a\\\\\\\\b"}',
        type=Answer,
    )
    content = BytesContent(state, "", b"\\\xff\0")

    assert codec.decode(codec.encode(content), Answer) == content


RACE = """
import sys, threading
import msgspec
from preflight.model import codec

sys.setswitchinterval(1e-6)

def race(number):
    fields = [(f"f{n}", "tuple[int, ...] | None") for n in range(30)]
    inner = msgspec.defstruct(f"I{number}", fields)
    kind = msgspec.defstruct(f"K{number}", [(f"f{n}", inner) for n in range(3)])
    line = codec.encode(kind(*[inner(*[(n,) for n in range(30)])] * 3))
    begin = threading.Barrier(8)

    def decode():
        begin.wait()
        assert codec.encode(codec.decode(line, kind)) == line

    threads = [threading.Thread(target=decode) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

for number in range(60):
    race(number)
"""


def test_many_threads_may_meet_a_new_kind():
    """Threads that decode the first values of a kind at a time do not end the process."""
    done = subprocess.run([sys.executable, "-c", RACE], check=False, timeout=60)

    assert done.returncode == 0
