"""Flags have the names that readelf prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from preflight.report.flags import DT_FLAGS_1_NAMES, DT_FLAGS_NAMES, flag_names
from tests.builders.report import elf

ELF_H = Path("/usr/include/elf.h")


def test_flags_of_both_words_are_named():
    """A hardened PIE has BIND_NOW in one word, NOW and PIE in the other."""
    assert flag_names(elf(dt_flags=8, dt_flags_1=0x08000001)) == ["BIND_NOW", "NOW", "PIE"]


def test_flag_that_both_words_have_is_named_once():
    """ORIGIN is a bit of DT_FLAGS and of DT_FLAGS_1."""
    assert flag_names(elf(dt_flags=1, dt_flags_1=0x80)) == ["ORIGIN"]


def test_old_tags_count_as_their_flags():
    """DT_TEXTREL and the like had tags of their own before DT_FLAGS."""
    old = elf(bind_now_tag=True, symbolic_tag=True, textrel_tag=True)

    assert flag_names(old) == ["SYMBOLIC", "TEXTREL", "BIND_NOW"]


@pytest.mark.skipif(not ELF_H.exists(), reason="needs glibc's headers")
def test_names_are_those_of_glibc():
    """Every DF_ and DF_1_ bit of elf.h has its name here."""
    text = ELF_H.read_text()

    for prefix, names in (("DF_", DT_FLAGS_NAMES), ("DF_1_", DT_FLAGS_1_NAMES)):
        lines = re.findall(rf"#define\s+{prefix}(?!P1_)([A-Z]\w+)\s+(0x[0-9a-f]+)", text)
        assert len(names) == len(lines)
        for name, bits in lines:
            assert (name, 1 << names.index(name)) == (name, int(bits, 16))
