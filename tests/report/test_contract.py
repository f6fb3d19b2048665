"""The JSON values are the contract, key for key."""

from __future__ import annotations

import pytest

from preflight.model.elf import AbiTag, NeededVersion, VersionDef, VersionNeed
from preflight.model.snapshot import Facts
from preflight.model.text import decode
from preflight.model.verdict import Remedy
from preflight.report.contract import binary_json, host_json, summary_json, verdict_json
from tests.builders.report import (
    LOADER,
    binary,
    elf,
    finding,
    host,
    lost_host,
    missing_library,
    report,
    verdict,
)


def test_binary_has_the_keys_of_the_contract_in_its_order():
    """Every key of a binary stands where the contract has it; additions come last."""
    value = binary_json(binary(sha256="00"))

    keys = (
        "id path member_of sha256 format machine bits endian kind interpreter libc"
        " soname needed rpath runpath flags version_needs version_defs glibc_floor"
        " build_id abi_note x86_isa_needed exec_stack size_bytes description script go glibc_steps"
        " glibcxx_steps"
        " toolchain runtime_needs"
        " dlopen"
        " foreign"
    )
    assert keys.split() == list(value)
    assert tuple(value[key] for key in ("machine", "bits", "endian", "kind")) == (
        "x86_64",
        64,
        "little",
        "executable",
    )
    assert value["glibc_floor"] == {"version": "2.34", "symbols": ["__libc_start_main"]}


def test_binary_that_is_no_elf_has_null_and_empty_fields():
    """What only an ELF file can have is null, or an empty list, for a script."""
    value = binary_json(binary(format="script", elf=None, libc=None, glibc_floor=None))

    nulls = {key for key, item in value.items() if item is None}
    assert {"machine", "bits", "endian", "kind", "interpreter", "exec_stack"} <= nulls
    empty = {key for key, item in value.items() if item == []}
    assert {"needed", "rpath", "runpath", "flags", "version_needs", "version_defs"} | {
        "glibc_steps",
        "glibcxx_steps",
        "toolchain",
        "runtime_needs",
        "dlopen",
    } == empty


def test_search_paths_are_split_at_colons():
    """An empty element stays: the loader reads it as the working directory."""
    value = binary_json(binary(elf=elf(rpath="$ORIGIN/lib::/opt", runpath="")))

    assert (value["rpath"], value["runpath"]) == (["$ORIGIN/lib", "", "/opt"], [])


def test_version_needs_are_grouped_by_library_and_weakness():
    """Two records of one library become one group; weak versions stand apart."""
    strong = NeededVersion("GLIBC_2.34", weak=False, index=2)
    weak = NeededVersion("GLIBC_ABI_X", weak=True, index=3)
    needs = (VersionNeed("libc.so.6", (strong,)), VersionNeed("libc.so.6", (weak,)))

    value = binary_json(binary(elf=elf(version_needs=needs)))

    group = {"library": "libc.so.6", "versions": ["GLIBC_2.34"], "weak": ["GLIBC_ABI_X"]}
    assert [group] == value["version_needs"]


def test_version_defs_leave_the_base_definition_out():
    """The base definition names the file itself and is no version."""
    defs = (VersionDef("libx.so.1", 1, base=True), VersionDef("X_1", 2, base=False))

    assert binary_json(binary(elf=elf(version_defs=defs)))["version_defs"] == ["X_1"]


@pytest.mark.parametrize(
    ("system", "note"), [(0, "3.2.0"), (1, "hurd 3.2.0"), (9, "system-9 3.2.0")]
)
def test_abi_note_names_systems_other_than_linux(system: int, note: str):
    """The note of a Linux program is the kernel's release alone."""
    assert note == binary_json(binary(elf=elf(abi_tag=AbiTag(system, (3, 2, 0)))))["abi_note"]


def test_file_of_no_class_has_no_bits():
    """An ELF file too broken to have a class has null, which the schema knows, and not 0."""
    assert binary_json(binary(elf=elf(bits=0)))["bits"] is None


def test_absent_stack_header_is_null():
    """A file without PT_GNU_STACK says nothing of its stack: neither true nor false."""
    assert binary_json(binary(elf=elf(exec_stack=None)))["exec_stack"] is None


def test_host_has_the_keys_of_the_contract_in_its_order():
    """Every key of a host and of its facts stands where the contract has it."""
    value = host_json(host("web-1", facts_unknown={"mounts": "no /proc"}))

    keys = "name address status cause reason host_key rounds facts facts_unknown"
    assert keys.split() == list(value)
    facts = "system machine kernel os libcs ldd_version cpu_level page_size"
    assert facts.split() == list(value["facts"])
    libc = {"interpreter": LOADER, "machine": "x86_64", "family": "glibc", "version": "2.36"}
    assert [libc] == value["facts"]["libcs"]
    assert value["facts_unknown"] == {"mounts": "no /proc"}


def test_host_that_was_not_asked_says_why():
    """Status, cause and reason stand beside facts of which none is known."""
    value = host_json(lost_host("db-1", facts=Facts()))

    assert (value["status"], value["cause"]) == ("unreachable", "connection-refused")
    assert {None} == {item for item in value["facts"].values() if item != []}


def test_verdict_has_the_keys_of_the_contract_in_its_order():
    """A verdict tells of libraries only where they are asked for."""
    plain = verdict("web-1", finding(), libraries=(missing_library(),))

    keys = "host binary path outcome predicted_error predicted_exit findings loaded_by"
    assert keys.split() == list(verdict_json(plain, explain=False))
    assert f"{keys} libraries".split() == list(verdict_json(plain, explain=True))
    finding_keys = "code severity subject needed_by message evidence remedy remedies"
    assert finding_keys.split() == list(verdict_json(plain, explain=False)["findings"][0])
    remedy = Remedy(where="host", text="a newer one", certainty="stated")
    mended = verdict("db-1", finding(remedies=(remedy,)))
    remedy_keys = "where text command certainty package installed candidate satisfies source"
    found = verdict_json(mended, explain=False)["findings"][0]
    assert remedy_keys.split() == list(found["remedies"][0])


def test_only_a_missing_library_tells_where_it_was_looked_for():
    """Each step of a miss has its rule, path and result; a hit has the rule alone."""
    hit = missing_library(path="/lib/libssl.so.3", rule="ld.so.cache")
    value = verdict_json(verdict("web-1", libraries=(missing_library(), hit)), explain=True)

    step = {
        "rule": "system directories",
        "path": "/usr/lib/libssl.so.3",
        "result": "no such file",
    }
    miss_json, hit_json = value["libraries"]
    assert [step] == miss_json["tried"]
    assert list(hit_json) == ["name", "path", "needed_by", "rule"]


def test_text_that_is_not_utf8_stands_escaped():
    r"""A byte becomes ``\xNN`` and a backslash two, in every text of every object."""
    odd = decode(b"\\a\xff")

    values = [
        binary_json(binary(path=odd))["path"],
        binary_json(binary(elf=elf(soname=odd)))["soname"],
        host_json(host("a", facts_unknown={odd: "x"}))["facts_unknown"].popitem()[0],
        verdict_json(verdict("a", finding(evidence=(odd,))), explain=False)["findings"][0][
            "evidence"
        ][0],
    ]

    assert {"\\\\a\\xff"} == set(values)


def test_summary_counts_verdicts():
    """Two binaries on one host are two verdicts."""
    value = summary_json(report([verdict("a"), verdict("a", finding(), number=2)]).summary)

    assert value == {"deployable": 1, "blocked": 1, "unknown": 0}
