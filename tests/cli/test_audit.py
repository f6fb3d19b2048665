"""Real hosts as an audit tells them, and what changed on them since."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from preflight.report.audit.schema import audit_schema

X86 = ("bullseye", "bookworm", "trixie")
POLICY = "PermitRootLogin no\nInclude sshd_config.d/*.conf\nMatch User ann\nPermitRootLogin yes\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def audited(fleet, preflight, cache, monkeypatch):
    """Return what an audit of hosts says as JSON; it fits the schema."""
    monkeypatch.setenv("XDG_CACHE_HOME", cache)

    def call(names: str, *options: object, status: int = 0) -> dict:
        place = ["-i", fleet.inventory, "-l", names, "-F", "none", "--format", "json"]
        result = preflight("audit", *place, *options)
        assert (result.status, result.err.count("error")) == (status, 0), result.err
        found = json.loads(result.out)
        jsonschema.validate(found, audit_schema())
        return found

    return call


def in_root(root, *command: str) -> str:
    done = subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def nodes(path) -> list[str]:
    """Return the versions that a library defines, as readelf sees them."""
    said = subprocess.run(["readelf", "-VW", path], capture_output=True, text=True, check=True)
    return re.findall(r"Flags: none.*Name: (\S+)", said.stdout)


def newest(found: list[str], kind: str) -> str:
    same = [one for one in found if re.fullmatch(rf"{kind}_[\d.]+", one)]
    return max(same, key=lambda one: [int(n) for n in re.findall(r"\d+", one)])


def test_values_are_what_the_tools_of_the_host_say(fleet, audited):
    """Page size, machine, packages, disks and the versions of the libraries in each root."""
    found = audited(",".join(X86))

    for host in found["hosts"]:
        root, facts = fleet.root(host["name"]), host["facts"]
        library = root / "lib/x86_64-linux-gnu"
        assert str(facts["page_size"]) == in_root(root, "getconf", "PAGESIZE")
        assert in_root(root, "dpkg", "--print-architecture") == "amd64"
        assert (facts["machine"], facts["package_managers"]) == ("x86_64", ["apt"])
        df = in_root(root, "df", "-Pk", "/").splitlines()[-1].split()
        disk = facts["disks"][0]
        assert (disk["point"], disk["size_bytes"]) == ("/", int(df[1]) << 10)
        offers = facts["offers"][0]
        own = [*nodes(library / "libc.so.6"), *nodes(library / "libpthread.so.0")]
        assert offers["nodes"]["GLIBC"] == newest(own, "GLIBC")
        stdcxx = (root / "usr/lib/x86_64-linux-gnu/libstdc++.so.6").resolve()
        assert offers["nodes"]["GLIBCXX"] == newest(nodes(stdcxx), "GLIBCXX")


def test_log_in_policy_and_files_for_secrets_are_told(fleet, audited):
    """What sshd's files say, and which secrets everybody may read: never what is in them."""
    root = fleet.root("bookworm")
    _write(root, "etc/ssh/sshd_config", POLICY)
    _write(root, "etc/ssh/sshd_config.d/a.conf", "PasswordAuthentication no\nUsePAM no\n")
    _write(root, "root/.ssh/id_rsa", "secret", 0o644)
    _write(root, "srv/shop/.env", "secret", 0o664)
    _write(root, "srv/shop/.env.example", "secret", 0o644)
    _write(root, "srv/shop/.netrc", "secret", 0o600)
    (root / "root").chmod(0o700)

    (host,) = audited("bookworm")["hosts"]
    (unasked,) = audited("bookworm", "--no-secrets")["hosts"]

    facts = host["facts"]
    assert facts["sshd"]["root"] == {"value": "no", "default": False}
    assert facts["sshd"]["matched"] == ["Match User ann: permitrootlogin yes"]
    assert facts["password_login"] is False
    assert facts["exposed"] == [{"path": "/srv/shop/.env", "mode": "0664", "uid": 0}]
    assert unasked["unknown"]["exposed"] == "it was not asked for"


def test_drift_names_what_changed_on_which_hosts(fleet, audited, preflight, tmp_path):
    """A replaced library and a changed setting of one host; another is new, one has gone."""
    facts, root = tmp_path / "facts.jsonl", fleet.root("trixie")
    _write(root, "etc/ssh/sshd_config", "PasswordAuthentication no\n")
    before = audited("trixie,bullseye,bookworm", "--save", facts)
    library = "usr/lib/x86_64-linux-gnu/libz.so.1"
    shutil.copy(fleet.root("bookworm") / library, (root / library).resolve())
    _write(root, "etc/ssh/sshd_config", "PasswordAuthentication yes\n")

    drift = audited("trixie,bullseye,musl", "--against", facts)["drift"]
    whole = yaml.safe_load(fleet.inventory.read_text())
    kept = {name: whole["hosts"][name] for name in ("trixie", "bullseye")}
    less = fleet.directory / "less.yaml"
    less.write_text(yaml.safe_dump({"defaults": whole["defaults"], "hosts": kept}))
    place = ["-i", less, "-l", "bullseye", "-F", "none"]
    failed = preflight("audit", *place, "--against", facts, "--fail-on", "drift")

    changes = {one["row"]: one for one in drift["changes"]}
    assert changes.keys() == {"libraries", "password", "password_login"}
    assert all(one["hosts"] == ["trixie"] for one in changes.values())
    assert re.fullmatch(r"libz\.so\.1 \w{12}", changes["libraries"]["before"])
    assert (changes["password"]["before"], changes["password"]["now"]) == ("no", "yes")
    assert (drift["new"], drift["vanished"]) == (["musl"], [])  # -l leaves hosts out
    assert failed.status == 1
    assert "  vanished: bookworm\n" in failed.out
    assert before["drift"] is None


def test_saved_facts_give_the_same_audit(audited, preflight, tmp_path):
    """Without a network, later, hosts are what they were, and nothing has changed."""
    facts = tmp_path / "facts.jsonl"
    online = audited("bookworm,musl", "--save", facts)

    result = preflight("audit", "--facts", facts, "--against", facts, "--format", "json")

    offline = json.loads(result.out)
    assert result.status == 0
    assert offline["drift"] == {"changes": [], "new": [], "vanished": [], "not_compared": []}
    for one, other in zip(online["hosts"], offline["hosts"], strict=True):
        assert one | {"groups": []} == other | {"groups": []}


def test_hosts_that_are_not_reached_are_told_with_the_cause(fleet, preflight, cache, monkeypatch):
    """The others are shown, and the status says that something is undetermined."""
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    place = ["-i", fleet.inventory, "-l", "bookworm,closed", "-F", "none"]

    result = preflight("audit", *place)

    assert result.status == 3
    assert "? closed: unreachable (connection-refused)" in result.out
    assert "1 host audited, of 1 kind, 1 host not reached" in result.out
    assert "GLIBC_2.36" in result.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--local", "--facts", "x"], "--local and --facts exclude each other"),
        (["--facts", "x", "--save", "y"], "--save and --facts exclude each other"),
        (["--local", "--fail-on", "drift"], "--fail-on drift has nothing to compare with"),
        (["--local", "--against", "absent"], "absent: No such file or directory"),
        (["--local", "--save", "no/such/place"], "there is no directory"),
    ],
)
def test_what_cannot_be_together_is_said_at_once(run, options, reason):
    """One line, before any host is asked."""
    result = run("audit", *options)

    assert result.status == 2
    assert reason in result.err


def _write(root, name: str, content: str, mode: int = 0o644) -> None:
    path = root / name
    for directory in (d for d in reversed(path.parents) if d.is_relative_to(root)):
        if not directory.exists():
            directory.mkdir()
            directory.chmod(0o755)
    path.write_text(content)
    path.chmod(mode)
