"""The pipeline of docs/deploy.md with its component, its jobs run by sh as a runner runs them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.docs.blocks import PROJECT
from tests.docs.conftest import Deployment, Done

pytestmark = pytest.mark.slow

COMPONENT = PROJECT / "integrations/gitlab/templates/preflight/template.yml"
PACKAGE = {"package": "preflight.whl"}  # the one input that has to be given
_INPUT = re.compile(r"\$\[\[ *inputs\.([\w-]+) *\]\]")


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs of the component and its jobs.  Source: GitLab Docs, "CI/CD inputs"."""
    header, jobs = yaml.safe_load_all(COMPONENT.read_text())
    return header["spec"]["inputs"], jobs


def interpolated(node: Any, inputs: dict[str, str]) -> Any:
    """Return a part of the file with inputs for their names, in keys and values."""
    if isinstance(node, dict):
        return {interpolated(k, inputs): interpolated(v, inputs) for k, v in node.items()}
    if isinstance(node, list):
        return [interpolated(item, inputs) for item in node]
    return _INPUT.sub(lambda found: inputs[found[1]], node) if isinstance(node, str) else node


def included(given: dict[str, str]) -> dict[str, Any]:
    """Return the component's job for these inputs."""
    spec, jobs = component()
    assert given.keys() <= spec.keys()
    inputs = {name: one["default"] for name, one in spec.items() if "default" in one} | given
    (job,) = interpolated(jobs, inputs).values()
    return job


def run_job(deployment: Deployment, job: dict[str, Any]) -> Done:
    """Run a job's script in one shell that ends with the first command that fails."""
    variables = job.get("variables", {})
    assert all(one["expand"] is False for one in variables.values())
    extra = {name: one["value"] for name, one in variables.items()}
    return deployment.run("sh", "-e", "-c", "\n".join(job["script"]), extra=extra)


def run_pipeline(deployment: Deployment) -> Done:
    """Run the page's pipeline, stage by stage."""
    pipeline = yaml.safe_load((deployment.directory / ".gitlab-ci.yml").read_text())
    (include,) = pipeline["include"]
    jobs = [included(include["inputs"]), pipeline["deploy"]]
    for job in sorted(jobs, key=lambda job: pipeline["stages"].index(job["stage"])):
        done = run_job(deployment, job)
        if done.status:
            break
    return done


def test_the_pipeline_goes_on_for_a_program_that_starts(deployment: Deployment):
    """The next stage is run, and the reports are where the job says."""
    done = run_pipeline(deployment)

    assert (0, ["all"]) == (done.status, done.reached)
    reports = included(PACKAGE)["artifacts"]["reports"].values()
    assert all((deployment.directory / name).stat().st_size for name in reports)


def test_the_pipeline_stops_for_a_program_that_does_not_start(deployment: Deployment):
    """The job fails, with the finding in its log and in the reports."""
    deployment.build_blocked()

    done = run_pipeline(deployment)

    assert (1, []) == (done.status, done.reached)
    assert "interpreter-missing" in done.said
    for name in included(PACKAGE)["artifacts"]["reports"].values():
        assert "interpreter-missing" in (deployment.directory / name).read_text()


def test_an_input_is_never_a_part_of_the_script(deployment: Deployment):
    """Whatever stands in an input stays one word of the command line."""
    hostile = '$(touch pwned) `touch pwned` "; touch pwned; " *'

    done = run_job(deployment, included(dict.fromkeys(component()[0], hostile)))

    assert 2 == done.status
    assert not (deployment.directory / "pwned").exists()


def test_no_input_stands_in_a_script():
    """Inputs come as variables, and the package that pip installs, too."""
    (job,) = component()[1].values()

    assert not [line for line in [*job["before_script"], *job["script"]] if _INPUT.search(line)]


def test_the_package_is_installed_before():
    """One call of pip, with what the input names: no name of an index is taken for ours."""
    job = included(PACKAGE)

    assert ['python3 -m pip install --quiet "$PACKAGE"'] == job["before_script"]
    assert PACKAGE["package"] == job["variables"]["PACKAGE"]["value"]
    assert PACKAGE.keys() == {n for n, one in component()[0].items() if "default" not in one}
