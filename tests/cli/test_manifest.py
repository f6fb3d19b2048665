"""What an application needs besides its binary, asked of real hosts."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import ssl
import subprocess
import threading
import time
from types import SimpleNamespace

import pytest
import yaml

from preflight.probe import requests
from tests.hosts.fleet import Fleet
from tests.transport.scripted import half_open

MET, UNMET = "met.yaml", "unmet.yaml"


class Health(http.server.BaseHTTPRequestHandler):
    """Is well at /health, and at no other place."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path.startswith("/health") else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Quiet(http.server.ThreadingHTTPServer):
    """A server whose clients may leave in the middle of a handshake."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None):
    """Yield the port of a web server on the loopback."""
    server = Quiet(("127.0.0.1", 0), Health)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def self_signed(tmp_path) -> ssl.SSLContext:
    """Return what a server of an unknown certificate takes."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    argv += ["-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(argv, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def write(path, requires: dict, **more: object):
    path.write_text(yaml.safe_dump({"requires": requires, **more}))
    return path


def found(result) -> dict[str, dict[str, str]]:
    """Return "SEVERITY CODE: message" by subject, by host, of the manifest's verdicts."""
    report = json.loads(result.out)
    manifests = {one["id"] for one in report["binaries"] if one["format"] == "manifest"}
    return {
        verdict["host"]: {
            finding["subject"]: f"{finding['severity']} {finding['code']}: {finding['message']}"
            for finding in verdict["findings"]
        }
        for verdict in report["verdicts"]
        if verdict["binary"] in manifests
    }


def prepare(fleet: Fleet, *names: str) -> None:
    """Lay a file of an application on each host."""
    for name in names:
        file = fleet.root(name) / "etc/app.yaml"
        file.write_text("key: value\n")
        file.chmod(0o640)
        os.chown(file, 0, 0)


def test_every_kind_of_need_is_met_on_real_hosts(run, fleet: Fleet, tmp_path):
    """What these hosts have is asked for, and nothing is found wanting."""
    prepare(fleet, "bookworm", "sid")
    with serving() as port:
        requires = {
            "system": {
                "kernel": ">=3.2", "machine": "x86_64", "memory": "64MiB", "cpus": 1,
            },
            "disk": {"/opt/not/there/yet": "1MiB"},
            "mounts": {"/": ["exec", "rw"]},
            "commands": {"openssl": ">=1.1", "tar": "*", "bash": ">=5.0", "curl": ">=7.70"},
            "packages": {"bash": ">=5.0", "libc6": ">=2.36-1"},
            "files": {"/etc/app.yaml": {"mode": "0640", "owner": "root", "readable": True}},
            "users": ["root", "daemon"],
            "groups": ["daemon"],
            "limits": {"nofile": 64},
            "sysctl": {"kernel.ostype": "Linux", "kernel.pid_max": ">=300"},
            "ports_free": ["1/udp"],
            "reach": [f"127.0.0.1:{port}", f"http://127.0.0.1:{port}/health?x=1&y"],
            "clock": {"offset": "20s"},
        }  # fmt: skip
        manifest = write(tmp_path / MET, requires)
        options = ("-i", fleet.inventory, "-l", "bookworm,sid", "--format", "json")
        result = run("check", "--manifest", manifest, *options)
        again = run("check", "--manifest", manifest, *options)

    assert found(result) == {"bookworm": {}, "sid": {}}
    assert (result.status, again.status) == (0, 0)
    assert {host["rounds"] for host in json.loads(again.out)["hosts"]} <= {1, 2}


def test_every_kind_of_need_is_unmet_on_a_real_host(run, fleet: Fleet, tmp_path):
    """Each says what is there and what is needed; the release is that of the host."""
    prepare(fleet, "bookworm")
    with serving() as port:
        requires = {
            "system": {
                "release": ["debian>=99", "rhel>=8"], "kernel": ">=99", "machine": "s390x",
                "memory": "64TiB", "cpus": 4096,
            },
            "disk": {"/opt": "900TiB"},
            "mounts": {"/": "noexec"},
            "commands": {"openssl": ">=99", "python3": "*"},
            "packages": {"bash": ">=99:1", "no-such-package": "*"},
            "files": {"/etc/app.yaml": {"mode": "0600"}, "/etc/none": {}},
            "users": ["no-such-user"],
            "groups": ["no-such-group"],
            "limits": {"nofile": "unlimited"},
            "sysctl": {"kernel.pid_max": ">=99999999", "vm.no_such_setting": 1},
            "ports_free": [port],
            "reach": ["127.0.0.1:1"],
        }  # fmt: skip
        manifest = write(tmp_path / UNMET, requires)
        options = ("-i", fleet.inventory, "-l", "bookworm", "--format", "json")
        result = run("check", "--manifest", manifest, *options)
    said = found(result)["bookworm"]

    assert result.status == 1
    assert {line.split(":")[0].split()[0] for line in said.values()} == {"error"}
    wanted = [key for value in requires.values() for key in value]
    assert sorted(said) == sorted(map(str, wanted))
    assert said["release"] == (
        "error requirement-system: the system is Debian GNU/Linux 12 (bookworm), "
        "and debian>=99 or rhel>=8 is needed"
    )
    assert said["openssl"].startswith("error requirement-command: openssl is 3.0.")
    assert said["bash"].startswith("error requirement-package: bash is 5.2.15-2")
    assert said[str(port)].startswith(f"error requirement-port: port {port} is taken")


def test_a_clock_that_is_off_is_seen(run, fleet: Fleet, tmp_path, monkeypatch):
    """A host is an hour behind where our own clock is an hour ahead."""
    manifest = write(tmp_path / UNMET, {"clock": {"offset": "2s"}})
    ahead = SimpleNamespace(time=lambda: time.time() + 3600)
    monkeypatch.setattr(requests, "time", ahead)

    options = ("-i", fleet.inventory, "-l", "bookworm", "--format", "json")
    result = run("check", "--manifest", manifest, *options)

    said = re.search(r"the clock is (\d+)\.\d s behind", found(result)["bookworm"]["offset"])
    assert said is not None
    assert 3590 <= int(said[1]) <= 3600


@pytest.mark.slow
def test_ways_that_are_closed_are_told_apart(run, fleet: Fleet, tmp_path, self_signed):
    """Refused, silent, without a name, with a bad certificate, with a bad status; by four tools."""
    hosts = "bookworm,sid,bullseye,musl"
    with serving() as port, serving(self_signed) as tls, half_open() as silent:
        reach = [
            f"127.0.0.1:{port}",
            "127.0.0.1:1",
            f"127.0.0.1:{silent}",
            "no.such.invalid:5432",
            f"http://127.0.0.1:{port}/health",
            f"http://127.0.0.1:{port}/else",
            "http://127.0.0.1:1/",
            f"http://127.0.0.1:{silent}/",
            f"https://127.0.0.1:{tls}/health",
            "https://no.such.invalid/",
        ]
        manifest = write(tmp_path / UNMET, {"reach": reach})
        options = ("-i", fleet.inventory, "-l", hosts, "--format", "json")
        result = run("check", "--manifest", manifest, *options)
    said = found(result)

    def problems(host: str) -> list[str]:
        lines = (said[host].get(target, "reached") for target in reach)
        return [line.partition("is not reached: ")[2] or line for line in lines]

    tcp = ["reached", "the connection is refused", "it does not answer in time"]
    name = "its name cannot be resolved"
    web = ["reached", "it answers HTTP 503", "the connection is refused"]
    whole = [*tcp, name, *web, "it does not answer in time", "TLS fails", name]
    for host in ("bookworm", "sid", "bullseye"):
        assert problems(host) == whole, host
    assert problems("musl")[:4] == [*tcp, name]
    assert all("was not tried: the host has none of curl" in line for line in problems("musl")[4:])


def test_saved_facts_answer_for_what_was_asked(run, fleet: Fleet, tmp_path):
    """Judged later and offline alike; a need that nobody asked about is open."""
    options = ("-i", fleet.inventory, "-l", "bookworm")
    manifest = write(tmp_path / MET, {"commands": {"tar": "*"}, "users": ["nobody-there"]})
    facts = tmp_path / "facts.jsonl"
    run("probe", "--manifest", manifest, *options, "--save", facts)
    later = run("check", "--manifest", manifest, "--facts", facts, "--format", "json")
    write(manifest, {"commands": {"tar": "*", "gzip": "*"}})
    more = run("check", "--manifest", manifest, "--facts", facts, "--format", "json")

    assert list(found(later)["bookworm"]) == ["nobody-there"]
    assert (later.status, more.status) == (1, 3)
    assert "not-asked" in next(iter(found(more)["bookworm"].values()))


def test_binaries_and_needs_are_judged_together(run, program, tmp_path):
    """Found in the working directory; binaries of the command line replace its own."""
    program("app")
    manifest = {"binaries": ["app"], "install_path": "/opt/", "start": {"run_as": "root"}}
    write(tmp_path / "preflight.yaml", {"commands": {"no-such-command": "*"}}, **manifest)
    together = run("check", "--local", "--format", "json")
    other = run("check", "--local", "/bin/true", "--format", "json")
    without = run("check", "--local", "--manifest", "none", "app")

    paths = [one["path"] for one in json.loads(together.out)["binaries"]]
    assert paths == ["app", "preflight.yaml"]
    assert json.loads(other.out)["binaries"][0]["path"] == "/bin/true"
    assert (together.status, without.status) == (1, 0)
    assert "preflight.yaml: what this application needs counts, too" in together.err


def test_needs_alone_go_through_every_format(run, tmp_path):
    """A manifest stands in a report like a binary; a host that lacks something is not named."""
    write(tmp_path / "preflight.yaml", {"commands": {"no-such-command": "*"}})
    result = run(
        "check", "--local", "--format", "names", "--format", "table=t", "--format", "jsonl=l"
    )
    again = run("report", "l", "--format", "table")

    assert (result.status, result.out) == (1, "")
    table = (tmp_path / "t").read_text()
    assert "requirement-command: no-such-command is not there, and it is needed" in table
    assert "1 host, 0 binaries, 1 manifest" in table
    assert "no-such-command" in again.out


def test_a_binary_that_is_not_there_is_told_with_its_line(run, tmp_path):
    """Whoever mistyped it in the manifest finds it there."""
    (tmp_path / "preflight.yaml").write_text("binaries:\n  - dist/ap\n")

    result = run("check", "--local")

    assert result.status == 2
    assert "error: preflight.yaml:2: dist/ap: no such file" in result.err


def test_without_binary_and_manifest_there_is_nothing_to_check(run):
    """An error that says what to name."""
    result = run("check", "--local")

    assert result.status == 2
    assert "there is nothing to check" in result.err
    assert "--manifest FILE" in result.err


def test_a_manifest_that_anybody_may_have_written_is_not_found(run, tmp_path):
    """It has to be named, or left out; neither reading it nor passing over it would be safe."""
    write(tmp_path / "preflight.yaml", {"commands": {"tar": "*"}})
    tmp_path.chmod(0o777)
    found = run("check", "--local")
    named = run("check", "--local", "--manifest", "preflight.yaml")

    assert (found.status, named.status) == (2, 0)
    assert f"preflight.yaml is not read: {tmp_path} is writable for everyone" in found.err


def test_a_fault_of_a_manifest_ends_before_any_host_is_asked(run, tmp_path):
    """With its line and a hint."""
    (tmp_path / "preflight.yaml").write_text("requires:\n  comands: {tar: '*'}\n")
    result = run("check", "-i", "web-1,")

    assert result.status == 2
    assert "preflight.yaml:2: unknown key 'comands' in 'requires'" in result.err
    assert "did you mean 'commands'?" in result.err
