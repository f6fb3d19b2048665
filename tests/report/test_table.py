"""What people read."""

from __future__ import annotations

import re

import pytest
from msgspec import structs

from preflight.model.requirements import GlibcFloor
from preflight.model.snapshot import Libc, Snapshot
from preflight.model.verdict import Remedy
from preflight.report import View
from preflight.report.table import render
from tests.builders.report import (
    LOADER,
    binary,
    facts,
    finding,
    host,
    lost_host,
    missing_library,
    not_probed,
    report,
    verdict,
)

ERROR = "./app: error while loading shared libraries: libssl.so.3: cannot open shared object file"


def table(given, **wishes) -> str:
    """Return the table, below an empty line so that it can be compared with a literal."""
    return "\n" + "".join(render(given, View(**wishes)))


def old_host(name: str) -> Snapshot:
    """Return a Debian 11 host."""
    libcs = (Libc(LOADER, "x86_64", "glibc", "2.31"),)
    return host(name, facts=facts(os="Debian GNU/Linux 11 (bullseye)", libcs=libcs))


def test_success_is_a_few_lines():
    """Where all is well there is one row, and the sum."""
    given = report([verdict(f"web-{i:02}") for i in range(1, 21)])

    assert (
        table(given)
        == """
./app: x86_64 executable, needs glibc 2.34
result        hosts        count  system
✓ deployable  web-[01-20]     20  Debian GNU/Linux 12, glibc 2.36, x86_64

20 deployable, 0 blocked, 0 unknown — 20 hosts, 1 binary, 1.9 s
"""
    )


def test_failure_is_told_with_its_evidence():
    """A blocked host has its finding, the evidence and the loader's own line."""
    bad = verdict("db-1", finding(), predicted_error=ERROR, predicted_exit=127)
    given = report([verdict("web-1"), bad], hosts=[host("web-1"), old_host("db-1")])

    assert (
        table(given)
        == """
./app: x86_64 executable, needs glibc 2.34
result        hosts  count  system
✓ deployable  web-1      1  Debian GNU/Linux 12, glibc 2.36, x86_64
✗ blocked     db-1       1  Debian GNU/Linux 11, glibc 2.31, x86_64

✗ app on db-1
  library-missing: libssl.so.3 was not found
    needed by  ./app
    evidence   /lib/x86_64-linux-gnu: no such file
  the host would say: ./app: error while loading shared libraries: libssl.so.3:
  cannot open shared object file

1 deployable, 1 blocked, 0 unknown — 2 hosts, 1 binary, 1.9 s
  preflight explain library-missing
"""
    )


def test_remedy_waits_for_verbosity():
    """What to do is the same for every finding of a code, and told on demand."""
    given = report([verdict("db-1", finding())], hosts=[host("db-1")])

    assert "remedy" not in table(given)
    assert "    remedy     install libssl3\n" in table(given, verbosity=1)


def test_fix_is_what_mends_it_on_all_hosts_of_the_row():
    """The best change of the build stands there where it is short and the same for every host."""

    def advised(*commands: str):
        changes = (Remedy(where="build", text="x", command=c, certainty="stated") for c in commands)
        return finding(remedies=tuple(changes))

    first, second = advised("zig 2.31", "musl-gcc"), advised("zig 2.28", "musl-gcc")
    long = advised("docker " + "x" * 60)

    def fix(*findings) -> list[str]:
        names = [f"db-{n}" for n in range(len(findings))]
        verdicts = [verdict(name, one) for name, one in zip(names, findings, strict=True)]
        text = table(report(verdicts, hosts=[host(name) for name in names]))
        return [line.split()[1] for line in text.splitlines() if line.startswith("    fix ")]

    assert fix(first, first) == ["zig"]
    assert fix(first, second) == ["musl-gcc"]
    assert fix(long) == []


def test_package_that_is_sure_is_told_at_once():
    """What the hosts' own package managers say mends it stands there without being asked for."""
    sure = Remedy(
        where="host",
        text="it is there",
        command="apt-get install libssl3",
        certainty="stated",
        package="libssl3",
        candidate="3.0.17-1",
        satisfies=True,
        source="apt contents",
    )
    by_rule = structs.replace(sure, satisfies=None, certainty="naming-rule")
    dnf = structs.replace(sure, command="dnf install openssl-libs", source="dnf cache")

    def told(**remedies: Remedy) -> str:
        verdicts = [verdict(n, finding(remedies=(r,))) for n, r in remedies.items()]
        return table(report(verdicts, hosts=[host(name) for name in remedies]), width=100)

    line = "to mend    apt-get install libssl3  (candidate 3.0.17-1, by the host's apt contents)\n"
    assert f"    {line}" in told(a=sure, b=sure)
    assert "to mend    a: apt-get install libssl3  (" in told(a=sure, b=dnf)
    assert "           b: dnf install openssl-libs  (" in told(a=sure, b=dnf)
    assert "to mend    a: apt-get install libssl3  (" in told(a=sure, b=by_rule)
    assert "to mend" not in told(a=by_rule)


def test_hosts_that_could_not_be_asked_stand_apart():
    """Their verdicts say nothing and get no row; status, cause and reasons stand once."""
    hosts = [
        lost_host("db-1"),
        lost_host("db-2", reason="192.0.2.2 port 22: connection refused"),
        lost_host("key", status="host-key", cause="host-key-unknown", reason="no key is known"),
    ]
    given = report([verdict(h.host, not_probed()) for h in hosts], hosts=hosts)

    assert (
        table(given)
        == """
./app: x86_64 executable, needs glibc 2.34

? unreachable (connection-refused): db-[1-2]
    db-1: 192.0.2.1 port 22: connection refused
    db-2: 192.0.2.2 port 22: connection refused
? host-key (host-key-unknown): key
    no key is known

0 deployable, 0 blocked, 3 unknown — 3 hosts, 1 binary, 1.9 s
  compare the host key's fingerprint with one you trust, then add the key to
  known_hosts (what ssh-keyscan prints is no proof)
  run again for the rest: -l 'db-[1-2],key'
"""
    )


def test_proof_against_a_host_that_was_not_asked_has_its_row():
    """A PE file needs no look at a host: blocked is blocked."""
    pe = finding(code="format-not-elf", subject="./app", message="a PE file", needed_by=None)
    text = table(report([verdict("a", pe)], hosts=[lost_host("a")]))

    assert "✗ blocked  a" in text
    assert "format-not-elf: a PE file" in text


def test_binaries_with_the_same_result_share_a_row():
    """97 programs that start everywhere are one row."""
    binaries = [binary(f"p{i}", i) for i in range(97)]
    verdicts = [verdict(name, number=i) for i in range(97) for name in ("a", "b")]

    rows = table(report(verdicts, binaries=binaries), width=100).splitlines()

    system = "Debian GNU/Linux 12, glibc 2.36, x86_64"
    assert f"✓ deployable  p0, p1, p2, p3 and 93 more  a, b       2  {system}" == rows[2]
    assert "p96" in table(report(verdicts, binaries=binaries), verbosity=1)


def test_the_same_finding_in_two_binaries_is_told_once():
    """Each program needs the library itself, so it is the same thing that is missing."""
    given = report(
        [
            verdict("a", finding(), path="./app"),
            verdict("a", finding(needed_by="./tool"), number=2, path="./tool"),
        ],
        binaries=[binary(), binary("tool", 2)],
    )

    text = table(given)

    assert "\n✗ app, tool on a\n" in text
    assert text.count("library-missing: ") == 1


def test_messages_may_name_the_program():
    """The program's name is no difference, as given, as started here or as installed."""
    as_given = finding(message="./app cannot start: ./app: error while loading")
    installed = finding(
        message="./tool cannot start: /opt/bin/tool: error while loading", needed_by="/opt/bin/tool"
    )
    verdicts = [verdict("a", as_given), verdict("a", installed, number=2, path="tool")]

    text = table(report(verdicts, binaries=[binary(), binary("tool", 2)]))

    assert "✗ app, tool on a\n" in text


def test_evidence_that_differs_is_named_its_hosts():
    """Hosts are not split by evidence unless asked; then nothing is said of the wrong host."""
    given = report([verdict("a", finding(evidence=("x",))), verdict("b", finding(evidence=("y",)))])

    assert "    evidence   of app on a:\n               x\n" in table(given)
    assert "✗ app on a\n" in table(given, verbosity=1)


def test_long_evidence_is_cut_unless_verbose():
    """Three lines are enough to see where this goes."""
    given = report([verdict("a", finding(evidence=tuple(f"/dir{i}" for i in range(9))))])

    assert "/dir2\n               and 6 more lines (-v)\n" in table(given)
    assert "/dir8\n" in table(given, verbosity=1)


def test_quiet_tells_of_failures_and_the_sum():
    """-q leaves out what is well, warnings and advice."""
    warning = finding(severity="warning", code="version-weak-missing")
    verdicts = [verdict("a"), verdict("b", finding()), verdict("c", warning)]

    text = table(report(verdicts), verbosity=-1)

    assert "library-missing: " in text
    assert "version-weak-missing" not in text
    assert "✓" not in text
    assert text.endswith("\n2 deployable, 1 blocked, 0 unknown — 3 hosts, 1 binary, 1.9 s\n")


def test_quiet_success_is_the_sum_alone():
    """With -q not even the program is introduced where it starts everywhere."""
    text = table(report([verdict("a")]), verbosity=-1)

    assert text == "\n1 deployable, 0 blocked, 0 unknown — 1 host, 1 binary, 1.9 s\n"


def test_warning_is_deployable_and_told():
    """A program that starts and may fail later has a row and a block of its own."""
    text = table(report([verdict("a", finding(severity="warning"))]))

    assert "! deployable  a" in text
    assert "! app on a\n  library-missing: " in text


def test_information_is_told_where_verbose():
    """That a host emulates splits no group and fills no screen, unless asked for."""
    info = finding(severity="info", code="emulated", message="qemu runs it")
    given = report([verdict("a", info), verdict("b")])

    assert "✓ deployable  a, b" in table(given)
    assert "emulated: qemu runs it" in table(given, verbosity=1, width=100)


def test_information_beside_a_failure_waits_for_verbosity():
    """A failure's block tells what fails."""
    info = finding(severity="info", code="emulated", message="qemu runs it")
    given = report([verdict("a", finding(), info)])

    assert "emulated" not in table(given)
    assert "emulated" in table(given, verbosity=1)


def test_results_stand_from_good_to_bad():
    """The rows end with the worst, next to the findings, which begin with it."""
    verdicts = [
        verdict("bad", finding()),
        verdict("odd", finding(severity="unknown")),
        verdict("fine"),
        verdict("so-so", finding(severity="warning")),
    ]

    rows = [line[:12] for line in table(report(verdicts)).splitlines()[3:7]]
    blocks = [line for line in table(report(verdicts)).splitlines() if " app on " in line]

    assert rows == ["✓ deployable", "! deployable", "? unknown   ", "✗ blocked   "]
    assert blocks == ["✗ app on bad", "? app on odd", "! app on so-so"]


def test_binaries_share_a_row_whatever_the_order_of_their_verdicts():
    """Threads end as they like; the same hosts are the same hosts."""
    verdicts = [verdict("a"), verdict("b"), verdict("b", number=2), verdict("a", number=2)]

    text = table(report(verdicts, binaries=[binary(), binary("tool", 2)]))

    assert "✓ deployable  app, tool  a, b       2" in text


def test_predicted_error_of_several_is_named_its_host():
    """Where the lines differ, by program or path, one stands for all and says whose it is."""
    given = report(
        [verdict(name, finding(), predicted_error=f"./app: {name}") for name in ("a", "b")]
    )

    assert "  a, of app, would say: ./app: a\n" in table(given)


def test_many_reasons_are_cut_unless_verbose():
    """Three hosts' reasons are enough to see what is wrong."""
    hosts = [lost_host(f"db-{i}", reason=f"reason {i}") for i in range(5)]

    assert "    db-2: reason 2\n    and 2 more (-v)\n" in table(report([], hosts=hosts))
    assert "    db-4: reason 4\n" in table(report([], hosts=hosts), verbosity=1)


def test_narrow_table_leaves_the_system_out():
    """In 40 columns hosts and results have the room."""
    text = table(report([verdict("web-1")]), width=40)

    assert "✓ deployable  web-1      1\n" in text


@pytest.mark.parametrize(
    ("libc", "said"), [("musl", "musl 1.2, glibc 2.36"), (None, "glibc 2.36, musl 1.2")]
)
def test_system_begins_with_the_program_s_libc(libc: str | None, said: str):
    """Of a host with two C libraries the one that the program needs is named first."""
    libcs = (Libc(LOADER, "x86_64", "glibc", "2.36"), Libc("/lib/ld", "x86_64", "musl", "1.2"))
    both = host("a", facts=facts(libcs=libcs))

    assert said in table(report([verdict("a")], binaries=[binary(libc=libc)], hosts=[both]))


def test_many_results_are_turned_around():
    """With more failures than one can read, each thing missing stands once."""
    binaries = [binary(f"p{i}", i) for i in range(12)]
    verdicts = [
        verdict(name, finding(), finding(subject=f"lib{i}.so"), number=i)
        for i in range(12)
        for name in ("a", "b")
    ]

    text = table(report(verdicts, binaries=binaries))

    assert "✗ blocked  p0, p1, p2, p3 and 8 more  a, b " in text
    assert "library-missing  24 verdicts\n  subject      binaries" in text
    assert "  libssl.so.3  p0, p1, p2, p3 and 8 more  a, b\n" in text
    assert "  lib7.so      p7                         a, b\n" in text
    assert "✗ p7 on a, b\n" in table(report(verdicts, binaries=binaries), verbosity=1)


def test_worst_and_most_frequent_causes_come_first():
    """Errors before unknowns, however many; of each, what hits most verdicts."""
    verdicts = [
        verdict(
            f"h{i}",
            finding(code="not-asked", severity="unknown", subject=f"u{i}"),
            finding(code="not-asked", severity="unknown", subject="u"),
            *([finding(code="rare")] if i == 0 else [finding(code="often")]),
        )
        for i in range(11)
    ]

    text = table(report(verdicts))

    headings = [line for line in text.splitlines() if line.endswith(("verdict", "verdicts"))]
    assert headings == ["often  10 verdicts", "rare  1 verdict", "not-asked  11 verdicts"]


def test_endless_causes_are_cut():
    """A hundred missing things are enough of each code."""
    verdicts = [verdict(f"h{i}", finding(subject=f"lib{i}.so")) for i in range(130)]

    assert "\n  and 30 more\n" in table(report(verdicts))


def test_many_hosts_with_gaps_are_cut_at_a_comma():
    """Every other host of many folds badly; their number says enough."""
    verdicts = [verdict(f"web-{i:04}", *([finding()] * (i % 2))) for i in range(1000)]

    text = table(report(verdicts), width=200)

    assert re.search(r"web-\[0001,0003,[0-9,]*\d{4}, … \(500 hosts\)", text)
    assert "0998" in table(report(verdicts), verbosity=1, width=200)


def test_explain_draws_the_libraries_as_a_tree():
    """A library hangs under what brought it in, a miss has the places that were tried."""
    hit = missing_library(name="libfoo.so", path="/opt/libfoo.so", rule="RUNPATH of ./app")
    miss = missing_library(needed_by=("libfoo.so",))
    given = report([verdict(name, finding(), libraries=(hit, miss)) for name in ("a", "b")])

    assert "└──" not in table(given)
    assert """
app on a, b
└── libfoo.so => /opt/libfoo.so [RUNPATH of ./app]
    └── libssl.so.3 not found
        └── /usr/lib/libssl.so.3: no such file [system directories]
""" in table(given, explain=True)


def test_explain_tells_once_where_was_looked():
    """The places of a miss stand in the tree alone; other evidence stays with its finding."""
    other = finding(code="machine-mismatch", subject="./app", evidence=("uname -m: i686",))
    bad = verdict("a", finding(evidence=("/usr/lib: not there",)), other)
    bad_with_tree = verdict("a", *bad.findings, libraries=(missing_library(),))

    text = table(report([bad_with_tree]), explain=True)

    assert "/usr/lib: not there" not in text
    assert "    evidence   uname -m: i686\n" in text
    assert "/usr/lib: not there" in table(report([bad_with_tree]))
    assert "/usr/lib: not there" in table(report([bad]), explain=True)


def test_library_of_the_program_hangs_at_the_root():
    """What the program itself brought in is not drawn below a library that needs it too."""
    one = missing_library(name="a.so", path="/a.so", needed_by=("./app",))
    two = missing_library(name="c.so", path="/c.so", needed_by=("./app", "/a.so"))
    text = table(report([verdict("a", libraries=(one, two))]), explain=True)

    assert "├── a.so => /a.so\n└── c.so => /c.so\n" in text


def test_libraries_that_need_each_other_make_a_tree():
    """A circle of libraries is drawn once."""
    one = missing_library(name="a.so", path="/a.so", needed_by=("./app", "/b.so"))
    two = missing_library(name="/b.so", path="/b.so", needed_by=("/a.so", "./app"))
    text = table(report([verdict("a", libraries=(one, two))]), explain=True)

    assert "└── a.so => /a.so\n    └── /b.so\n" in text


def test_ascii_view_shows_ascii():
    """Where the terminal cannot show Unicode, no sign, line or foreign name is Unicode."""
    given = report(
        [verdict("ä", finding(), libraries=(missing_library(),)), verdict("b")],
        hosts=[host("ä"), host("b"), lost_host("c")],
    )

    text = table(given, unicode=False, explain=True)

    assert text.isascii()
    assert "ok      b" in text
    assert "FAIL    \\xe4" in text
    assert "FAIL app on \\xe4" in text
    assert "`-- libssl.so.3 not found" in text
    assert "1 deployable, 1 blocked, 0 unknown - 3 hosts" in text


def test_color_is_by_result():
    """With color the bad is red and the good is green; without, not one escape is written."""
    given = report([verdict("a"), verdict("b", finding())])

    text = table(given, color=True)

    assert "\x1b[32m✓ deployable\x1b[0m" in text
    assert "\x1b[31m✗ blocked" in text
    assert "\x1b" not in table(given)


def test_environment_is_not_read(monkeypatch):
    """Width and color are the view's, whatever the environment says."""
    given = report([verdict("a", finding())])
    before = table(given), table(given, color=True)

    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")

    assert (table(given), table(given, color=True)) == before


def test_width_has_a_lower_bound():
    """A pseudo-terminal of no columns is one of twenty."""
    given = report([verdict("a", finding())])

    assert table(given, width=0) == table(given, width=20)


@pytest.mark.parametrize("width", [1, 20, 40, 80, 300])
def test_no_line_is_wider_than_the_view(width: int):
    """Down to 20 columns everything folds; the reader of a narrow pane loses nothing."""
    chain = [
        missing_library(name=f"lib{i}.so", path=f"/lib/lib{i}.so", needed_by=(f"lib{i - 1}.so",))
        for i in range(4)
    ]
    verdicts = [
        verdict("a" * 70, finding(message="x" * 200), libraries=tuple(chain)),
        verdict("lost", not_probed()),
    ]
    given = report(verdicts, hosts=[host("a" * 70), lost_host("lost")])

    lines = table(given, width=width, explain=True).splitlines()

    assert max(map(len, lines)) <= max(width, 20)
    assert all(line == line.rstrip() for line in lines)


def test_deep_tree_on_a_narrow_terminal_is_drawn():
    """A chain of libraries deeper than the terminal is wide is no reason to fail."""
    chain = tuple(
        missing_library(name=f"lib{i}.so", path=f"/lib/lib{i}.so", needed_by=(f"lib{i - 1}.so",))
        for i in range(40)
    )

    assert "lib0.so" in table(report([verdict("a", libraries=chain)]), explain=True, width=20)


def test_binaries_of_the_same_name_are_told_apart():
    """Two builds of one program are called by their paths."""
    binaries = [binary(path="x86/app"), binary(path="arm/app", number=2)]
    given = report([verdict("a"), verdict("a", finding(), number=2)], binaries=binaries)

    assert "✗ arm/app on a\n" in table(given)


def test_headline_says_what_the_binary_is():
    """One binary is introduced; what is no ELF file by its description."""
    isa = binary(x86_isa_needed="x86-64-v3", glibc_floor=GlibcFloor("2.28", ()))
    usual = binary(x86_isa_needed="x86-64", glibc_floor=None)
    script = binary(elf=None, description="a script for /bin/sh", glibc_floor=None)

    headline = "\n./app: x86_64 executable, needs glibc 2.28, needs x86-64-v3\n"
    assert table(report([], binaries=[isa])).startswith(headline)
    assert table(report([], binaries=[usual])).startswith("\n./app: x86_64 executable\n")
    assert table(report([], binaries=[script])).startswith("\n./app: a script for /bin/sh\n")
