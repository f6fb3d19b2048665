"""Each kind of need, met and unmet, by answers as hosts give them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from preflight.judge import judge
from preflight.judge.requirements import KINDS, clock, limit, port, reach
from preflight.judge.requirements.name import number_of
from preflight.judge.requirements.package import parse
from preflight.model.question import Absent, BytesContent, Failed, ReadBytes, Said, Stat
from preflight.model.snapshot import Mount, Snapshot
from preflight.model.start import Start
from tests.builders import host as h
from tests.judge.requirements.needs import findings, manifest, need, outcome, said

MOUNTS = (
    Mount("/", "/dev/vda", "ext4", ("rw",)),
    Mount("/tmp", "tmpfs", "tmpfs", ("rw", "nosuid", "noexec")),
    Mount("/data", "/dev/vdb", "xfs", ("ro",)),
)
APP = said("name", "passwd", "app", text="getent\napp:x:999:998::/opt/app:/bin/false\n\nexit 0")
LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max stack size            8388608              unlimited            bytes     \n"
    "Max processes             15041                15041                processes \n"
    "Max open files            1024                 1048576              files     \n"
)
TCP = (
    "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 1\n"
    "   1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 2\n"
)


def mounted(path: str, real: str | None = None) -> dict:
    return {Stat(path): h.state(mode=0o040755, real=real or path)}


def test_options_of_a_mount_and_their_opposites():
    """What is not forbidden is allowed; a link leads to another mount."""
    tmp, data = mounted("/tmp"), mounted("/data")

    assert outcome(need("mounts", "/tmp", "nosuid or rw"), tmp, mounts=MOUNTS) == "met"
    assert outcome(need("mounts", "/tmp", "exec"), tmp, mounts=MOUNTS) == (
        "error: /tmp is not mounted exec, and that is needed"
    )
    assert outcome(need("mounts", "/data/", "mountpoint"), data, mounts=MOUNTS) == "met"
    assert outcome(need("mounts", "/data", "rw"), data, mounts=MOUNTS).startswith("error: ")
    linked = mounted("/opt", real="/data/opt")
    assert outcome(need("mounts", "/opt", "rw"), linked, mounts=MOUNTS).startswith("error: ")
    assert outcome(need("mounts", "/opt", "rw"), mounts=MOUNTS).startswith("error: /opt is not th")
    untold = {Stat("/data"): structs.replace(h.state(mode=0o040755), real="")}
    assert outcome(need("mounts", "/data", "ro"), untold, mounts=MOUNTS) == "met"


def test_mounts_that_nobody_could_see_are_unknown():
    """A host whose /proc is not mounted."""
    assert outcome(need("mounts", "/tmp", "exec"), mounts=None).startswith("unknown: how /tmp is")


def test_users_and_groups_are_those_that_programs_see():
    """Who getent does not find is not there; without it nobody knows."""
    nobody = said("name", "passwd", "app", text="getent\n\nexit 2")
    file = said("name", "group", "app", text="")

    assert outcome(need("users", "app"), APP) == "met"
    assert outcome(need("users", "app"), nobody) == "error: there is no user app, and it is needed"
    assert outcome(need("groups", "app"), file).startswith("unknown: whether there is a group app")
    assert number_of(Said("app:x:5:"), "app") == 5
    assert isinstance(number_of(Said("getent\nx\n\nexit 137"), "app"), Failed)


def file(state: int = 0o100640, uid: int = 999) -> dict:
    return {Stat("/etc/app.yaml"): h.FileState(state, uid, 998, 1, 1, 9, 0, 0, "/etc/app.yaml")}


@pytest.mark.parametrize(
    ("wanted", "result"),
    [
        ({}, "met"),
        ({"mode": "0640", "owner": "app", "type": "file"}, "met"),
        ({"mode": "640"}, "met"),
        ({"mode": "0600"}, "error: /etc/app.yaml has the mode 0640, and 0600 is needed"),
        ({"type": "directory"}, "error: /etc/app.yaml is a file, and a directory is needed"),
    ],
)
def test_a_file_is_as_it_has_to_be(wanted, result):
    """Type, mode and owner, of which each may be left out."""
    assert outcome(need("files", "/etc/app.yaml", **wanted), APP | file()) == result


def test_a_mode_has_four_digits():
    """The set-uid bit and its like count, too."""
    one = need("files", "/etc/app.yaml", mode="0755")

    assert outcome(one, file(0o104755)) == (
        "error: /etc/app.yaml has the mode 4755, and 0755 is needed"
    )


def test_the_owner_of_a_file_is_asked_of_the_host():
    """By name, as its own database has it."""
    one = need("files", "/etc/app.yaml", owner="app")

    assert outcome(one, APP | file(uid=0)) == (
        "error: /etc/app.yaml belongs to the user 0, and app (999) is needed"
    )
    nobody = said("name", "passwd", "app", text="getent\n\nexit 2")
    assert outcome(one, nobody | file()).endswith("the user app, which is not there")
    untold = said("name", "passwd", "app", text="")
    assert outcome(one, untold | file()).startswith("unknown: ")


def test_a_file_is_readable_for_who_starts_the_program():
    """Not for who looked; what hangs on groups that are not known is unknown."""
    passwd = b"app:x:999:998::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n"
    host = {
        ReadBytes("/etc/passwd"): BytesContent(h.state(), "", passwd),
        ReadBytes("/etc/group"): BytesContent(h.state(), "", b""),
        Stat("/etc"): h.state(mode=0o040755, real="/etc"),
        Stat("/"): h.state(mode=0o040755, real="/"),
    } | file()
    one = need("files", "/etc/app.yaml", readable="true")

    assert outcome(one, host, Start(run_as="app")) == "met"
    assert outcome(one, host, Start(run_as="web")) == (
        "error: web may not read /etc/app.yaml, and has to be able to"
    )
    assert outcome(one, host, Start(run_as="ldap")).startswith("unknown: ")
    assert outcome(one, host, uid=0) == "met"
    assert outcome(need("files", "/etc/app.yaml", readable="false"), host, uid=0) == (
        "error: root may read /etc/app.yaml, and must not be able to"
    )


def test_a_file_that_could_not_be_looked_at_is_unknown():
    """A refusal is no absence."""
    refused = {Stat("/etc/app.yaml"): Failed("EACCES")}

    assert outcome(need("files", "/etc/app.yaml"), refused).startswith("unknown: ")
    assert outcome(need("files", "/etc/app.yaml")).startswith("error: /etc/app.yaml is not there")


def test_the_soft_limit_counts():
    """A program that does not raise it has no more."""
    answer = said("read", "/proc/self/limits", text=LIMITS)

    assert outcome(need("limits", "nofile", "1024"), answer) == "met"
    assert outcome(need("limits", "stack", "8MiB"), answer) == "met"
    low = findings(need("limits", "nofile", "65536"), answer)
    assert [f.message for f in low] == ["the limit nofile is 1024, and 65536 is needed"]
    assert low[0].evidence == ("the hard limit is 1048576",)
    assert outcome(need("limits", "nproc", "unlimited"), answer).startswith("error: ")


def test_limits_of_another_user_are_unknown():
    """They are set when that user logs in, or by the service manager."""
    answer = said("read", "/proc/self/limits", text=LIMITS)
    one = need("limits", "nofile", "1024")

    assert outcome(one, answer, Start(run_as="app")).startswith("unknown: the limits of app")
    assert outcome(one, answer, Start(run_as="root")) == "met"


def test_every_limit_has_its_row():
    """The kernel's own table on this machine has each of them."""
    table = Path("/proc/self/limits").read_text()

    assert [name for name, row in limit.ROWS.items() if limit.parse(table, row) is None] == []


@pytest.mark.parametrize(
    ("name", "wanted", "found", "result"),
    [
        ("vm.max_map_count", ">=262144", "262144\n", "met"),
        ("vm.max_map_count", ">=262144", "65530\n", "error"),
        ("net.ipv4.ip_local_port_range", "32768 60999", "32768\t60999\n", "met"),
        ("net.ipv4.ip_forward", "1", "0\n", "error"),
        ("kernel.core_pattern", ">=1", "core\n", "unknown"),
    ],
)
def test_settings_of_the_kernel(name, wanted, found, result):
    """Compared as a number with a sign, as a text without."""
    path = "/proc/sys/" + name.replace(".", "/")

    assert outcome(need("sysctl", name, wanted), said("read", path, text=found)).startswith(result)


def test_a_setting_that_is_not_there_or_not_told():
    """A kernel without it is not what is needed; /proc that is not mounted tells nothing."""
    one = need("sysctl", "vm.max_map_count", ">=1")
    closed = said("read", "/proc/sys/vm/max_map_count", failed="/proc is not mounted")

    assert outcome(one).startswith("error: the kernel has no vm.max_map_count")
    assert outcome(one, closed).startswith("unknown: ")


def test_a_port_is_taken_by_whoever_listens():
    """On any address of either family."""
    taken = said("ports", "tcp", "1F90", "0A", text=TCP)
    found = findings(need("ports_free", "8080"), taken)

    assert [f.message for f in found] == ["port 8080 is taken, and it has to be free"]
    assert found[0].evidence == ("at 127.0.0.1, by uid 33", "at :: (IPv6), by uid 0")
    assert outcome(need("ports_free", "8080"), said("ports", "tcp", "1F90", "0A", text="")) == "met"
    assert port.parse("nonsense") == ()


def test_a_port_of_root_may_be_refused_to_others():
    """Below ip_unprivileged_port_start it takes a capability that nobody knows of."""
    free = said("ports", "tcp", "0050", "0A", text="")
    first = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
    one = need("ports_free", "80")

    assert outcome(one, free, uid=0) == "met"
    found = outcome(one, free | said("read", first, text="1024"), uid=1000, user="deploy")
    assert found == "unknown: deploy may take port 80 with CAP_NET_BIND_SERVICE alone"
    assert outcome(one, free | said("read", first, text="80\n"), uid=1000) == "met"
    assert outcome(one, free, uid=1000).startswith("unknown: ")


# As bash 5.2, python3 3.11, netcat-openbsd 1.219, curl 7.74 to 8.14 and wget 1.25 print them.
@pytest.mark.parametrize(
    ("printed", "problem"),
    [
        ("nc: bad address 'db'\n\nexit 1", "its name cannot be resolved"),
        ("open\n\nexit 0", ""),
        ("Connection to 127.0.0.1 22 port [tcp/ssh] succeeded!\n\nexit 0", ""),
        ("x: connect: Connection refused\nx: line 1: /dev/tcp/x/1: Connection refused\n\nexit 1",
         "the connection is refused"),
        ("db: line 1: db: Name or service not known\n\nexit 1", "its name cannot be resolved"),
        ("db: line 1: db: Temporary failure in name resolution\n\nexit 1",
         "its name cannot be resolved"),
        ("\nexit 137", "it does not answer in time"),
        ("x: connect: No route to host\n\nexit 1", "there is no route to it"),
        ("bash: line 1: /dev/tcp/x/1: No such file or directory\n\nexit 1", None),
        ("http 200\nexit 0", ""),
        ("http 301\nexit 0", ""),
        ("http 503\nexit 0", "it answers HTTP 503"),
        ("curl: (60) SSL certificate problem: self-signed certificate\nhttp 000\nexit 60",
         "TLS fails"),
        ("curl: (28) Failed to connect to x port 1 after 5001 ms: Timeout was reached\nexit 28",
         "it does not answer in time"),
        ("ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate\nexit 1",
         "TLS fails"),
        ("TimeoutError: timed out\nexit 1", "it does not answer in time"),
        ("  HTTP/1.1 404 Not Found\nexit 8", "it answers HTTP 404"),
        ("wget: unable to resolve host address 'db'\nexit 4", "its name cannot be resolved"),
        ("ERROR: The certificate of 'localhost' is not trusted.\nexit 5", "TLS fails"),
        ("Segmentation fault\nexit 139", None),
    ],
)  # fmt: skip
def test_what_tools_say_of_a_target(printed, problem):
    """Refusal, name, route, time, TLS and status are told apart; what is none of these is not."""
    assert reach.parse("nc" if "Connection to" in printed else "bash", printed) == problem


def test_a_target_is_tried_or_unknown():
    """A host that has nothing to try with is not guessed about."""
    target = "[::1]:5432"
    one = need("reach", target)

    assert outcome(one, said("connect", "::1", "5432", text="bash\nopen\n\nexit 0")) == "met"
    assert outcome(one, said("connect", "::1", "5432", failed="nothing")).startswith("unknown: ")
    web = need("reach", "https://api.example.com/health")
    answer = said("fetch", "https://api.example.com/health", text="curl\nhttp 503\nexit 0")
    assert outcome(web, answer) == (
        "error: https://api.example.com/health is not reached: it answers HTTP 503"
    )


@pytest.mark.parametrize(
    ("told", "result"),
    [
        ("1700000000.500\n1700000000.4\n1700000000.6", "met"),
        ("1700000010.500\n1700000000.4\n1700000000.6", "error: the clock is 9.9 s ahead, and 2s"),
        ("1699999990.500\n1700000000.4\n1700000000.6", "error: the clock is 9.9 s behind, and 2s"),
        ("1700000003.000\n1700000000.0\n1700000008.0", "unknown: the clock is between -5.0 s and"),
        ("1700000000\n1700000000.4\n1700000000.6", "met"),
        ("garbage\n1700000000.4\n1700000000.6", "unknown: the host's clock is not known"),
    ],
)
def test_a_clock_is_off_by_what_is_certain(told, result):
    """Between two moments of ours it told its own; what these leave open is unknown."""
    assert outcome(need("clock", "offset", "2s"), said("clock", text=told)).startswith(result)


def test_durations():
    """Milliseconds to hours."""
    assert [clock.seconds(text) for text in ("500ms", "2s", "1.5 m", "1h")] == [0.5, 2, 90, 3600]


def test_a_package_is_compared_as_its_manager_does():
    """An epoch counts, and one of several architectures is enough."""
    dpkg = said("package", "zlib1g", text="dpkg\ninstalled 1:1.2.13.dfsg-1\n\nexit 0")
    rpm = said("package", "openssl", text="rpm\ninstalled 1:3.0.7-25.el9\n\nexit 0")
    gone = said("package", "zlib1g", text="dpkg\ndpkg-query: no packages found\n\nexit 1")
    removed = said("package", "zlib1g", text="dpkg\nconfig-files 1.0\n\nexit 0")

    assert outcome(need("packages", "zlib1g", ">=1:1.2"), dpkg) == "met"
    assert outcome(need("packages", "zlib1g", ">=2:0"), dpkg) == (
        "error: zlib1g is 1:1.2.13.dfsg-1, and >=2:0 is needed"
    )
    assert outcome(need("packages", "openssl", ">=1:3.0.7"), rpm) == "met"
    for absent in (gone, removed):
        assert outcome(need("packages", "zlib1g", "*"), absent).endswith("and it is needed")
    assert parse("installed 1.0\n\nexit 0") == (("1.0",), 0)


def test_a_host_without_a_known_manager_is_unknown():
    """Whatever may be installed on it."""
    failed = said("package", "zlib1g", failed="the host has neither dpkg nor rpm")

    assert outcome(need("packages", "zlib1g", "*"), failed).startswith("unknown: ")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_asked_is_open(kind):
    """Saved facts that do not answer leave a question, never a verdict."""
    subjects = {
        "system": "release", "limits": "nofile", "clock": "offset", "ports_free": "8080",
        "reach": "db:1", "sysctl": "vm.x",
    }  # fmt: skip
    path = kind in ("disk", "mounts", "files")
    one = need(kind, subjects.get(kind, "/opt" if path else "app"), "exec")
    host = Snapshot(host="a", address="a", status="probed", facts=h.FACTS)

    verdict = judge(manifest(one), Start(), host).verdict

    assert verdict.outcome == "unknown"
    assert [finding.code for finding in verdict.findings] == ["not-asked"]


def test_absent_is_no_answer_of_a_database():
    """The script never says so of a name."""
    assert isinstance(number_of(Absent(), "app"), Failed)
