"""The workflow of docs/deploy.md, its steps run one after the other as a runner runs them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from preflight import __version__
from tests.docs.blocks import PROJECT
from tests.docs.conftest import Deployment, Done, need

pytestmark = pytest.mark.slow

ACTION = PROJECT / "integrations/github/action.yml"
SCRIPT = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


def action() -> dict[str, Any]:
    """Return the composite action."""
    return yaml.safe_load(ACTION.read_text())


class Runner:
    """What a runner does for a job: expressions, files to write into, steps until one fails."""

    def __init__(self, deployment: Deployment, names: Mapping[str, str]) -> None:
        self.deployment = deployment
        self.names = dict(names)
        self.temp = deployment.directory / "runner"
        self.temp.mkdir()
        self.variables = {"RUNNER_TEMP": str(self.temp), "GITHUB_ACTION_PATH": str(ACTION.parent)}
        for name in ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
            self.variables[name] = str(self.temp / name)
        self.uploaded = False

    def workflow(self, steps: list[dict[str, Any]]) -> Done:
        """Run a job's steps; a step fails the job, and then `if: always()` alone is run."""
        last = Done(0, "", [])
        for step in steps:
            if last.status and step.get("if") != "always()":
                continue
            uses = step.get("uses", "")
            if "integrations/github" in uses:
                done = self.action(step["with"])
                self.names |= {f"steps.{step['id']}.{k}": v for k, v in self.outputs().items()}
            elif "upload-sarif" in uses:
                self.uploaded = Path(self.evaluated(step["with"]["sarif_file"])).exists()
                continue
            elif uses:
                continue
            else:
                done = self.script(step)
            last = done if not last.status else last
        return last

    def action(self, given: Mapping[str, str], *, install: bool = False) -> Done:
        """Run the steps of the composite action."""
        inputs = {name: one["default"] for name, one in action()["inputs"].items()} | dict(given)
        self.names |= {f"inputs.{name}": value for name, value in inputs.items()}
        steps = action()["runs"]["steps"]
        for step in steps if install else steps[1:]:
            done = self.script(step)
            if done.status:
                break
        return done

    def script(self, step: Mapping[str, Any]) -> Done:
        """Run one `run:`; what it writes for later steps holds for them."""
        own = {name: self.evaluated(text) for name, text in step.get("env", {}).items()}
        done = self.deployment.run(*SCRIPT, step["run"], extra=self.variables | own)
        self.variables |= self.written("GITHUB_ENV")
        return done

    def evaluated(self, text: str) -> str:
        """Return *text* with its expressions replaced."""
        return _EXPRESSION.sub(lambda found: self.names[found[1]], text)

    def written(self, name: str) -> dict[str, str]:
        """Return what steps wrote into one of the runner's files."""
        file = Path(self.variables[name])
        lines = file.read_text().splitlines() if file.exists() else []
        return dict(line.split("=", 1) for line in lines)

    def outputs(self) -> dict[str, str]:
        """Return the outputs of the action, as it maps its steps' to its own."""
        self.names |= {
            f"steps.check.outputs.{k}": v for k, v in self.written("GITHUB_OUTPUT").items()
        }
        mapped = {name: self.evaluated(one["value"]) for name, one in action()["outputs"].items()}
        return {f"outputs.{name}": value for name, value in mapped.items()}


@pytest.fixture
def runner(deployment: Deployment) -> Iterator[Runner]:
    """A runner that knows the job's secret, and ends what the job left running."""
    need("bash")
    need("ssh-agent")
    del deployment.environment["PREFLIGHT_KEY"], deployment.environment["PREFLIGHT_KNOWN_HOSTS"]
    secret = Path(deployment.sshd.identity()).read_text()
    made = Runner(deployment, {"secrets.DEPLOY_KEY": secret})
    yield made
    if agent := made.variables.get("SSH_AGENT_PID"):
        os.kill(int(agent), signal.SIGTERM)


@pytest.fixture
def steps(deployment: Deployment) -> list[dict[str, Any]]:
    """The steps of the page's job."""
    text = (deployment.directory / ".github/workflows/deploy.yml").read_text()
    return yaml.safe_load(text)["jobs"]["deploy"]["steps"]


def test_the_job_goes_on_for_a_program_that_starts(runner: Runner, steps):
    """The key comes from the agent, both hosts are asked, and the rollout is run."""
    done = runner.workflow(steps)

    assert (0, ["all"]) == (done.status, done.reached)
    names = Path(runner.names["steps.preflight.outputs.names"])
    assert ["web-1", "web-2"] == names.read_text().split()


def test_the_job_stops_for_a_program_that_does_not_start(runner: Runner, steps):
    """The finding is an annotation and in the summary, its SARIF file is there to be uploaded."""
    runner.deployment.build_blocked()

    done = runner.workflow(steps)

    assert (1, []) == (done.status, done.reached)
    assert "::error title=" in done.said
    assert "interpreter-missing" in Path(runner.variables["GITHUB_STEP_SUMMARY"]).read_text()
    assert runner.uploaded


def test_an_input_is_never_a_part_of_the_script(runner: Runner):
    """Whatever a branch's name brings into an input stays one word of the command line."""
    hostile = '$(touch pwned) `touch pwned` "; touch pwned; " *'

    done = runner.action(dict.fromkeys(action()["inputs"], hostile))

    assert 2 == done.status
    assert not (runner.deployment.directory / "pwned").exists()


def test_no_expression_stands_in_a_script():
    """Inputs come by `env`.  Source: GitHub Docs, "Security hardening for GitHub Actions"."""
    scripts = [step["run"] for step in action()["runs"]["steps"]]

    assert 2 == len(scripts)
    assert not [text for text in scripts if _EXPRESSION.search(text)]
    assert all(step["shell"] == "bash" for step in action()["runs"]["steps"])


def test_binaries_are_one_a_line(runner: Runner):
    """A name with a blank is one name, and one that looks like an option is none."""
    dist = runner.deployment.directory / "dist"
    shutil.copy(dist / "app", dist / "my app")
    shutil.copy(dist / "app", runner.deployment.directory / "-v")
    given = {"binaries": "dist/my app\n-v\n", "args": "--known-hosts=known_hosts"}
    runner.variables["PREFLIGHT_KEY"] = runner.deployment.sshd.identity()

    done = runner.action(given)

    assert (0, "") == (done.status, done.said.partition("::error")[2])


def test_the_page_names_every_input():
    """docs/deploy.md has a row for each."""
    page = (PROJECT / "docs/deploy.md").read_text()

    assert all(f"\n| `{name}` | " in page for name in action()["inputs"])


def test_the_action_installs_what_it_lies_in(runner: Runner):
    """The command comes from the action's own ref, with its manual page."""
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_COMPILE": "1",
    }
    # Instead of an index there is the environment of the tests, which has all that is needed.
    runner.variables |= offline | {"PYTHONPATH": sysconfig.get_path("purelib")}

    done = runner.script(action()["runs"]["steps"][0])

    assert (0, "") == (done.status, done.said)
    place = Path(runner.variables["GITHUB_PATH"]).read_text().strip()
    version = runner.deployment.run(f"{place}/preflight", "--version", extra=runner.variables)
    assert f"preflight {__version__}\n" == version.said
    assert (Path(place).parent / "share/man/man1/preflight.1").is_file()
