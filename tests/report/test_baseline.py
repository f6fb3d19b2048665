"""The common ground of a fleet, and what share of it a build covers."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from preflight.model.ground import Footing, Ground, Platform
from preflight.report.baseline import baseline, baseline_json, baseline_table
from preflight.report.schema import baseline_schema
from preflight.report.view import View
from tests.builders.report import facts

GLIBC = Platform("x86_64", "glibc", "/lib64/ld-linux-x86-64.so.2")
MUSL = Platform("x86_64", "musl", "/lib/ld-musl-x86_64.so.1")


def ground(name: str, release: str, libraries: dict, *, platform=GLIBC, **fields) -> Ground:
    """Return a host with one footing."""
    return Ground(name, facts(**fields), (Footing(platform, release, libraries),))


OLD = {"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.31"), "libz.so.1": ("ZLIB_1.2.9",)}
NEW = {"libc.so.6": ("GLIBC_2.2.5", "GLIBC_2.31", "GLIBC_2.36"), "libssl.so.3": ("OPENSSL_3.0.0",)}
FLEET = [
    ground("a", "2.31", OLD, kernel="5.10.0", cpu_level="x86-64-v2"),
    ground("b", "2.36", NEW, kernel="6.1.0-9", cpu_level="x86-64-v3"),
    ground("c", "2.9", OLD, kernel="5.9.1", cpu_level="x86-64"),
    ground("d", "1.2.3", {}, platform=MUSL, kernel="6.1.0", cpu_level="x86-64-v3"),
]


def test_the_lowest_is_by_number_not_by_letter():
    """2.9 is older than 2.31, and 5.9 than 5.10."""
    found = baseline(FLEET)

    assert (found.kernel, found.cpu_level, found.machines) == ("5.9.1", "x86-64", {"x86_64": 4})
    assert [(one.libc, one.hosts, one.release) for one in found.platforms] == [
        ("glibc", 3, "2.9"),
        ("musl", 1, "1.2.3"),
    ]


def test_libraries_are_those_that_every_host_has():
    """One that a host lacks is not common, nor is a version that one host lacks."""
    assert baseline(FLEET).platforms[0].libraries == {"libc.so.6": ("GLIBC_2.31",)}


def test_of_each_kind_of_version_the_newest_is_told():
    """What is no number is a kind of its own; a letter comes after none, however long a number."""
    long = "GLIBC_" + 5000 * "9"
    defined = {
        "libstdc++.so.6": ("CXXABI_1.3.13", "CXXABI_1.3.9", "CXXABI_FLOAT128", "GLIBCXX_3.4.30"),
        "libssl.so.1.1": ("OPENSSL_1_1_0", "OPENSSL_1_1_1", "OPENSSL_1_1_1b", "OPENSSL_1_1_1a"),
        "liblzma.so.5": ("XZ_5.4", "XZ_5.1.2alpha"),
        "libc.so.6": ("GLIBC_2.36", "GLIBC_PRIVATE", "GLIBC_PRIVATE_1", long),
    }

    assert baseline([ground("a", "2.36", defined)]).platforms[0].libraries == {
        "libstdc++.so.6": ("CXXABI_1.3.13", "CXXABI_FLOAT128", "GLIBCXX_3.4.30"),
        "libssl.so.1.1": ("OPENSSL_1_1_1b",),
        "liblzma.so.5": ("XZ_5.4",),
        "libc.so.6": ("GLIBC_2.36", long),
    }


@pytest.mark.parametrize(
    ("target", "hosts"),
    [
        (("x86_64", None, None, None), 4),
        (("x86_64", "glibc", "2.9", None), 3),
        (("x86_64", "glibc", "2.31", None), 2),
        (("x86_64", "glibc", "2.36", None), 1),
        (("x86_64", "musl", "1.2.3", None), 1),
        (("x86_64", None, None, "x86-64-v2"), 3),
        (("x86_64", None, None, "x86-64-v3"), 2),
    ],
)
def test_a_build_covers_hosts_that_are_new_enough(target, hosts):
    """A floor is met by that release and every later one; the share is of all probed hosts."""
    found = {(t.machine, t.libc, t.floor, t.cpu_level): t for t in baseline(FLEET).targets}

    assert (found[target].hosts, found[target].share) == (hosts, hosts / 4)


def test_a_release_that_nobody_knows_is_no_lowest():
    """A host whose loader does not say its release leaves the lowest open."""
    unknown = Ground("x", facts(), (Footing(GLIBC, None, {}),))

    assert baseline([*FLEET, unknown]).platforms[0].release is None


@pytest.mark.parametrize("grounds", [FLEET, []])
def test_the_document_keeps_its_schema(grounds):
    """Also where no host was probed at all."""
    document = json.loads("".join(baseline_json(baseline(grounds, ["gone"]))))

    jsonschema.validate(document, baseline_schema())
    assert document["left_out"] == ["gone"]


def test_the_table_names_hosts_that_do_not_count():
    """Whoever was not probed stands by name, and in no number."""
    text = "".join(baseline_table(baseline(FLEET[:1], ["db-1", "db-2"]), View()))

    assert text.startswith("1 host: 1 x86_64\n")
    assert "not probed, not counted: db-[1-2]" in text
    assert re.search(r"x86_64, glibc 2.31 +1 +100 %", text)


def test_names_need_not_be_utf_8():
    """A library of a host may be called anything; JSON has it as the report does."""
    odd = {"lib\udcff\x1b.so.1": ("V_\udcfe1",)}

    text = "".join(baseline_json(baseline([ground("a", "2.31", odd)])))

    assert json.loads(text)["platforms"][0]["libraries"] == {"lib\\xff\x1b.so.1": ["V_\\xfe1"]}
