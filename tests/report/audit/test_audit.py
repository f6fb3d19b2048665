"""Outliers, drift and the table, of hosts that are made up."""

from __future__ import annotations

import json

import jsonschema
import pytest
from msgspec import structs

from preflight.model.audit import HostAudit
from preflight.model.audited import Audited, Disk, Setting, Sshd
from preflight.model.ground import Footing, Platform
from preflight.model.snapshot import Libc
from preflight.report.audit.document import Audit, audit, audit_json
from preflight.report.audit.drift import drift
from preflight.report.audit.fleet import alike, outliers
from preflight.report.audit.rows import newest_nodes
from preflight.report.audit.schema import audit_schema
from preflight.report.audit.table import audit_table
from preflight.report.view import View
from tests.builders.report import facts

LOADER = "/lib64/ld-linux-x86-64.so.2"
GIB = 1 << 30
SSHD = Sshd(
    version="9.2p1",
    password=Setting("no"),
    keyboard_interactive=Setting("yes", default=True),
    root=Setting("prohibit-password", default=True),
    pam=Setting("no"),
    methods=Setting("any", default=True),
)
AUDITED = Audited(
    memory_bytes=4 * GIB,
    cpus=2,
    disks=(Disk("/", "ext4", 100 * GIB, 50 * GIB, ()),),
    init="systemd",
    package_managers=("apt",),
    apparmor=False,
    fapolicyd=False,
    sshd=SSHD,
    watchers=(),
    exposed=(),
    clock_offset_s=0,
)


def host(name: str, *groups: str, libc: str = "2.36", **fields: object) -> HostAudit:
    """Return a host; *fields* are of what was found beyond the facts of a verdict."""
    nodes = {"libc.so.6": ("GLIBC_2.2.5", f"GLIBC_{libc}", "GLIBC_PRIVATE")}
    platform = Platform("x86_64", "glibc", LOADER)
    return HostAudit(
        host=name,
        address=name,
        groups=groups,
        status="probed",
        facts=facts(libcs=(Libc(LOADER, "x86_64", "glibc", libc),)),
        audited=structs.replace(AUDITED, **fields),
        footings=(Footing(platform, libc, nodes, {"libc.so.6": libc.ljust(64, "0")}),),
    )


def made(*hosts: HostAudit, against: list[HostAudit] | None = None) -> Audit:
    return audit(hosts, version="1", started_at="2026-01-01T00:00:00Z", against=against)


def shown(found: Audit, **view: object) -> str:
    return "".join(audit_table(found, View(width=200, **view)))


def test_one_host_that_differs_is_named():
    """web-07 alone has another C library than the others."""
    fleet = [host(f"web-{n:02}", "web") for n in range(1, 7)] + [host("web-07", "web", libc="2.31")]

    said = shown(made(*fleet))

    assert "web-07 alone has glibc offers: GLIBC_2.31 (6 others: GLIBC_2.36)" in said
    assert said.count("alone has") == 2  # the library, and its versions: for the fleet, not again


def test_letters_follow_and_no_number_is_too_long():
    """OPENSSL_1_1_1d is newer than OPENSSL_1_1_1; what nobody could compare is left out."""
    nodes = ("OPENSSL_1_1_1d", "OPENSSL_1_1_1", "OPENSSL_1_1_0l", "GLIBC_" + 5000 * "9")
    platform = Platform("x86_64", "glibc", LOADER)

    assert newest_nodes(Footing(platform, None, {"x": nodes})) == {"OPENSSL": "OPENSSL_1_1_1d"}


@pytest.mark.parametrize(
    ("usual", "few", "named"),
    [(3, 1, True), (2, 1, False), (38, 2, True), (37, 2, False), (30, 2, False), (3, 3, False)],
)
def test_few_among_many_are_outliers(usual, few, named):
    """One beside three, or one in twenty; two beside thirty are a kind of their own."""
    fleet = [host(f"a{n}") for n in range(usual)] + [host(f"b{n}", cpus=9) for n in range(few)]

    assert bool(outliers(fleet)) is named


def test_without_a_majority_nobody_is_an_outlier():
    """Where every other host differs, too, nothing is usual."""
    fleet = [host(f"a{n}") for n in range(3)] + [host(f"b{n}", cpus=10 + n) for n in range(3)]

    assert outliers(fleet) == []


def test_an_outlier_of_its_group_need_not_be_one_of_the_fleet():
    """The database among the web hosts is found by the groups of the inventory."""
    web = [host(f"web-{n}", "web") for n in range(4)] + [host("web-9", "web", cpus=8)]
    fleet = web + [host(f"db-{n}", "db", cpus=8) for n in range(9)]

    (found,) = outliers(fleet)

    assert (found.hosts, found.group, found.others) == (("web-9",), "web", 4)


def test_what_moves_by_itself_makes_no_groups():
    """Free space and clocks differ on all hosts, which are alike nevertheless."""
    full = (Disk("/", "ext4", 100 * GIB, 1 * GIB, ()),)
    fleet = [host("a"), host("b", disks=full, clock_offset_s=90)]

    assert len(alike(fleet)) == 1
    said = shown(made(*fleet))
    assert "1.0 GiB of 100 GiB (least, on b)" in said
    assert "b is 90 s ahead" in said


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        ({"cpus": 4}, ["cpus"]),
        ({"disks": (Disk("/", "ext4", 100 * GIB, 41 * GIB, ()),)}, []),
        ({"disks": (Disk("/", "ext4", 100 * GIB, 40 * GIB, ()),)}, ["free"]),
        ({"disks": (Disk("/", "ext4", 100 * GIB, 50 * GIB, ("noexec",)),)}, ["mounts"]),
        ({"clock_offset_s": 1}, []),
        ({"clock_offset_s": -2}, ["clock"]),
        ({"sshd": structs.replace(SSHD, password=Setting("yes"))}, ["password_login", "password"]),
    ],
)
def test_drift_is_what_changed_beyond_noise(fields, rows):
    """A tenth of a disk and two seconds count, and less does not."""
    found = drift([host("a"), host("b")], [host("a", **fields), host("b", **fields)])

    assert [one.row for one in found.changes] == rows
    assert all(one.hosts == ("a", "b") for one in found.changes)


def test_hosts_that_could_not_be_asked_have_not_vanished():
    """They are not compared, and said to be so."""
    lost = structs.replace(host("a"), status="unreachable", cause="no-route")

    found = drift([host("a"), host("gone")], [lost, host("new")])

    assert (found.new, found.vanished, found.not_compared) == (("new",), ("gone",), ("a",))
    assert found.changes == ()


def test_facts_of_a_plain_probe_are_compared_as_far_as_they_go():
    """What was not asked then has not changed."""
    plain = structs.replace(host("a", libc="2.31"), audited=None)

    found = drift([plain], [host("a")])

    assert {one.row for one in found.changes} == {"libcs", "glibc", "libraries"}


def test_what_is_not_known_is_shown_with_the_reason():
    """A file that this user may not read is no "no"."""
    secret = structs.replace(
        host("a", sshd=None), unknown={"sshd": "/etc/ssh/sshd_config is not readable"}
    )

    said = shown(made(secret))

    assert "log in by password            unknown: /etc/ssh/sshd_config is not readable" in said


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_a_host_says_is_not_obeyed(ascii_only):
    """Escape sequences and text that runs backwards stay text, in the table and in JSON."""
    hostile = host("a", init="\x1b[2J\u202e\udcff", package_managers=("\r\n[bold]x",))

    said = shown(made(hostile, against=[host("a")]), unicode=not ascii_only)

    assert not {"\x1b", "\u202e", "\udcff", "\r"} & set(said)
    assert r"\x1b[2J" in said
    assert "[bold]x" in said


def test_the_document_fits_its_schema():
    """Hosts that were asked and not, outliers and drift."""
    lost = structs.replace(host("lost"), status="timeout", reason="\udcff", audited=None)
    fleet = [host(f"a{n}") for n in range(4)] + [host("b", cpus=8, init="\udcff"), lost]
    before = [host("a0", cpus=1), host("z")]

    value = json.loads("".join(audit_json(made(*fleet, against=before))))

    jsonschema.Draft202012Validator.check_schema(audit_schema())
    jsonschema.validate(value, audit_schema())
    assert value["hosts"][-1]["facts"] is None
    assert value["drift"]["vanished"] == ["z"]


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, False),
        ({"password": Setting("yes")}, True),
        ({"pam": Setting("yes")}, True),
        ({"pam": Setting("yes"), "keyboard_interactive": Setting("no")}, False),
        ({"password": Setting(None)}, None),
        ({"password": Setting("yes"), "methods": Setting("publickey,password")}, False),
        ({"password": Setting("yes"), "methods": Setting("publickey password")}, True),
        ({"pam": Setting("yes"), "methods": Setting("keyboard-interactive:pam")}, True),
    ],
)
def test_a_password_alone_lets_nobody_in_or_somebody(fields, answer):
    """Keyboard-interactive asks for one through PAM, and AuthenticationMethods may want a key."""
    assert structs.replace(SSHD, **fields).password_alone is answer
