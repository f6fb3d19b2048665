"""Every exit status of the contract, brought about for real and documented."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from preflight.cli.exits import Exit
from tests.cli.conftest import PROJECT


class Scenes:
    """One way to each status; a method is named like its member of `Exit`."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._fixture = request.getfixturevalue

    def deployable(self) -> int:
        return self._check("--local", self._program())

    def blocked(self) -> int:
        return self._check("--local", self._program(needed=["libnowhere.so.1"]))

    def usage(self) -> int:
        return self._check("--local", "nothing-here")

    def undetermined(self) -> int:
        port = self._fixture("closed_port")
        self._fixture("inventory")(web=f"address: 127.0.0.1, port: {port}")
        return self._check(self._program())

    def warnings(self) -> int:
        weak = {"version_needs": {"libc.so.6": ["V_9"]}, "weak_versions": ["V_9"]}
        return self._check("--local", "--fail-on", "warning", self._program(**weak))

    def broken(self) -> int:
        with Path("/dev/full").open("w") as full:
            preflight = self._fixture("preflight")
            return preflight("check", "--local", self._program(), stdout=full).status

    def broken_pipe(self) -> int:
        process = self._fixture("start")("check", "--local", self._program())
        process.stdout.close()
        process.stdout = None
        process.communicate(timeout=60)
        return process.returncode

    def hung_up(self) -> int:
        return self._stopped_by(signal.SIGHUP)

    def interrupted(self) -> int:
        return self._stopped_by(signal.SIGINT)

    def terminated(self) -> int:
        return self._stopped_by(signal.SIGTERM)

    def _check(self, *arguments: object) -> int:
        return self._fixture("run")("check", *arguments).status

    def _program(self, **fields: object) -> Path:
        return self._fixture("program")(**fields)

    def _stopped_by(self, number: signal.Signals) -> int:
        silent = self._fixture("silent")
        port = silent.getsockname()[1]
        self._fixture("inventory")(hung=f"address: 127.0.0.1, port: {port}")
        process = self._fixture("start")("check", self._program(), "--connect-timeout", "60")
        with silent.accept()[0]:  # the host is being asked
            process.send_signal(number)
            process.communicate(timeout=10)
        return process.returncode


@pytest.mark.slow
@pytest.mark.parametrize("status", Exit, ids=str)
def test_status_comes_from_its_cause(status, request):
    """Each status is what a real run that earns it ends with."""
    scene = getattr(Scenes(request), status.name.lower())

    assert status == scene()


def test_every_status_is_documented():
    """The table of the manual names every status, and no other."""
    manual = (PROJECT / "docs" / "commands.md").read_text("utf-8")
    table = re.findall(r"^\| ([\d /]+) \| ", manual, re.MULTILINE)

    assert sorted(Exit) == sorted(int(number) for row in table for number in row.split("/"))


@pytest.mark.parametrize(
    ("options", "needed", "status"),
    [
        (["--exit-zero"], "libnowhere.so.1", Exit.DEPLOYABLE),
        (["--fail-on", "warning"], "libnowhere.so.1", Exit.BLOCKED),
        (["--fail-on", "warning"], "libc.so.6", Exit.DEPLOYABLE),
        (["--fail-on", "unknown"], "libc.so.6", Exit.DEPLOYABLE),
    ],
)
def test_options_change_what_a_verdict_means(run, program, options, needed, status):
    """--exit-zero forgives everything, and --fail-on only ever makes it worse."""
    assert status == run("check", "--local", *options, program(needed=[needed])).status


def test_undetermined_host_fails_on_request(run, program, inventory, closed_port):
    """With --fail-on unknown a host that cannot be asked counts as blocked."""
    inventory(web=f"address: 127.0.0.1, port: {closed_port}")

    assert Exit.BLOCKED == run("check", "--fail-on", "unknown", program()).status


def test_warning_alone_is_no_failure(run, program):
    """A warning leaves the status 0 unless somebody asked for more."""
    weak = program(version_needs={"libc.so.6": ["V_9"]}, weak_versions=["V_9"])

    result = run("check", "--local", weak)

    assert Exit.DEPLOYABLE == result.status
    assert "version-weak-missing" in result.out
