"""Reports that other programs consume, read by those programs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import junitparser
import msgspec
import pytest
from jsonschema import Draft7Validator

from preflight.model.verdict import Remedy
from preflight.report import FORMATS, View
from preflight.report.causes import causes
from tests.builders.report import binary, finding, host, lost_host, not_probed, report, verdict
from tests.conftest import skip_or_fail
from tests.hosts import artefacts
from tests.hosts.needs import missing
from tests.report.test_hostile_text import HOSTILE, poisoned_report

WARNING = finding(severity="warning", code="symbol-missing-lazy", message="SSL_x is not there")


def fleet():
    """Return a report with each outcome, a warning, and a host that was lost."""
    return report(
        [
            verdict("web-1"),
            verdict("web-2", WARNING),
            verdict("db-1", finding(), predicted_error="./app: error while loading <libs> & co"),
            verdict("db-2", finding()),
            verdict("lost", not_probed()),
            verdict("web-1", number=2),
        ],
        binaries=[binary(), binary("tool", 2)],
        hosts=[*map(host, ("web-1", "web-2", "db-1", "db-2")), lost_host("lost")],
    )


def rendered(name: str, given=None) -> str:
    """Return the report in one of the formats."""
    return "".join(FORMATS[name](given or fleet(), View()))


def many(number: int):
    """Return a report with so many different findings, each on one host."""
    return report(
        [verdict(f"h{i}", finding(subject=str(i), message=str(i))) for i in range(number)]
    )


def fetched_schema(name: str) -> Path:
    """Return the file of a schema; skips where nobody may fetch it."""
    if reason := missing():
        skip_or_fail(reason)
    return artefacts.schema(name)


def test_bundle_stands_for_its_members():
    """A member's finding is told by the bundle's own, not twice."""
    given = fleet()
    members = (given.binaries[0], msgspec.structs.replace(binary("tool", 2), member_of="b1"))

    found = causes(msgspec.structs.replace(given, binaries=members))

    assert {cause.binary for cause in found} == {"b1"}


def test_causes_are_folded_and_ordered():
    """One finding of two hosts stands once; errors come before what is unknown."""
    found = [(cause.finding.severity, cause.hosts) for cause in causes(fleet())]

    assert found == [
        ("error", ("db-1", "db-2")),
        ("unknown", ("lost",)),
        ("warning", ("web-2",)),
    ]


def test_junit_is_read_by_its_consumers():
    """A suite for each binary, a case for each host: failures are blocked, errors unknown."""
    suites = list(junitparser.JUnitXml.fromstring(rendered("junit").encode()))

    app, tool = suites
    assert [(s.name, s.tests, s.failures, s.errors) for s in suites] == [
        ("./app", 5, 2, 1),
        ("./tool", 1, 0, 0),
    ]
    assert [type(case.result[0]).__name__ if case.result else "" for case in app] == [
        "",
        "",
        "Failure",
        "Failure",
        "Error",
    ]
    failure = next(case for case in app if case.name == "db-1").result[0]
    assert failure.type == "library-missing"
    assert "the host would say: ./app: error while loading <libs> & co" in failure.text
    assert tool.timestamp == "2026-01-02T03:04:05"


@pytest.mark.skipif(not shutil.which("xmllint"), reason="needs libxml2-utils")
@pytest.mark.parametrize("text", HOSTILE)
def test_junit_is_well_formed_whatever_hosts_say(text: str):
    """Controls and markup of hosts are no XML."""
    document = rendered("junit", poisoned_report(text))

    checked = subprocess.run(
        ["xmllint", "--noout", "-"], input=document.encode(), capture_output=True, check=False
    )

    assert (checked.returncode, checked.stderr) == (0, b"")


@pytest.mark.slow
def test_junit_is_valid_by_the_schema_of_ci_servers(tmp_path):
    """Each attribute and element stands where Jenkins' xUnit plug-in has it."""
    file = tmp_path / "junit.xml"
    for given in (fleet(), many(3), *map(poisoned_report, HOSTILE)):
        file.write_text(rendered("junit", given), "utf-8")

        checked = subprocess.run(
            ["xmllint", "--noout", "--schema", fetched_schema("junit-10.xsd"), file],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (checked.returncode, checked.stderr) == (0, f"{file} validates\n")


@pytest.mark.slow
def test_sarif_is_valid_by_its_schema():
    """Every key is one of SARIF 2.1.0, whatever hosts say."""
    document = json.loads(fetched_schema("sarif-2.1.0.json").read_text("utf-8"))
    validator = Draft7Validator(document)

    for given in (fleet(), many(3), *map(poisoned_report, HOSTILE)):
        assert [*validator.iter_errors(json.loads(rendered("sarif", given)))] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs prometheus")
def test_prometheus_is_clean():
    """Promtool finds nothing to complain of, also in hostile text."""
    for given in (fleet(), *map(poisoned_report, HOSTILE)):
        checked = subprocess.run(
            ["promtool", "check", "metrics"],
            input=rendered("prometheus", given).encode(),
            capture_output=True,
            check=False,
        )

        assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_prometheus_tells_each_verdict_and_the_sums():
    """An alert can be made on one host, on a binary and on a code."""
    lines = rendered("prometheus").splitlines()

    assert 'preflight_verdict{host="db-1",binary="./app",outcome="blocked"} 1' in lines
    assert 'preflight_verdicts{binary="./app",outcome="deployable"} 2' in lines
    assert 'preflight_findings{binary="./app",code="library-missing",severity="error"} 2' in lines
    assert 'preflight_hosts{status="unreachable"} 1' in lines
    assert "preflight_run_start_time_seconds 1767323045" in lines
    assert "preflight_run_complete 1" in lines


@pytest.mark.slow
def test_sarif_is_read_by_its_consumers(tmp_path):
    """sarif-tools counts the errors, warnings and notes that the report has."""
    file = tmp_path / "preflight.sarif"
    file.write_text(rendered("sarif"))

    summary = subprocess.run(
        [Path(sys.executable).with_name("sarif"), "summary", file],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert re.findall(r"^(\w+): (\d+)$", summary, re.MULTILINE) == [
        ("error", "1"),
        ("warning", "1"),
        ("note", "1"),
    ]


def test_sarif_names_rule_file_and_hosts():
    """A result points at its rule and at the binary, and says on which hosts."""
    run = json.loads(rendered("sarif"))["runs"][0]

    result = run["results"][0]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    assert (rule["id"], result["ruleId"], result["level"]) == (
        "library-missing",
        "library-missing",
        "error",
    )
    location = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location == {"uri": "app"}
    assert result["properties"]["hosts"] == ["db-1", "db-2"]
    assert "on db-[1-2]" in result["message"]["text"]


@pytest.mark.slow
def test_sarif_leaves_out_what_nobody_shows():
    """More than 5,000 results are cut, and the log says so."""
    run = json.loads(rendered("sarif", many(5003)))["runs"][0]

    assert len(run["results"]) == 5000
    note = run["invocations"][0]["toolExecutionNotifications"][0]
    assert note["message"]["text"] == "3 more results were left out"


def test_fingerprints_stay_from_run_to_run():
    """A finding is the same finding when it reaches another host."""
    one = report([verdict("a", finding())])
    two = report([verdict("a", finding()), verdict("b", finding())])

    prints = [json.loads(rendered("gitlab", given))[0]["fingerprint"] for given in (one, two)]

    assert prints[0] == prints[1]


def test_gitlab_has_what_its_manual_asks_for():
    """Each issue has description, check name, fingerprint, severity, path and line."""
    issues = json.loads(rendered("gitlab"))

    assert [(i["check_name"], i["severity"]) for i in issues] == [
        ("library-missing", "blocker"),
        ("host-not-probed", "major"),
        ("symbol-missing-lazy", "minor"),
    ]
    assert issues[0]["location"] == {"path": "app", "lines": {"begin": 1}}
    assert len({issue["fingerprint"] for issue in issues}) == 3


def test_github_annotations_are_commands():
    """Errors, warnings and the sum; line ends and per cents are escaped as the runner wants."""
    remedy = Remedy(where="host", text="100%: a,b", command="x", certainty="stated")
    given = report([verdict("a", finding(remedies=(remedy,)))])

    assert rendered("github", given) == (
        "::error title=./app%3A library-missing::library-missing: libssl.so.3 was not found"
        " (needed by ./app) on a%0A100%25: a,b: x\n"
        "::notice title=preflight::0 deployable, 1 blocked, 0 unknown: 1 host, 1 binary\n"
    )


@pytest.mark.parametrize("text", [*HOSTILE, "a\n::set-env name=x::y", "::error::forged"])
def test_github_obeys_no_host(text: str):
    """Each line is one of preflight's own commands, whatever a host says."""
    lines = rendered("github", poisoned_report(text)).splitlines()

    assert all(re.match(r"::(error|warning|notice) title=", line) for line in lines)


def test_github_shows_ten_of_a_kind_at_most():
    """The tenth annotation counts those that the runner would drop."""
    lines = rendered("github", many(30)).splitlines()

    assert len([line for line in lines if line.startswith("::error ")]) == 10
    assert lines[9].endswith("::and 21 more; see the step's summary")


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.outside = ""
        self._depth = 0

    def handle_starttag(self, tag, attrs):  # noqa: ARG002
        self.tags.add(tag)
        self._depth += tag == "code"

    def handle_endtag(self, tag):
        self._depth -= tag == "code"

    def handle_data(self, data):
        if not self._depth:
            self.outside += data


def as_github_shows(markdown: str) -> _Elements:
    """Return the elements and the text outside of code, as GitHub's own renderer makes them."""
    elements = _Elements()
    with_html = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE  # GitHub keeps most of it
    elements.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options=with_html))
    return elements


def test_markdown_folds_the_findings_away():
    """The table has a row for each result; what is missing is under it."""
    text = rendered("markdown")

    shown = as_github_shows(text)
    assert {"table", "details", "summary", "code"} <= shown.tags
    assert "| ❌ blocked | `./app` | `db-[1-2]` | 2 |" in text
    assert "- `library-missing`: `libssl.so.3 was not found`, needed by `./app`" in text
    assert "- not asked, `connection-refused`: `lost`" in text


@pytest.mark.parametrize(
    "text",
    [
        *HOSTILE,
        "<script>alert(1)</script>",
        "`</code><img src=x>`",
        "``` | @everyone #1 http://example.org",
        "|a|b|\\|c",
        "</summary></details>",
        "`",
        " ",
    ],
)
def test_markdown_holds_no_markup_of_hosts(text: str):
    """Mentions, links, HTML and table cells of hosts stay text in code."""
    shown = as_github_shows(rendered("markdown", poisoned_report(text)))

    assert shown.tags <= {
        *("h3", "p", "table", "thead", "tbody", "tr", "th", "td"),
        *("details", "summary", "code", "ul", "li"),
    }
    assert "@everyone" not in shown.outside
    assert "example.org" not in shown.outside


def test_markdown_fits_into_a_comment():
    """A thousand results are cut below GitHub's limit, and counted."""
    text = rendered("markdown", many(1000))

    assert len(text) < 65536
    assert re.search(r"\n\d+ more parts did not fit into a comment", text)
