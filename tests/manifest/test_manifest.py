"""Manifests are read whole, or refused with a line and a hint."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from preflight.errors import ManifestError
from preflight.judge.requirements import KINDS
from preflight.manifest.manifest import discover, load, read
from preflight.manifest.schema import manifest_schema
from preflight.model import codec
from preflight.model.codes import CODES
from preflight.model.requirements import Requirements

EXAMPLE = Path(__file__).parent.parent.parent / "docs" / "preflight.example.yaml"


def accepts(text: str) -> bool:
    """Return whether the JSON Schema accepts the document."""
    return jsonschema.Draft202012Validator(manifest_schema()).is_valid(yaml.safe_load(text))


def fault(text: str) -> str:
    with pytest.raises(ManifestError) as caught:
        read(text.encode(), "preflight.yaml")
    return f"{caught.value.message} | {caught.value.hint}"


def test_the_example_is_read_whole():
    """Every kind of need that is documented stands in it, each with its line."""
    manifest = load(str(EXAMPLE))

    assert accepts(EXAMPLE.read_text())
    assert manifest.binaries == (
        str(EXAMPLE.parent / "dist/app"),
        str(EXAMPLE.parent / "dist/plugins") + "/",
    )
    assert manifest.start.install_path == "/opt/app/bin/"
    assert manifest.start.run_as == "app"
    assert manifest.start.env == (("LD_LIBRARY_PATH", "/opt/app/lib"),)
    python = next(need for need in manifest.needs if need.subject == "python3")
    assert (python.kind, python.value) == ("commands", ">=3.11")
    line = EXAMPLE.read_text().splitlines()[int(python.place.rpartition(":")[2]) - 1]
    assert "python3" in line


def test_the_page_shows_the_example():
    """docs/manifest.md has it word for word."""
    page = (EXAMPLE.parent / "manifest.md").read_text()
    _, _, example = EXAMPLE.read_text().partition("\n")

    assert f"\n```yaml\n{example}```\n" in page


def test_the_page_has_every_kind():
    """In its table, each with its finding."""
    page = (EXAMPLE.parent / "manifest.md").read_text()

    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
    assert [one for one in CODES if one.startswith("requirement-") and one not in page] == []


def test_needs_go_over_a_wire_as_they_are():
    """Processes and executors are told of them in JSON."""
    requirements = load(str(EXAMPLE)).requirements(3)

    assert requirements is not None
    assert codec.decode(codec.encode(requirements), Requirements) == requirements


def test_a_list_is_a_choice_and_may_be_one_text():
    """A release or a machine needs no brackets."""
    alone = read(b"requires: {system: {machine: x86_64}}", "m").needs
    several = read(b"requires: {system: {machine: [x86_64, aarch64]}}", "m").needs

    assert alone[0].all("value") == ("x86_64",)
    assert several[0].all("value") == ("x86_64", "aarch64")


def test_needs_alone_are_a_manifest_and_nothing_is_none():
    """Without binaries it is judged by its needs; without both it means nothing."""
    assert read(b"requires: {disk: {/opt: 1GiB}}", "m").binaries == ()
    assert read(b"binaries: [dist/app]", "m").requirements(2) is None
    assert fault("requires: {}\n").startswith("preflight.yaml:1: it names neither binaries nor")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("requires:\n  disc: {/opt: 1G}", ":2: unknown key 'disc' in 'requires' | did you mean"),
        ("bin: [a]", ":1: unknown key 'bin' in the manifest | the keys are binaries, install_path"),
        ("requires: {disk: {opt: 1G}}", ":1: a key of 'disk': 'opt' is not a path on the host"),
        ("requires: {disk: {/opt: lots}}", ":1: '/opt' of 'disk': 'lots' is not a size | write 50"),
        ("requires: {disk: {/opt: 2000}}", ":1: '/opt' of 'disk': '2000' is not a size"),
        ("requires: {disk: [/opt]}", ":1: 'disk' of 'requires' must be a mapping, not a list"),
        ('requires: {commands: {python3: "3.11"}}', "'3.11' is not a version condition | write "),
        ("requires: {system: {kernel: 5.4}}", """version condition | write ">=5.4", in quotes"""),
        ("requires: {ports_free: 8080}", "'ports_free' of 'requires' must be a list, not a number"),
        ("requires: {commands: {python3: >=3.11}}", ":1: not valid YAML"),
        ('requires: {commands: {"../sh": "*"}}', "'../sh' is not a command's name | write python3"),
        ('requires: {commands: {"-x": "*"}}', "'-x' is not a command's name"),
        ('requires: {commands: {"a;b": "*"}}', "'a;b' is not a command's name"),
        ("requires: {system: {kernal: 1}}", "unknown key 'kernal' in 'system'"),
        ("requires: {system: {release: [Debian 12]}}", "'Debian 12' is not a release | write "),
        ("requires: {system: {cpus: 0}}", "'0' is not a number from 1 on"),
        ("requires: {system: {memory: yes}}", "must be text, not a boolean"),
        ("binaries: [a, a]", ":1: 'a' stands twice in 'binaries' | keep one"),
        ("install_path: opt/app\nbinaries: [a]", ":1: 'install_path': 'opt/app' is not a path on"),
        ("start: {user: app}\nbinaries: [a]", ":1: unknown key 'user' in 'start'"),
        ("install_path: /a\nstart: {install_path: /b}", ":2: install_path stands in 'start', too"),
        ("a: 1\na: 2", ":2: 'a' stands twice in the manifest"),
        ("", ":1: the manifest is empty | write "),
        ("- a", ":1: the manifest must be a mapping, not a list"),
    ],
)
def test_faults_are_told_with_line_and_hint(text, said):
    """What is wrong, where, and what to write instead."""
    message = fault(text)

    assert message.startswith("preflight.yaml:")
    assert said in message
    assert not message.endswith("| None")


def test_conditions_without_quotes_are_recognised():
    """In YAML ">" begins a text of several lines."""
    assert fault("requires:\n  commands:\n    tar: >=1\n").endswith(
        'put a condition in quotes: ">=3.11"'
    )


def test_the_reader_and_the_schema_agree():
    """What one refuses the other refuses, for each key of the example and typos of it."""
    good = yaml.safe_load(EXAMPLE.read_text())
    for kind, value in good["requires"].items():
        assert accepts(json.dumps({"requires": {kind: value}})), kind
        typo = {"requires": {kind + "x": value}}
        nonsense = {"requires": {kind: "nonsense"}}
        for bad in (typo, nonsense):
            text = json.dumps(bad)
            assert not accepts(text), text
            fault(text)


@pytest.mark.parametrize(
    "requires",
    [
        {"disk": {"opt": "1GiB"}},
        {"disk": {"/opt": 5}},
        {"commands": {"a b": "*"}},
        {"commands": {"tar": "1"}},
        {"commands": {"tar": 1}},
        {"system": {"release": "Debian"}},
        {"system": {"cpus": 0}},
        {"system": {"cpus": 1.5}},
        {"system": {"memory": True}},
    ],
)
def test_neither_reader_nor_schema_takes_it(requires):
    """Wrong values are wrong to both."""
    text = json.dumps({"requires": requires})

    assert not accepts(text)
    fault(text)


def test_a_manifest_is_found_in_a_directory(tmp_path):
    """By its name alone."""
    assert discover(tmp_path) is None
    (tmp_path / "preflight.yaml").write_text("binaries: [a]")
    assert discover(tmp_path) == "preflight.yaml"


def test_what_cannot_be_read_is_said(tmp_path):
    """A file that is not there, a directory, a file that is no text."""
    with pytest.raises(ManifestError, match="no such file"):
        load(str(tmp_path / "none.yaml"))
    with pytest.raises(ManifestError, match="is a directory"):
        load(str(tmp_path))
    with pytest.raises(ManifestError, match="not UTF-8"):
        read(b"\xff\xfe", "m")
