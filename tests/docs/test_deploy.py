"""The examples of docs/deploy.md go on where the program starts, and stop where it does not."""

from __future__ import annotations

import getpass

import pytest

from tests.docs.conftest import BLOCKED, Deployment, need
from tests.transport.conftest import ADDRESS, free_port

pytestmark = pytest.mark.slow


def test_make_goes_on_for_a_program_that_starts(deployment: Deployment):
    """The rollout begins, once."""
    need("make")

    done = deployment.run("make", "deploy")

    assert (0, ["all"]) == (done.status, done.reached)


def test_make_stops_for_a_program_that_does_not_start(deployment: Deployment):
    """Nothing is rolled out, and the reason is in the log."""
    need("make")
    deployment.build_blocked()

    done = deployment.run("make", "deploy")

    assert 2 == done.status
    assert BLOCKED in done.said
    assert [] == done.reached


@pytest.mark.parametrize(
    ("prepare", "line"),
    [
        (Deployment.build_blocked, "stopped: it would not start everywhere"),
        (lambda d: d.write_fleet(web=free_port()), "stopped: nobody knows of every host"),
        (lambda d: (d.directory / "fleet.yaml").unlink(), "stopped: there is no answer"),
    ],
    ids=["blocked", "unreachable", "no inventory"],
)
def test_the_script_tells_the_answers_apart(deployment: Deployment, prepare, line):
    """Each exit status has its own branch."""
    prepare(deployment)

    done = deployment.run("sh", "deploy.sh")

    assert (1, line, []) == (done.status, done.said.splitlines()[-1], done.reached)


def test_the_script_goes_on_for_a_program_that_starts(deployment: Deployment):
    """The rollout begins, once."""
    done = deployment.run("sh", "deploy.sh")

    assert (0, ["all"]) == (done.status, done.reached)


def test_the_ready_part_of_a_fleet_goes_ahead(deployment: Deployment):
    """A host that nobody knows of is left out, and the others are rolled out to."""
    port = deployment.sshd.port
    deployment.write_fleet(**{"web-1": port, "web-2": free_port(), "web-3": port})

    done = deployment.run("sh", "deploy-ready.sh")

    assert (0, ["web-1", "web-3"]) == (done.status, done.reached)


@pytest.fixture
def fab(deployment: Deployment):
    """Return a function that runs the page's line, with the directory that it copies into."""
    target = deployment.directory / "target/app"
    target.parent.mkdir()
    fabfile = deployment.directory / "fabfile.py"
    # The only change: the host is this machine itself, where nothing belongs under /opt.
    fabfile.write_text(fabfile.read_text().replace("/opt/app/bin/app", str(target)))
    host = f"{getpass.getuser()}@{ADDRESS}:{deployment.sshd.port}"
    arguments = ["-i", deployment.sshd.identity(), "-H", host, "ask", "deploy"]
    return lambda: (deployment.run("fab", *arguments), target)


def test_a_task_copies_a_program_that_starts(deployment: Deployment, fab):
    """The program lies on the host, byte for byte."""
    done, target = fab()

    assert (0, "") == (done.status, done.said)
    assert (deployment.directory / "dist/app").read_bytes() == target.read_bytes()


def test_a_task_copies_no_program_that_does_not_start(deployment: Deployment, fab):
    """One line is said, and the status is 1, as a shell gate does, and nothing was copied."""
    deployment.build_blocked()

    done, target = fab()

    assert 1 == done.status
    assert 1 == len(done.said.splitlines())
    assert "dist/app is blocked on 127.0.0.1" in done.said
    assert not target.exists()


def test_a_task_stops_at_a_host_that_nobody_knows(deployment: Deployment, fab):
    """Fabric would take the key; the status is that of an answer which is not known."""
    (deployment.directory / "known_hosts").write_text("")

    done, target = fab()

    assert (3, 1) == (done.status, len(done.said.splitlines()))
    assert not target.exists()
