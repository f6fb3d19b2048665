"""The log-in policy, beside what the real sshd makes of the same files."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from preflight.model.audited import Setting, Sshd
from preflight.probe.facts.sshd import parse_sshd
from preflight.probe.script import bootstrap

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
ASKED = {
    "passwordauthentication": "password",
    "kbdinteractiveauthentication": "keyboard_interactive",
    "permitrootlogin": "root",
    "usepam": "pam",
    "authenticationmethods": "methods",
}
LINES = st.sampled_from(
    [
        "PasswordAuthentication no",
        "passwordauthentication=yes",
        'PASSWORDAUTHENTICATION "no"',
        "\tKbdInteractiveAuthentication = no # a remark",
        "ChallengeResponseAuthentication yes",
        "PermitRootLogin without-password",
        "PermitRootLogin yes",
        "PermitRootLogin forced-commands-only",
        "# PermitRootLogin no",
        "UsePAM yes",
        "AuthenticationMethods publickey,password keyboard-interactive",
        "Match User alice",
        "Match all",
        "Include more/*.conf",
        'Include "more/b.conf"',
        "X11Forwarding no",
        "",
    ]
)


def walked(directory, *, shell="dash", edit=lambda code: code) -> list[bytes]:
    """Run the script's own walk over the files of *directory*, in the place of /etc/ssh."""
    code = bootstrap("script.sh", "audit.sh").split("\n")[1:-2]
    functions = "\n".join(code[: code.index("exec 3<&0")])
    functions = functions.replace("/etc/ssh", str(directory)).replace("/usr/etc", "/no")
    done = subprocess.run(
        [*shell.split(), "-c", edit(f"{functions}\nsshd_policy")], capture_output=True, check=True
    )
    return done.stdout


def policy(directory, **settings) -> Sshd:
    return parse_sshd({"sshd": walked(directory, **settings), "sshdversion": b"OpenSSH_9.2p1"})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sshd")
    (directory / "more").mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # without it sshd -T says nothing
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return directory


def real(directory) -> dict[str, str]:
    """Return what ``sshd -T`` says of the same files, words as preflight has them."""
    text = (directory / "sshd_config").read_text().replace("more/", f"{directory}/more/")
    (directory / "real").write_text(text)
    command = [SSHD, "-T", "-f", directory / "real", "-h", directory / "key"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:  # such as methods of which none is left: that sshd does not start
        reject()
    pairs = (line.partition(" ")[::2] for line in done.stdout.splitlines())
    said = {ASKED[name]: value for name, value in pairs if name in ASKED}
    return said | {"root": said["root"].replace("without-password", "prohibit-password")}


@pytest.mark.skipif(not shutil.which(SSHD), reason="sshd is not installed")
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(["PasswordAuthentication no", "passwordauthentication=yes"], [], [])
@example(["Include more/*.conf", "PermitRootLogin yes"], ["Match User alice"], ["UsePAM yes"])
@example(["Match User alice", "Include more/*.conf", "Match all", "UsePAM yes"], ["Match all"], [])
@given(
    main=st.lists(LINES, max_size=6), a=st.lists(LINES, max_size=3), b=st.lists(LINES, max_size=3)
)
def test_values_are_those_of_sshd(place, main, a, b):
    """Whatever the files say, in whatever order, the global values are what sshd -T prints."""
    (place / "sshd_config").write_text("\n".join([*main, ""]))
    for name, lines in (("a", a), ("b", b)):
        kept = [line for line in lines if "Include" not in line]
        (place / "more" / f"{name}.conf").write_text("\n".join([*kept, ""]))

    found = policy(place)

    values = {name: getattr(found, name).value for name in ASKED.values()}
    assert values == real(place)


@pytest.mark.parametrize(
    ("release", "default"),
    [
        (b'ID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"', "yes"),
        (b'ID="rhel"\nVERSION_ID="7.9"', "yes"),
        (b'ID="almalinux"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"', "prohibit-password"),
        (b'ID=debian\nVERSION_ID="7"', "prohibit-password"),
    ],
)
def test_rhel_7_lets_root_in_by_default(place, release, default):
    """As its own sshd does, whose release 7.4 is another one than Debian's."""
    (place / "sshd_config").write_text("UsePAM yes\n")
    outputs = {"sshd": walked(place), "sshdversion": b"OpenSSH_7.4p1", "os": release}

    assert parse_sshd(outputs).root == Setting(default, default=True)
