"""Waivers are read whole, or refused with a line and a hint."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from preflight.errors import ManifestError
from preflight.manifest.manifest import read
from preflight.manifest.schema import manifest_schema
from preflight.manifest.waivers import read_waivers

ONE = "{code: requirement-disk, host: 'web-*', reason: OPS-1, expires: 2027-01-31}"


def fault(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        read_waivers(text.encode(), "w.yaml")
    return f"{caught.value.message} | {caught.value.hint}"


def test_a_list_alone_or_under_its_key():
    """Both are one waiver; patterns may be one or several."""
    alone = read_waivers(f"- {ONE}".encode(), "w.yaml")
    keyed = read_waivers(f"waivers:\n- {ONE}".encode(), "w.yaml")
    more = ONE.replace("'web-*'", "[a, b], binary: [app, 'dist/*'], subject: /opt")

    assert [(w.code, w.hosts, w.binaries, w.reason, w.expires, w.place) for w in alone] == [
        ("requirement-disk", ("web-*",), ("*",), "OPS-1", "2027-01-31", "w.yaml:1")
    ]
    assert keyed[0].place == "w.yaml:2"
    several = read_waivers(f"- {more}".encode(), "w.yaml")[0]
    assert (several.hosts, several.binaries, several.subject) == (
        ("a", "b"),
        ("app", "dist/*"),
        "/opt",
    )


def test_a_manifest_may_have_its_own():
    """Beside the code; its schema knows them."""
    text = f"binaries: [app]\nwaivers:\n- {ONE}\n"
    schema = jsonschema.Draft202012Validator(manifest_schema())
    quoted = yaml.safe_load(text.replace("2027-01-31", "'2027-01-31'"))

    assert [waiver.place for waiver in read(text.encode(), "m.yaml").waivers] == ["m.yaml:3"]
    assert schema.is_valid(quoted)
    del quoted["waivers"][0]["reason"]
    assert not schema.is_valid(quoted)


@pytest.mark.parametrize(
    ("waiver", "said"),
    [
        (ONE.replace(", reason: OPS-1", ""), "w.yaml:1: a waiver has no reason | the keys are"),
        (ONE.replace(", expires: 2027-01-31", ""), "a waiver has no expires"),
        (ONE.replace("code: requirement-disk, ", ""), "a waiver has no code"),
        (ONE.replace("host: 'web-*', ", ""), "a waiver has no host"),
        (ONE.replace("OPS-1", "''"), "'reason' of a waiver: '' is not a reason"),
        (ONE.replace("2027-01-31", "2027-02-30"), "'2027-02-30' is no day of a calendar | write"),
        (ONE.replace("2027-01-31", "soon"), "'soon' is not a date | write 2027-01-31"),
        (ONE.replace("-disk", "-disc"), "there is no finding 'requirement-disc' | did you mean 'r"),
        (ONE.replace("requirement-disk", "host-not-probed"), "cannot be waived: nothing is known"),
        (ONE.replace("host:", "hosts:"), "unknown key 'hosts' in a waiver | did you mean 'host'?"),
        (ONE.replace("web-*", "web-[9:1]"), "write a range as"),
    ],
)
def test_faults_are_told_with_line_and_hint(waiver, said):
    """Reason and expiry are not optional, and a typo waives nothing."""
    assert said in fault(f"- {waiver}\n")


def test_a_file_that_is_none_is_refused():
    """Another key, nothing at all, no list."""
    assert "unknown key 'waiver' in the waiver file | did you mean 'waivers'?" in fault(
        "waiver: []"
    )
    assert "w.yaml:1: the waiver file is empty" in fault("")
    assert "'waivers' must be a list" in fault("waivers: {}")
