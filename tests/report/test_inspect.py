"""What a binary needs, without a host."""

from __future__ import annotations

import json

from preflight.model.elf import NeededVersion, VersionNeed
from preflight.model.foreign import Foreign
from preflight.model.requirements import Bundle, Entry, GlibcFloor
from preflight.report import View
from preflight.report.contract import binary_json
from preflight.report.inspect import inspect_json, inspect_table
from tests.builders.report import binary, elf


def test_program_is_shown_by_name_and_value():
    """What is not there takes no line."""
    full = elf(runpath="$ORIGIN/../lib", build_id="c0ffee", dt_flags_1=0x08000001)

    text = "".join(inspect_table([binary(elf=full)], View(width=100)))

    assert (
        text
        == """\
./app
  format         elf
  description    an x86-64 program for Linux
  machine        x86_64 (64-bit, little endian)
  kind           executable
  interpreter    /lib64/ld-linux-x86-64.so.2
  libc           glibc
  glibc floor    2.34, for __libc_start_main
  needed         libc.so.6
  RUNPATH        $ORIGIN/../lib
  version needs  libc.so.6: GLIBC_2.34
  build id       c0ffee
  flags          NOW PIE
  exec stack     no
  sha256         abababababababababababababababababababababababababababababababab
  size           16,000 bytes
"""
    )


def test_script_has_no_elf_rows():
    """Of what is no ELF file, format and description are told."""
    script = binary("run", format="script", elf=None, description="a script for /bin/sh")

    text = "".join(inspect_table([script], View()))

    assert "  description  a script for /bin/sh\n" in text
    assert "machine" not in text


def test_version_needs_have_a_line_for_each_library():
    """The oldest version stands first; weak ones are marked: their absence is a warning."""
    needs = (
        VersionNeed(
            "libc.so.6",
            (NeededVersion("GLIBC_2.34", False, 2), NeededVersion("GLIBC_2.4", False, 3)),
        ),
        VersionNeed("libm.so.6", (NeededVersion("GLIBC_2.29", True, 3),)),
    )

    text = "".join(inspect_table([binary(elf=elf(version_needs=needs))], View()))

    assert "  version needs  libc.so.6: GLIBC_2.4, GLIBC_2.34\n" in text
    assert "                 libm.so.6: GLIBC_2.29 (weak)\n" in text


def test_symbols_of_the_floor_are_cut_unless_verbose():
    """Five symbols are enough to see what raises the floor."""
    needs = binary(glibc_floor=GlibcFloor("2.38", tuple(f"f{i}" for i in range(8))))

    assert "2.38, for f0, f1, f2, f3, f4 and 3 more\n" in "".join(inspect_table([needs], View()))
    assert "f6, f7\n" in "".join(inspect_table([needs], View(verbosity=1)))


def test_binaries_are_set_apart():
    """An empty line stands between two binaries."""
    text = "".join(inspect_table([binary(), binary("tool", 2)], View()))

    assert " bytes\n\n./tool\n" in text


def test_json_has_the_binaries_of_the_report():
    """One reader serves `inspect` and `check`."""
    needs = [binary(), binary("tool", 2)]

    document = json.loads("".join(inspect_json(needs)))

    schema = {"schema": "preflight.report/1"}
    assert schema | {"binaries": [binary_json(each) for each in needs]} == document


def test_a_bundle_names_who_forces_its_floor():
    """2.31 is newer than 2.4: the highest floor of the members stands with its member."""
    members = tuple(
        binary(name, number, inner=f"lib/{name}", glibc_floor=GlibcFloor(floor, ()))
        for number, (name, floor) in enumerate((("a", "2.4"), ("b", "2.31"), ("c", "2.17")), 1)
    )
    bundle = Bundle(entries=(Entry(path="", kind="directory", number=-1),), members=members)

    text = "".join(inspect_table([binary("app.tar", 9, elf=None, bundle=bundle)], View(width=100)))

    assert "  members        3 programs and libraries of 1 names\n" in text
    assert "  highest floor  glibc 2.31, for lib/b\n" in text


def test_program_for_another_system_shows_what_it_needs_there():
    """Its libraries and its oldest system have rows of their own."""
    needs = Foreign(
        machines=("x86-64",),
        runtime="Windows",
        minimum_os="Windows 6.1",
        imports=("a.dll", "b.dll"),
    )
    pe = binary("app.exe", format="pe", elf=None, foreign=needs)

    text = "".join(inspect_table([pe], View()))

    assert "  made for       x86-64\n  needs          Windows\n" in text
    assert "  oldest system  Windows 6.1\n  imports        a.dll, b.dll\n" in text
    assert binary_json(pe)["foreign"]["imports"] == ["a.dll", "b.dll"]
