"""The first line of a script; what the kernel makes of many stands in tests/conformance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from preflight.model.shebang import Shebang, is_cut_by_old_kernels, parse


@pytest.mark.parametrize(
    ("head", "line"),
    [
        (b"#!/bin/sh\n", Shebang("/bin/sh")),
        (b"#! \t/bin/sh \t\n", Shebang("/bin/sh")),
        (b"#!/bin/sh -e -u\nrest", Shebang("/bin/sh", "-e -u")),
        (b"#!/bin/sh", Shebang("/bin/sh")),
        (b"#!/bin/sh\r\n", Shebang("/bin/sh\r")),
        (b"#!/bin/\xff\n", Shebang("/bin/\udcff")),
        (b"#!/bin/sh\0-e\n", Shebang("/bin/sh")),
        (b"#!/bin/sh " + b"x" * 300, Shebang("/bin/sh", "x" * 245)),
        (b"#!\n", None),
        (b"#! \t", Shebang("")),
        (b"#!" + b" " * 300, None),
        (b"#!/" + b"x" * 300 + b"\n", None),
        (b"\xef\xbb\xbf#!/bin/sh\n", None),
        (b"echo\n", None),
        (b"", None),
    ],
)
def test_the_line_is_read_as_the_kernel_reads_it(head, line):
    """One path, at most one argument, blanks around them do not count."""
    assert parse(head) == line


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(rest):
    """Whatever stands there is a line or none; only the first 256 bytes count."""
    assert parse(b"#!" + rest) == parse((b"#!" + rest)[:256])


@pytest.mark.parametrize(("blanks", "cut"), [(100, False), (120, True)])
def test_old_kernels_have_a_shorter_buffer(blanks, cut):
    """A line of more than 127 bytes is another one before Linux 5.1."""
    assert is_cut_by_old_kernels(b"#!" + b" " * blanks + b"/bin/interpreter\n") is cut
