"""The hook of docs/deploy.md, run by pre-commit itself."""

from __future__ import annotations

import pytest
import yaml

from tests.builders.elf import build_elf
from tests.docs.blocks import PROJECT
from tests.docs.conftest import LOADER, Deployment, need

pytestmark = pytest.mark.slow

HOOKS = PROJECT / ".pre-commit-hooks.yaml"


@pytest.fixture
def repository(deployment: Deployment) -> Deployment:
    """A repository with the page's configuration; the hook is local, so nothing is fetched."""
    need("git")
    path = deployment.directory / ".pre-commit-config.yaml"
    config = yaml.safe_load(path.read_text())
    (repository,) = config["repos"]
    (chosen,) = repository["hooks"]
    (hook,) = yaml.safe_load(HOOKS.read_text())
    assert hook["id"] == chosen["id"]
    local = {"repo": "local", "hooks": [hook | chosen | {"language": "system"}]}
    path.write_text(yaml.safe_dump({"repos": [local]}))
    assert 0 == deployment.run("git", "init", "--quiet").status
    return deployment


def commit(repository: Deployment, *versions: str):
    """Add a plugin that needs these versions of glibc, and run the hook as a commit does."""
    needs = {"libc.so.6": versions}
    built = build_elf(interpreter=LOADER, needed=["libc.so.6"], version_needs=needs)
    (repository.directory / "plugin.so").write_bytes(built)
    repository.run("git", "add", "plugin.so", ".pre-commit-config.yaml", "deploy.sh")
    return repository.run("pre-commit", "run")


def test_a_binary_that_starts_there_is_committed(repository: Deployment):
    """The log has its row for each release; the text files beside it are not looked at."""
    done = commit(repository, "GLIBC_2.34")

    assert 0 == done.status, done.said
    assert "Passed" in done.said
    assert "plugin.so, by a table of releases" in done.said
    assert "deploy.sh" not in done.said


def test_a_binary_that_does_not_start_there_is_no_commit(repository: Deployment):
    """The hook fails, and says which version the release lacks."""
    done = commit(repository, "GLIBC_2.38")

    assert 1 == done.status
    assert "exit code: 1" in done.said
    assert "GLIBC_2.38" in done.said


def test_the_manifest_is_valid(deployment: Deployment):
    """As pre-commit reads it from the repository that a configuration names."""
    assert (0, "") == deployment.run("pre-commit", "validate-manifest", str(HOOKS))[:2]
