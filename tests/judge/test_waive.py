"""What is accepted for now is told, and does not decide."""

from __future__ import annotations

from msgspec import structs

from preflight.judge.waive import concerns, names_host, waive
from preflight.model.verdict import Finding, Verdict, Waived
from preflight.model.waiver import Waiver
from tests.builders import host as h

WAIVED = Waived(reason="OPS-1", expires="2027-01-31", place="w.yaml:1")


def a_waiver(**fields: object) -> Waiver:
    values = {"code": "library-missing", "hosts": ("*",), "reason": "OPS-1"}
    return Waiver(**(values | {"expires": "2027-01-31", "place": "w.yaml:1"} | fields))


def finding(code: str = "library-missing", severity: str = "error", subject: str = "liba.so"):
    return Finding(code=code, severity=severity, subject=subject, message="gone")


def verdict(*findings: Finding, binary: str = "b1", path: str = "dist/app") -> Verdict:
    return Verdict(
        host="web-1",
        binary=binary,
        path=path,
        outcome="blocked",
        predicted_error="cannot open",
        predicted_exit=127,
        findings=findings,
    )


def waived(one: Verdict, *waivers: Waiver, groups=()) -> Verdict:
    return waive([one], waivers, [h.requirements(None)], groups)[0]


def test_a_waived_finding_stays_and_does_not_block():
    """It keeps its severity and says why it does not count; no failure is predicted."""
    result = waived(verdict(finding()), a_waiver())

    assert result.findings == (structs.replace(finding(), waived=WAIVED),)
    assert (result.outcome, result.predicted_error) == ("deployable", None)


def test_what_is_not_waived_still_decides():
    """One error of two, an unknown beside a waived error."""
    both = verdict(finding(), finding("version-missing", subject="libc.so.6:GLIBC_2.38"))
    open_too = verdict(finding(), finding("undecided", "unknown"))

    assert waived(both, a_waiver()).outcome == "blocked"
    assert waived(both, a_waiver()).predicted_error == "cannot open"
    assert waived(open_too, a_waiver()).outcome == "unknown"
    assert waived(open_too, a_waiver(code="*")).outcome == "deployable"


def test_a_waiver_means_what_its_patterns_say():
    """Code, host, binary and subject have to fit, all of them."""
    one = verdict(finding())

    for fields in (
        {"code": "version-missing"},
        {"hosts": ("db-*",)},
        {"binaries": ("other",)},
        {"subject": "libb*"},
    ):
        assert waived(one, a_waiver(**fields)) == one, fields
    for fields in (
        {"code": "library-*"},
        {"hosts": ("db-*", "web-[01:20]", "web-[1:20]")},
        {"binaries": ("dist/*",)},
        {"binaries": ("app",)},
        {"subject": "liba.*"},
    ):
        assert waived(one, a_waiver(**fields)).outcome == "deployable", fields


def test_hosts_are_named_by_groups_too():
    """As in patterns of --limit, "all" is every host."""
    assert names_host(a_waiver(hosts=("legacy",)), "web-1", ("legacy",))
    assert names_host(a_waiver(hosts=("all",)), "web-1", ())
    assert not names_host(a_waiver(hosts=("legacy",)), "web-1", ("web",))


def test_a_host_that_was_not_asked_is_never_waived():
    """Nobody knows what would be accepted; mere information needs no waiver."""
    lost = verdict(finding("host-not-probed", "unknown", "web-1"))
    told = verdict(finding("emulated", "info"))

    assert waived(lost, a_waiver(code="*")).findings[0].waived is None
    assert waived(told, a_waiver(code="*")).findings[0].waived is None


def test_earlier_waivers_are_forgotten():
    """A result that is taken over counts by the waivers of today."""
    before = structs.replace(
        verdict(structs.replace(finding(), waived=WAIVED)), outcome="deployable"
    )

    assert waived(before).outcome == "blocked"


def test_a_bundle_follows_its_members():
    """Where all that blocks a member is waived, the bundle is not blocked by it."""
    bundle = h.requirements(None, id="b1", path="dist/plugins/", format="directory")
    member = h.requirements(None, id="b1/1", member_of="b1", inner="x.so", path="dist/plugins/x.so")
    whole = verdict(finding("member-blocked", subject="x.so"), path="dist/plugins/")
    part = verdict(finding(), binary="b1/1", path="dist/plugins/x.so")

    def outcomes(*waivers: Waiver, more: tuple[Finding, ...] = ()) -> list[str]:
        inside = structs.replace(part, findings=(*part.findings, *more))
        return [v.outcome for v in waive([whole, inside], waivers, [bundle, member])]

    assert outcomes() == ["blocked", "blocked"]
    assert outcomes(a_waiver(binaries=("x.so",))) == ["deployable", "deployable"]
    assert outcomes(a_waiver(), more=(finding("version-missing"),)) == ["blocked", "blocked"]


def test_a_waiver_concerns_hosts_and_binaries_of_the_run():
    """Only where both are there it can be said to be of no use."""
    binaries = [h.requirements(None)]

    assert concerns(a_waiver(), "web-1", (), binaries)
    assert not concerns(a_waiver(hosts=("db-1",)), "web-1", (), binaries)
    assert not concerns(a_waiver(binaries=("other",)), "web-1", (), binaries)
